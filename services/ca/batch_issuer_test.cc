#include "services/ca/batch_issuer.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/fake_clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/base/thread_pool.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ids.h"
#include "lib/keys/fake_signer.h"
#include "lib/storage/fake_certificate_store.h"
#include "lib/storage/fake_crl_shard_store.h"
#include "lib/storage/fake_database.h"
#include "lib/telemetry/metrics.h"
#include "lib/x509/certificate.h"
#include "lib/x509/serial.h"
#include "services/ca/test_issuer.h"

namespace birthmark::ca {
namespace {

using policy::IssuanceRequest;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr char kCaller[] = "spiffe://birthmark.example/service/registration";
constexpr char kLine[] = "spiffe://birthmark.example/fleet/acme/line/l1";

// RacingStore lets things happen between the authority's looking up and its
// writing down.
class RacingStore : public storage::FakeCertificateStore {
 public:
  using FakeCertificateStore::FakeCertificateStore;

  absl::StatusOr<std::vector<std::string>> Insert(
      absl::Span<const storage::CertificateRow> rows,
      absl::Span<const audit::Entry> entries) override {
    if (!fail_insert.ok()) {
      return std::exchange(fail_insert, absl::OkStatus());
    }
    return FakeCertificateStore::Insert(rows, entries);
  }
  absl::StatusOr<std::vector<storage::CertificateRow>> Find(
      absl::Span<const std::string> serials) override {
    if (std::exchange(blind, false)) {
      return std::vector<storage::CertificateRow>();
    }
    return FakeCertificateStore::Find(serials);
  }

  // The next Insert fails so, and records nothing.
  absl::Status fail_insert;
  // The next Find finds nothing, as if another process had inserted after it.
  bool blind = false;
};

class BatchIssuerTest : public testing::Test {
 protected:
  std::unique_ptr<BatchIssuer> MakeBatchIssuer(policy::ProfileKind kind,
                                               bool no_rev_avail = false) {
    policy::Profile profile;
    profile.id = std::string(policy::ProfileKindName(kind));
    profile.version = 7;
    profile.kind = kind;
    profile.issuer = "idevid";
    if (kind != policy::ProfileKind::kIdevid) {
      profile.validity =
          no_rev_avail ? policy::kMaxUnrevocable : absl::Hours(24 * 90);
    }
    profile.no_rev_avail = no_rev_avail;
    profile.key_algorithms = {crypto::KeyAlgorithm::kP256};
    auto issuance =
        policy::Issuance::New({profile, issuer_->certificate(),
                               issuer_->algorithm(), kTestTrustDomain});
    return std::make_unique<BatchIssuer>(*issuer_, *std::move(issuance),
                                         places_, certificates_, pool_, clock_,
                                         metrics_);
  }

  IssuanceRequest Request(const keys::Signer& key) {
    return {hierarchy_.Serial(), std::string(key.public_key().spki_der()),
            policy::DeviceSubject{crypto::NewUid(clock_), "acme", "thermo",
                                  "SN-1"}};
  }

  absl::StatusOr<BatchIssuer::Results> Issue(
      const std::vector<IssuanceRequest>& requests) {
    return batches_->Issue(requests, {kCaller, kLine});
  }

  std::vector<storage::CertificateRow> Rows() {
    return certificates_.List({}, "", 1000).value();
  }

