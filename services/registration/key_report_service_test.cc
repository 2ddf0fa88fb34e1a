#include "services/registration/key_report_service.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/hash.h"
#include "lib/keys/local_key.h"
#include "services/registration/service_calls.h"
#include "services/registration/testing.h"

namespace birthmark::registration {
namespace {

namespace pb = revocation::v1;

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kService[] = "birthmark.revocation.v1.RevocationService.";

class KeyReportServiceTest : public testing::Test {
 protected:
  KeyReportServiceTest()
      : metrics_(world_.metrics),
        service_(world_.dependencies(), world_.barrier, metrics_),
        calls_(world_.clock, kService, *pb::Crl::descriptor()->file()) {
    service_.Register(calls_.router());
  }

  static std::unique_ptr<keys::LocalKey> NewKey(
      crypto::KeyAlgorithm algorithm = crypto::KeyAlgorithm::kP256) {
    return *keys::LocalKey::Generate(algorithm);
  }

  // The key of a line, with its certificate.
  void Certify(const keys::LocalKey& key, const std::string& line) {
    const std::string spki(key.public_key().spki_der());
    storage::KeyRow row;
    row.spki_sha256 = crypto::Sha256(spki);
    row.serial = HexDecode(world_.serials.Next()).value();
    row.usage = storage::KeyUsage::kClient;
    storage::LineRow line_row;
    line_row.fleet_id = "acme";
    line_row.line_id = line;
    line_row.models = {"m1"};
    ASSERT_OK(world_.lines.Create(line_row, row, world_.Change()));
    storage::CertificateRow certificate;
    certificate.serial = row.serial;
    certificate.issuer_id = "internal";
    certificate.spki_sha256 = row.spki_sha256;
    certificate.not_after = world_.clock.Now() + absl::Hours(24);
    ASSERT_OK(
        world_.certificates.Insert({certificate}, {world_.Change().audit[0]}));
  }

  absl::StatusOr<pb::KeyChallenge> Challenge(
      const std::string& spki_der,
      const rpc::Caller& caller = World::Operator()) {
    pb::CreateKeyChallengeRequest request;
    request.set_spki_der(spki_der);
    return calls_.Call<pb::KeyChallenge>("CreateKeyChallenge", request, caller);
  }

  // A good report.
  pb::ReportKeyCompromiseRequest ReportOf(const keys::LocalKey& key) {
    pb::ReportKeyCompromiseRequest request;
    request.set_spki_der(std::string(key.public_key().spki_der()));
    request.set_challenge(Challenge(request.spki_der())->challenge());
    request.set_signature(*key.Sign(request.challenge()));
    return request;
  }

  absl::StatusOr<pb::ReportKeyCompromiseResponse> Report(
      const pb::ReportKeyCompromiseRequest& request,
      const rpc::Caller& caller = World::Operator()) {
    return calls_.Call<pb::ReportKeyCompromiseResponse>("ReportKeyCompromise",
                                                        request, caller);
  }

