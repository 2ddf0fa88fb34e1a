#include "services/registration/revocation_service.h"

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/ids.h"
#include "services/registration/service_calls.h"
#include "services/registration/testing.h"

namespace birthmark::registration {
namespace {

namespace pb = revocation::v1;

using absl::StatusCode;
using testing::ElementsAre;
using testing::SizeIs;

constexpr char kService[] = "birthmark.revocation.v1.RevocationService.";

class RevocationServiceTest : public testing::Test {
 protected:
  RevocationServiceTest()
      : client_(world_.ca),
        service_(world_.dependencies(), client_, world_.barrier),
        calls_(world_.clock, kService, *pb::Crl::descriptor()->file()) {
    service_.Register(calls_.router());
    storage::CertificateRow row;
    row.serial = HexDecode(serial_).value();
    row.issuer_id = "ldevid";
    row.profile = "ldevid";
    row.not_after = world_.clock.Now() + absl::Hours(24);
    EXPECT_OK(world_.certificates.Insert({row}, {world_.Change().audit[0]}));
  }

  pb::RevokeCertificateRequest GoodRequest() const {
    pb::RevokeCertificateRequest request;
    request.set_name(absl::StrCat("issuers/ldevid/certificates/", serial_));
    request.set_reason(certificate::v1::REVOCATION_REASON_KEY_COMPROMISE);
    request.set_etag("\"1\"");
    return request;
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(absl::string_view method,
                                const Request& request) {
    return calls_.Call<Response>(method, request, World::Operator());
  }

  absl::StatusOr<pb::Revocation> Revoke(
      const pb::RevokeCertificateRequest& request) {
    return calls_.Call<pb::Revocation>("RevokeCertificate", request,
                                       World::Operator());
  }

  World world_;
  CaClient client_;
  RevocationServiceImpl service_;
  ServiceCalls calls_;
  const std::string serial_ = world_.serials.Next();
};

TEST_F(RevocationServiceTest, RevokesOnce) {
  pb::RevokeCertificateRequest request = GoodRequest();
  request.mutable_invalidity_time()->set_seconds(1700000000);
  request.set_request_id(crypto::NewRequestId());
  ASSERT_OK_AND_ASSIGN(const pb::Revocation first, Revoke(request));
  EXPECT_EQ(first.certificate(), request.name());
  EXPECT_EQ(first.reason(), request.reason());
  EXPECT_EQ(first.actor(), World::Operator().actor);
  EXPECT_EQ(first.invalidity_time().seconds(), 1700000000);
  EXPECT_EQ(first.etag(), "\"2\"");
  EXPECT_EQ(first.state(), pb::REVOCATION_STATE_REVOKED);
  EXPECT_EQ(world_.barrier.count(), 1);
  ASSERT_OK_AND_ASSIGN(const pb::Revocation repeat, Revoke(request));
  EXPECT_EQ(repeat.SerializeAsString(), first.SerializeAsString());
  EXPECT_THAT(world_.actions(), ElementsAre("certificate.revoke"));
  pb::ListRevocationsRequest list;
  list.set_parent("issuers/-");
  ASSERT_OK_AND_ASSIGN(const auto page,
                       calls_.Call<pb::ListRevocationsResponse>(
                           "ListRevocations", list, World::Operator()));
  ASSERT_THAT(page.revocations(), SizeIs(1));
  EXPECT_EQ(page.revocations(0).SerializeAsString(), first.SerializeAsString());
}

struct Case {
  const char* name;
  std::function<void(pb::RevokeCertificateRequest&)> spoil;
  StatusCode code;
  absl::string_view reason;
};

class BadRevocationTest : public RevocationServiceTest,
                          public testing::WithParamInterface<Case> {};

TEST_P(BadRevocationTest, IsRefused) {
  pb::RevokeCertificateRequest request = GoodRequest();
  GetParam().spoil(request);
  EXPECT_THAT(Revoke(request), StatusIs(GetParam().code, GetParam().reason));
  EXPECT_THAT(world_.actions(), testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    All, BadRevocationTest,
    testing::Values(
        Case{"AnyIssuer",
             [](auto& r) {
               r.set_name("issuers/-/certificates/" + std::string(32, '1'));
             },
             StatusCode::kInvalidArgument, reasons::kBadResourceName},
        Case{"ShortSerial",
             [](auto& r) { r.set_name("issuers/ldevid/certificates/12"); },
             StatusCode::kInvalidArgument, reasons::kBadResourceName},
        Case{"Unknown",
             [](auto& r) {
               r.set_name("issuers/ldevid/certificates/" +
                          std::string(32, '1'));
             },
             StatusCode::kNotFound, reasons::kCertificateNotFound},
        Case{"NoEtag", [](auto& r) { r.clear_etag(); },
             StatusCode::kInvalidArgument, reasons::kInvalidField},
        Case{"StaleEtag", [](auto& r) { r.set_etag("\"2\""); },
             StatusCode::kAborted, reasons::kEtagMismatch},
        Case{"Hold",
             [](auto& r) {
               r.set_reason(
                   certificate::v1::REVOCATION_REASON_CERTIFICATE_HOLD);
             },
             StatusCode::kInvalidArgument, reasons::kInvalidField},
        Case{"NoReasonOfTheRfc",
             [](auto& r) {
               r.set_reason(static_cast<certificate::v1::RevocationReason>(7));
             },
             StatusCode::kInvalidArgument, reasons::kInvalidField},
        Case{"Future",
             [](auto& r) {
               r.mutable_invalidity_time()->set_seconds(4000000000);
             },
             StatusCode::kInvalidArgument, reasons::kInvalidField}),
    [](const auto& info) { return info.param.name; });

TEST_F(RevocationServiceTest, HoldsAndReleases) {
  pb::HoldCertificateRequest hold;
  hold.set_name(GoodRequest().name());
  hold.set_etag("\"1\"");
  hold.set_request_id(crypto::NewRequestId());
  ASSERT_OK_AND_ASSIGN(const pb::Revocation held,
                       Call<pb::Revocation>("HoldCertificate", hold));
  EXPECT_EQ(held.state(), pb::REVOCATION_STATE_HELD);
  EXPECT_EQ(held.reason(), certificate::v1::REVOCATION_REASON_CERTIFICATE_HOLD);
  pb::ReleaseCertificateRequest release;
  release.set_name(hold.name());
  release.set_etag("\"1\"");
  EXPECT_THAT(Call<pb::Revocation>("ReleaseCertificate", release),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  release.set_etag(held.etag());
  ASSERT_OK_AND_ASSIGN(const pb::Revocation released,
                       Call<pb::Revocation>("ReleaseCertificate", release));
  EXPECT_EQ(released.state(), pb::REVOCATION_STATE_RELEASED);
  // A repeat of the first request holds nothing.
  ASSERT_OK_AND_ASSIGN(const pb::Revocation repeat,
                       Call<pb::Revocation>("HoldCertificate", hold));
  EXPECT_EQ(repeat.SerializeAsString(), held.SerializeAsString());
  ASSERT_OK_AND_ASSIGN(const pb::Revocation still,
                       Call<pb::Revocation>("ReleaseCertificate", release));
  EXPECT_EQ(still.SerializeAsString(), released.SerializeAsString());
  hold.set_etag("\"3\"");
  EXPECT_THAT(
      Call<pb::Revocation>("HoldCertificate", hold),
      StatusIs(StatusCode::kInvalidArgument, reasons::kRequestIdReused));
  EXPECT_THAT(world_.actions(),
              ElementsAre("certificate.hold", "certificate.release"));
  EXPECT_EQ(world_.barrier.count(), 4);
}

TEST_F(RevocationServiceTest, HoldsNothingThatIsRevokedAndReleasesNothingGood) {
  pb::ReleaseCertificateRequest release;
  release.set_name(GoodRequest().name());
  release.set_etag("\"1\"");
  EXPECT_THAT(
      Call<pb::Revocation>("ReleaseCertificate", release),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kCertificateNotHeld));
  ASSERT_OK(Revoke(GoodRequest()));
  release.set_etag("\"2\"");
  EXPECT_THAT(
      Call<pb::Revocation>("ReleaseCertificate", release),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kCertificateRevoked));
  pb::HoldCertificateRequest hold;
  hold.set_name(release.name());
  EXPECT_THAT(Call<pb::Revocation>("HoldCertificate", hold),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  hold.set_etag("\"2\"");
  EXPECT_THAT(
      Call<pb::Revocation>("HoldCertificate", hold),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kCertificateRevoked));
  hold.set_name("issuers/ldevid/certificates/xyz");
  EXPECT_THAT(
      Call<pb::Revocation>("HoldCertificate", hold),
      StatusIs(StatusCode::kInvalidArgument, reasons::kBadResourceName));
  EXPECT_THAT(world_.actions(), ElementsAre("certificate.revoke"));
}

TEST_F(RevocationServiceTest, ListsTheShardsOfAnIssuer) {
  pb::ListCrlShardsRequest request;
  request.set_parent("issuers/ldevid");
  ASSERT_OK_AND_ASSIGN(
      pb::ListCrlShardsResponse shards,
      Call<pb::ListCrlShardsResponse>("ListCrlShards", request));
  EXPECT_THAT(shards.shards(), SizeIs(0));
  const absl::Time now = world_.clock.Now();
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(world_.crl_shards.Lease("ldevid", 10, 10, 10,
                                      now + absl::Hours(1), now));
  }
  ASSERT_OK_AND_ASSIGN(
      shards, Call<pb::ListCrlShardsResponse>("ListCrlShards", request));
  EXPECT_THAT(shards.shards(), ElementsAre(0, 1));
  EXPECT_OK(calls_.Call<pb::ListCrlShardsResponse>(
      "ListCrlShards", request, World::EnforcementPoint("broker")));
  request.set_parent("issuers/-");
  EXPECT_THAT(
      Call<pb::ListCrlShardsResponse>("ListCrlShards", request),
      StatusIs(StatusCode::kInvalidArgument, reasons::kBadResourceName));
  request.set_parent("issuers/nobody");
  world_.ca.FailNext(MakeError(StatusCode::kNotFound, reasons::kIssuerNotFound,
                               "no such issuer"));
  EXPECT_THAT(Call<pb::ListCrlShardsResponse>("ListCrlShards", request),
              StatusIs(StatusCode::kNotFound, reasons::kIssuerNotFound));
}

TEST_F(RevocationServiceTest, GetsACrlFromTheCa) {
  pb::GetCrlRequest request;
  request.set_name("issuers/ldevid/crls/2");
  ASSERT_OK_AND_ASSIGN(
      const pb::Crl crl,
      calls_.Call<pb::Crl>("GetCrl", request, World::Operator()));
  EXPECT_EQ(crl.name(), request.name());
  EXPECT_EQ(crl.crl_der(), "crl of issuers/ldevid");
  EXPECT_EQ(crl.number(), 9);
  for (const char* name : {"issuers/ldevid/crls/-", "issuers/ldevid/crls/01",
                           "issuers/ldevid/crls/99999999999"}) {
    request.set_name(name);
    EXPECT_THAT(
        calls_.Call<pb::Crl>("GetCrl", request, World::Operator()),
        StatusIs(StatusCode::kInvalidArgument, reasons::kBadResourceName));
  }
  request.set_name("issuers/ldevid/crls/0");
  world_.ca.FailNext(absl::UnavailableError("gone"));
  EXPECT_THAT(calls_.Call<pb::Crl>("GetCrl", request, World::Operator()),
              StatusIs(StatusCode::kUnavailable, reasons::kSignerOffline));
}

TEST_F(RevocationServiceTest, ForOperatorsAlone) {
  for (const rpc::Caller& caller :
       {World::Line("acme", "l1"), World::EnforcementPoint("broker")}) {
    const auto refused =
        StatusIs(StatusCode::kPermissionDenied, reasons::kCallerNotAllowed);
    EXPECT_THAT(
        calls_.Call<pb::Revocation>("RevokeCertificate", GoodRequest(), caller),
        refused);
    EXPECT_THAT(calls_.Call<pb::Revocation>(
                    "HoldCertificate", pb::HoldCertificateRequest(), caller),
                refused);
    EXPECT_THAT(
        calls_.Call<pb::Revocation>("ReleaseCertificate",
                                    pb::ReleaseCertificateRequest(), caller),
        refused);
    EXPECT_THAT(calls_.Call<pb::ListRevocationsResponse>(
                    "ListRevocations", pb::ListRevocationsRequest(), caller),
                refused);
  }
  EXPECT_THAT(
      calls_.Call<pb::ListCrlShardsResponse>("ListCrlShards",
                                             pb::ListCrlShardsRequest(),
                                             World::Line("acme", "l1")),
      StatusIs(StatusCode::kPermissionDenied, reasons::kCallerNotAllowed));
  EXPECT_EQ(world_.barrier.count(), 0);
}

}  // namespace
}  // namespace birthmark::registration