  FakeClock clock_;
  TestHierarchy hierarchy_{clock_};
  keys::FakeSigner* signer_ = nullptr;
  std::unique_ptr<Issuer> issuer_ =
      hierarchy_.MakeIssuer("idevid", "http://crl.example", &signer_);
  telemetry::Registry registry_;
  Metrics metrics_{registry_};
  ThreadPool pool_{2, 64};
  storage::FakeDatabase database_;
  RacingStore certificates_{database_};
  storage::FakeCrlShardStore shards_{database_};
  ShardPlaces places_{shards_, "idevid", 3, absl::InfiniteDuration()};
  std::unique_ptr<BatchIssuer> batches_ =
      MakeBatchIssuer(policy::ProfileKind::kIdevid);
  keys::FakeSigner key_;
};

TEST_F(BatchIssuerTest, RecordsTheCertificateWithItsAuditEntry) {
  const IssuanceRequest request = Request(key_);
  ASSERT_OK_AND_ASSIGN(auto results, Issue({request}));
  ASSERT_THAT(results, SizeIs(1));
  ASSERT_OK(results[0]);
  ASSERT_OK_AND_ASSIGN(auto certificate, x509::Certificate::Parse(*results[0]));
  EXPECT_OK(certificate.VerifySignatureBy(signer_->public_key()));
  EXPECT_EQ(certificate->serial_hex, x509::SerialToHex(request.serial));

  ASSERT_THAT(Rows(), SizeIs(1));
  const storage::CertificateRow row = Rows()[0];
  EXPECT_EQ(row.serial, request.serial);
  EXPECT_EQ(row.issuer_id, "idevid");
  EXPECT_EQ(row.profile, "idevid");
  EXPECT_EQ(row.profile_version, 7);
  EXPECT_EQ(row.spki_sha256, crypto::Sha256(request.spki_der));
  EXPECT_EQ(row.device_uid,
            std::get<policy::DeviceSubject>(request.subject).uid);
  EXPECT_EQ(row.fleet_id, "acme");
  EXPECT_EQ(row.crl_shard, 0);
  EXPECT_EQ(row.not_before, certificate->not_before);
  EXPECT_EQ(row.not_after, certificate->not_after);
  EXPECT_EQ(row.certificate_der, *results[0]);

  ASSERT_THAT(database_.audit(), SizeIs(1));
  const audit::Entry entry = database_.audit()[0];
  EXPECT_EQ(entry.action, "certificate.issue");
  EXPECT_EQ(entry.actor, kLine);
  EXPECT_EQ(entry.resource,
            "issuers/idevid/certificates/" + x509::SerialToHex(request.serial));
  EXPECT_EQ(entry.details.at("caller"), kCaller);
  EXPECT_EQ(entry.details.at("profile_version"), "7");
  EXPECT_EQ(entry.details.at("spki_sha256"), HexEncode(row.spki_sha256));
}

TEST_F(BatchIssuerTest, CertificatesSayWhichShardTheyAreRecordedOn) {
  std::vector<IssuanceRequest> requests;
  for (int i = 0; i < 7; ++i) {
    const keys::FakeSigner key;
    requests.push_back(Request(key));
  }
  ASSERT_OK_AND_ASSIGN(auto results, Issue(requests));
  const std::vector<int> want = {0, 0, 0, 1, 1, 1, 2};
  for (size_t i = 0; i < results.size(); ++i) {
    ASSERT_OK(results[i]);
    ASSERT_OK_AND_ASSIGN(auto certificate,
                         x509::Certificate::Parse(*results[i]));
    EXPECT_THAT(certificate->crl_uris,
                ElementsAre(issuer_->CrlUris(want[i]).complete));
    ASSERT_OK_AND_ASSIGN(auto row,
                         certificates_.Get("idevid", requests[i].serial));
    EXPECT_EQ(row.crl_shard, want[i]);
  }
}

TEST_F(BatchIssuerTest, WhatIsNeverRevokedTakesNoPlaceOnACrl) {
  batches_ = MakeBatchIssuer(policy::ProfileKind::kLdevid, true);
  ASSERT_OK_AND_ASSIGN(auto results, Issue({Request(key_)}));
  ASSERT_OK(results[0]);
  ASSERT_OK_AND_ASSIGN(auto certificate, x509::Certificate::Parse(*results[0]));
  EXPECT_THAT(certificate->crl_uris, SizeIs(0));
  EXPECT_EQ(Rows()[0].crl_shard, -1);
  EXPECT_THAT(shards_.List("idevid", clock_.Now()), IsOkAndHolds(SizeIs(0)));
}

TEST_F(BatchIssuerTest, SignsNothingWithoutAPlaceOnACrl) {
  const std::vector<IssuanceRequest> requests = {Request(key_)};
  database_.FailNext(MakeError(absl::StatusCode::kUnavailable,
                               reasons::kDatabaseOffline, "gone"));
  EXPECT_THAT(
      batches_->Issue(
          requests,
          {.caller = kCaller, .on_behalf_of = kLine, .first_attempt = true}),
      StatusIs(absl::StatusCode::kUnavailable, reasons::kDatabaseOffline));
  EXPECT_EQ(signer_->sign_count(), 0);
}

TEST_F(BatchIssuerTest, AnswersARepeatFromTheRecordAndSignsNothing) {
  const IssuanceRequest request = Request(key_);
  ASSERT_OK_AND_ASSIGN(auto first, Issue({request}));
  clock_.Advance(absl::Hours(5));
  ASSERT_OK_AND_ASSIGN(auto second, Issue({request}));
  EXPECT_EQ(*first[0], *second[0]);
  EXPECT_EQ(signer_->sign_count(), 1);
  EXPECT_THAT(database_.audit(), SizeIs(1));
}

TEST_F(BatchIssuerTest, NeverGivesASerialToAnotherKey) {
  IssuanceRequest request = Request(key_);
  ASSERT_OK_AND_ASSIGN(auto first, Issue({request}));
  const keys::FakeSigner other;
  request.spki_der = std::string(other.public_key().spki_der());
  ASSERT_OK_AND_ASSIGN(auto second, Issue({request}));
  EXPECT_THAT(second[0], StatusIs(absl::StatusCode::kAlreadyExists,
                                  reasons::kCertificateExists));
  EXPECT_THAT(Rows(), SizeIs(1));
}

TEST_F(BatchIssuerTest, NeverGivesASerialToAnotherProfile) {
  const IssuanceRequest request = Request(key_);
  ASSERT_OK(Issue({request}));
  batches_ = MakeBatchIssuer(policy::ProfileKind::kLdevid);
  ASSERT_OK_AND_ASSIGN(auto second, Issue({request}));
  EXPECT_THAT(second[0], StatusIs(absl::StatusCode::kAlreadyExists,
                                  reasons::kCertificateExists));
}

TEST_F(BatchIssuerTest, SignsASerialOnceWhenItStandsTwiceInABatch) {
  const IssuanceRequest request = Request(key_);
  IssuanceRequest thief = request;
  const keys::FakeSigner other;
  thief.spki_der = std::string(other.public_key().spki_der());
  ASSERT_OK_AND_ASSIGN(auto results, Issue({request, request, thief}));
  ASSERT_OK(results[0]);
  ASSERT_OK(results[1]);
  EXPECT_EQ(*results[0], *results[1]);
  EXPECT_THAT(results[2], StatusIs(absl::StatusCode::kAlreadyExists,
                                   reasons::kCertificateExists));
  EXPECT_EQ(signer_->sign_count(), 1);
}

TEST_F(BatchIssuerTest, ReturnsTheWinnersCertificateAfterARace) {
  const IssuanceRequest request = Request(key_);
  ASSERT_OK_AND_ASSIGN(auto first, Issue({request}));
  certificates_.blind = true;
  ASSERT_OK_AND_ASSIGN(auto second, Issue({request}));
  EXPECT_EQ(*first[0], *second[0]);
  EXPECT_THAT(database_.audit(), SizeIs(1));
}

TEST_F(BatchIssuerTest, LosesARaceForASerialWithAnotherKey) {
  IssuanceRequest request = Request(key_);
  ASSERT_OK(Issue({request}));
  const keys::FakeSigner other;
  request.spki_der = std::string(other.public_key().spki_der());
  certificates_.blind = true;
  ASSERT_OK_AND_ASSIGN(auto second, Issue({request}));
  EXPECT_THAT(second[0], StatusIs(absl::StatusCode::kAlreadyExists,
                                  reasons::kCertificateExists));
}

TEST_F(BatchIssuerTest, OneBadRequestLeavesTheOthersUnharmed) {
  std::vector<IssuanceRequest> requests;
  std::vector<std::unique_ptr<keys::FakeSigner>> keys;
  for (int i = 0; i < 40; ++i) {
    keys.push_back(std::make_unique<keys::FakeSigner>());
    requests.push_back(Request(*keys.back()));
  }
  const keys::FakeSigner wrong_type(crypto::KeyAlgorithm::kP384);
  requests[3].serial.pop_back();
  requests[7].spki_der = "\x30";
  requests[11].spki_der = std::string(wrong_type.public_key().spki_der());
  requests[13].subject = policy::LineSubject{"acme", "l1"};
  requests[17].subject = std::monostate();
  std::get<policy::DeviceSubject>(requests[19].subject).serial_number = "_";
  ASSERT_OK_AND_ASSIGN(auto results, Issue(requests));
  ASSERT_THAT(results, SizeIs(40));
  EXPECT_THAT(results[3], HasMetadata("field", "serial"));
  EXPECT_THAT(results[7], StatusIs(absl::StatusCode::kInvalidArgument,
                                   reasons::kKeyMalformed));
  EXPECT_THAT(results[11], StatusIs(absl::StatusCode::kFailedPrecondition,
                                    reasons::kKeyTypeNotAllowed));
  EXPECT_THAT(results[13], StatusIs(absl::StatusCode::kFailedPrecondition,
                                    reasons::kProfileViolation));
  EXPECT_THAT(results[17], HasMetadata("field", "subject"));
  EXPECT_THAT(results[19], HasMetadata("field", "device.serial_number"));
  int good = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i].ok()) {
      continue;
    }
    ++good;
    ASSERT_OK_AND_ASSIGN(auto certificate,
                         x509::Certificate::Parse(*results[i]));
    EXPECT_EQ(certificate->spki_der, requests[i].spki_der);
  }
  EXPECT_EQ(good, 34);
  EXPECT_THAT(Rows(), SizeIs(34));
  EXPECT_THAT(database_.audit(), SizeIs(34));
  EXPECT_EQ(metrics_.issued.With({"idevid"}).Value(), 34);
  EXPECT_EQ(metrics_.refused.With({"idevid", "INVALID_FIELD"}).Value(), 3);
}