  World world_;
  Metrics metrics_;
  KeyReportService service_;
  ServiceCalls calls_;
};

class KeyReportOfAlgorithmTest
    : public KeyReportServiceTest,
      public testing::WithParamInterface<crypto::KeyAlgorithm> {};

TEST_P(KeyReportOfAlgorithmTest, WhoeverHoldsTheKeyRevokesItOnce) {
  const auto key = NewKey(GetParam());
  Certify(*key, "l2");
  const pb::ReportKeyCompromiseRequest request = ReportOf(*key);
  ASSERT_OK_AND_ASSIGN(const auto first,
                       Report(request, World::Line("acme", "l1")));
  const pb::Revocation& revocation = first.revocation();
  EXPECT_EQ(revocation.state(), pb::REVOCATION_STATE_REVOKED);
  EXPECT_EQ(revocation.reason(),
            certificate::v1::REVOCATION_REASON_KEY_COMPROMISE);
  EXPECT_EQ(revocation.actor(), World::Line("acme", "l1").actor);
  EXPECT_EQ(world_.barrier.count(), 1);
  // The same signature, and another one.
  world_.clock.Advance(absl::Minutes(1));
  ASSERT_OK_AND_ASSIGN(const auto replay, Report(request));
  EXPECT_EQ(replay.SerializeAsString(), first.SerializeAsString());
  ASSERT_OK_AND_ASSIGN(const auto again, Report(ReportOf(*key)));
  EXPECT_EQ(again.SerializeAsString(), first.SerializeAsString());
  EXPECT_THAT(world_.actions(), ElementsAre("certificate.revoke"));
}

INSTANTIATE_TEST_SUITE_P(All, KeyReportOfAlgorithmTest,
                         testing::Values(crypto::KeyAlgorithm::kP256,
                                         crypto::KeyAlgorithm::kP384,
                                         crypto::KeyAlgorithm::kEd25519,
                                         crypto::KeyAlgorithm::kRsa),
                         [](const auto& info) -> std::string {
                           switch (info.param) {
                             case crypto::KeyAlgorithm::kP256:
                               return "P256";
                             case crypto::KeyAlgorithm::kP384:
                               return "P384";
                             case crypto::KeyAlgorithm::kEd25519:
                               return "Ed25519";
                             default:
                               return "Rsa";
                           }
                         });

TEST_F(KeyReportServiceTest, AChallengeSaysWhatIsSigned) {
  const auto key = NewKey();
  const std::string spki(key->public_key().spki_der());
  ASSERT_OK_AND_ASSIGN(const pb::KeyChallenge one, Challenge(spki));
  ASSERT_OK_AND_ASSIGN(const pb::KeyChallenge two, Challenge(spki));
  EXPECT_NE(one.challenge(), two.challenge());
  EXPECT_EQ(one.challenge().rfind(
                "birthmark: this key is compromised, version 1\n", 0),
            0u);
  EXPECT_EQ(absl::FromUnixSeconds(one.expire_time().seconds()),
            NowSeconds(world_.clock) + absl::Minutes(10));
}

TEST_F(KeyReportServiceTest, RefusesEveryOtherProof) {
  const auto key = NewKey();
  const auto other = NewKey();
  Certify(*key, "l2");
  const auto invalid =
      StatusIs(StatusCode::kInvalidArgument, reasons::kChallengeInvalid);
  const auto unproven =
      StatusIs(StatusCode::kPermissionDenied, reasons::kSignatureInvalid);
  const pb::ReportKeyCompromiseRequest good = ReportOf(*key);

  pb::ReportKeyCompromiseRequest request = good;
  request.set_signature(*other->Sign(request.challenge()));
  EXPECT_THAT(Report(request), unproven);
  request.clear_signature();
  EXPECT_THAT(Report(request), unproven);
  request.set_signature(std::string(100000, 'x'));
  EXPECT_THAT(Report(request), unproven);
  request.set_signature(*key->Sign("something else"));
  EXPECT_THAT(Report(request), unproven);

  // A challenge of another key, signed by this one.
  request = good;
  request.set_challenge(ReportOf(*other).challenge());
  request.set_signature(*key->Sign(request.challenge()));
  EXPECT_THAT(Report(request), invalid);
  // One that was made up, altered in each octet, cut, or of another deployment.
  for (size_t i = 0; i < good.challenge().size(); ++i) {
    request = good;
    (*request.mutable_challenge())[i] ^= 1;
    request.set_signature(*key->Sign(request.challenge()));
    EXPECT_THAT(Report(request), invalid) << i;
  }
  for (const std::string& challenge :
       {std::string(), good.challenge().substr(0, 50),
        std::string(KeyChallengeCodec::kLabel), good.challenge() + "x",
        std::string(100000, 'b'),
        KeyChallengeCodec("another secret")
            .Make(crypto::Sha256(good.spki_der()),
                  world_.clock.Now() + absl::Minutes(5))}) {
    request = good;
    request.set_challenge(challenge);
    request.set_signature(*key->Sign(request.challenge()));
    EXPECT_THAT(Report(request), invalid);
  }
  EXPECT_THAT(world_.actions(), IsEmpty());
  EXPECT_EQ(world_.barrier.count(), 0);
  EXPECT_OK(Report(good));
}

TEST_F(KeyReportServiceTest, AChallengeEndsAfterTenMinutes) {
  const auto key = NewKey();
  Certify(*key, "l2");
  const pb::ReportKeyCompromiseRequest request = ReportOf(*key);
  world_.clock.Advance(absl::Minutes(10));
  EXPECT_THAT(Report(request), StatusIs(StatusCode::kInvalidArgument,
                                        reasons::kChallengeExpired));
  EXPECT_THAT(world_.actions(), IsEmpty());
}

TEST_F(KeyReportServiceTest, RefusesKeysThatAreNone) {
  EXPECT_THAT(Challenge(""),
              StatusIs(StatusCode::kInvalidArgument, reasons::kKeyMalformed));
  EXPECT_THAT(
      Challenge(std::string(100000, 'x')),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kKeyTypeNotAllowed));
  const auto key = NewKey();
  pb::ReportKeyCompromiseRequest request = ReportOf(*key);
  request.mutable_spki_der()->push_back('x');
  EXPECT_THAT(Report(request),
              StatusIs(StatusCode::kInvalidArgument, reasons::kKeyMalformed));
}

TEST_F(KeyReportServiceTest, AKeyThatNobodyCertifiedIsUnknown) {
  EXPECT_THAT(Report(ReportOf(*NewKey())),
              StatusIs(StatusCode::kNotFound, reasons::kKeyNotFound));
}

TEST_F(KeyReportServiceTest, OutranksAnEarlierReason) {
  const auto key = NewKey();
  Certify(*key, "l2");
  const std::string spki_sha256 = crypto::Sha256(key->public_key().spki_der());
  storage::RevocationRow row;
  for (const auto& [serial, certificate] : [&] {
         storage::FakeDatabase::Transaction transaction(world_.database);
         return transaction->certificates;
       }()) {
    if (certificate.spki_sha256 == spki_sha256) {
      row.serial = serial;
    }
  }
  row.issuer_id = "internal";
  row.reason = 4;
  row.revoke_time = NowSeconds(world_.clock);
  row.update_time = row.revoke_time;
  ASSERT_OK(world_.revocations.Revoke(
      row, 1, [&](const auto&) { return world_.Change(); }));
  ASSERT_OK_AND_ASSIGN(const auto reported, Report(ReportOf(*key)));
  EXPECT_EQ(reported.revocation().reason(),
            certificate::v1::REVOCATION_REASON_KEY_COMPROMISE);
  storage::FakeDatabase::Transaction transaction(world_.database);
  EXPECT_EQ(transaction->keys.at(spki_sha256).state,
            storage::KeyState::kBlocked);
}

TEST_F(KeyReportServiceTest, ServicesHaveNoKeysToReport) {
  rpc::Caller caller;
  caller.role = options::v1::ROLE_GATEWAY;
  EXPECT_THAT(
      Report(ReportOf(*NewKey()), caller),
      StatusIs(StatusCode::kPermissionDenied, reasons::kCallerNotAllowed));
  EXPECT_THAT(Challenge("x", caller), StatusIs(StatusCode::kPermissionDenied,
                                               reasons::kCallerNotAllowed));
}

}  // namespace
}  // namespace birthmark::registration
