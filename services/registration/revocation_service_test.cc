#include "services/registration/revocation_service.h"

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
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
        service_(world_.dependencies(), client_),
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
  EXPECT_THAT(
      calls_.Call<pb::Revocation>("RevokeCertificate", GoodRequest(),
                                  World::Line("acme", "l1")),
      StatusIs(StatusCode::kPermissionDenied, reasons::kCallerNotAllowed));
}

}  // namespace
}  // namespace birthmark::registration