TEST_F(BatchIssuerTest, AnswersNothingThatIsNotCommitted) {
  const IssuanceRequest request = Request(key_);
  certificates_.fail_insert = MakeError(absl::StatusCode::kUnavailable,
                                        reasons::kDatabaseOffline, "gone");
  EXPECT_THAT(Issue({request}), StatusIs(absl::StatusCode::kUnavailable,
                                         reasons::kDatabaseOffline));
  EXPECT_THAT(Rows(), SizeIs(0));
  ASSERT_OK_AND_ASSIGN(auto results, Issue({request}));
  EXPECT_OK(results[0]);
}

TEST_F(BatchIssuerTest, FailsAsAWholeWhenTheSignerIsOffline) {
  const keys::FakeSigner other;
  signer_->FailNext(MakeError(absl::StatusCode::kUnavailable,
                              reasons::kSignerOffline, "no token"));
  EXPECT_THAT(
      Issue({Request(key_), Request(other)}),
      StatusIs(absl::StatusCode::kUnavailable, reasons::kSignerOffline));
  EXPECT_THAT(Rows(), SizeIs(0));
}

TEST_F(BatchIssuerTest, FailsAsAWholeOutsideTheIssuersValidity) {
  clock_.Set(clock_.Now() - absl::Hours(2));
  EXPECT_THAT(Issue({Request(key_)}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       reasons::kIssuerNotActive));
  EXPECT_EQ(signer_->sign_count(), 0);
}

}  // namespace
}  // namespace birthmark::ca
