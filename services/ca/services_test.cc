#include "services/ca/services.h"

#include <memory>
#include <string>
#include <utility>

#include "birthmark/ca/v1/ca_service.pb.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/rpc/local_channel.h"
#include "lib/rpc/router.h"
#include "lib/rpc/status.h"
#include "lib/x509/certificate.h"
#include "lib/x509/crl.h"
#include "services/ca/services_fixture.h"

namespace birthmark::ca {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(ServicesTest, IssuesWithTheChainUpToButWithoutTheRoot) {
  ASSERT_OK_AND_ASSIGN(auto response, Call<v1::IssueCertificatesResponse>(
                                          kIssue, CreateValidRequest()));
  ASSERT_EQ(response.results_size(), 1);
  ASSERT_OK_AND_ASSIGN(auto leaf, x509::Certificate::Parse(
                                      response.results(0).certificate_der()));
  ASSERT_EQ(response.issuer_chain_der_size(), 1);
  ASSERT_OK_AND_ASSIGN(auto issuer,
                       x509::Certificate::Parse(response.issuer_chain_der(0)));
  EXPECT_OK(leaf.VerifySignatureBy(issuer.public_key()));
  ASSERT_THAT(database_.audit(), SizeIs(1));
  EXPECT_EQ(database_.audit()[0].details.at("caller"),
            "spiffe://birthmark.example/service/registration");
}

TEST_F(ServicesTest, ABadRequestIsAStatusWithItsReason) {
  v1::IssueCertificatesRequest request = CreateValidRequest();
  *request.add_requests() = CreateValidRequest().requests(0);
  request.mutable_requests(0)->clear_subject();
  ASSERT_OK_AND_ASSIGN(auto response,
                       Call<v1::IssueCertificatesResponse>(kIssue, request));
  ASSERT_EQ(response.results_size(), 2);
  const absl::Status error = rpc::FromProto(response.results(0).error());
  EXPECT_THAT(error, StatusIs(absl::StatusCode::kInvalidArgument,
                              reasons::kInvalidField));
  EXPECT_THAT(error, HasMetadata("field", "subject"));
  EXPECT_TRUE(response.results(1).has_certificate_der());
}

struct Case {
  const char* name;
  void (*spoil)(v1::IssueCertificatesRequest&);
  absl::StatusCode code;
  absl::string_view reason;
};
class BadBatchTest : public ServicesTest,
                     public testing::WithParamInterface<Case> {};

TEST_P(BadBatchTest, IsRefusedAsAWhole) {
  v1::IssueCertificatesRequest request = CreateValidRequest();
  GetParam().spoil(request);
  EXPECT_THAT(Call<v1::IssueCertificatesResponse>(kIssue, request),
              StatusIs(GetParam().code, GetParam().reason));
  EXPECT_THAT(database_.audit(), SizeIs(0));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadBatchTest,
    testing::Values(
        Case{"BadProfileName", [](auto& r) { r.set_profile("idevid"); },
             absl::StatusCode::kInvalidArgument, reasons::kBadResourceName},
        Case{"UnknownProfile",
             [](auto& r) { r.set_profile("profiles/ldevid"); },
             absl::StatusCode::kNotFound, reasons::kProfileNotFound},
        Case{"NoRequests", [](auto& r) { r.clear_requests(); },
             absl::StatusCode::kInvalidArgument, reasons::kInvalidField},
        Case{"TooManyRequests",
             [](auto& r) {
               for (int i = 0; i < 1000; ++i) {
                 r.add_requests();
               }
             },
             absl::StatusCode::kInvalidArgument, reasons::kInvalidField},
        Case{"NobodysBehalf", [](auto& r) { r.clear_on_behalf_of(); },
             absl::StatusCode::kInvalidArgument, reasons::kInvalidField},
        Case{"StrangersBehalf",
             [](auto& r) {
               r.set_on_behalf_of("spiffe://other.example/operator/eve");
             },
             absl::StatusCode::kInvalidArgument, reasons::kInvalidField},
        Case{"BadBirthSerial",
             [](auto& r) { r.set_on_behalf_of("idevid:XYZ"); },
             absl::StatusCode::kInvalidArgument, reasons::kInvalidField},
        Case{"StrangersBehalfOnce",
             [](auto& r) {
               r.mutable_requests(0)->set_on_behalf_of(
                   "spiffe://other.example/operator/eve");
             },
             absl::StatusCode::kInvalidArgument, reasons::kInvalidField}),
    [](const auto& info) { return info.param.name; });

TEST_F(ServicesTest, RecordsOnWhoseBehalfEachCertificateIs) {
  v1::IssueCertificatesRequest request = CreateValidRequest();
  *request.add_requests() = request.requests(0);
  const std::string device = "idevid:" + std::string(32, '1');
  request.mutable_requests(1)->set_serial(hierarchy_.Serial());
  request.mutable_requests(1)->set_on_behalf_of(device);
  ASSERT_OK(Call<v1::IssueCertificatesResponse>(kIssue, request));
  const auto entries = database_.audit();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].actor, request.on_behalf_of());
  EXPECT_EQ(entries[1].actor, device);
}

TEST_F(ServicesTest, IssuesForRegistrationAlone) {
  for (const auto role :
       {options::v1::ROLE_INVENTORY, options::v1::ROLE_OPERATOR,
        options::v1::ROLE_LINE, options::v1::ROLE_STATUS}) {
    EXPECT_THAT(
        Call<v1::IssueCertificatesResponse>(kIssue, CreateValidRequest(), role),
        StatusIs(absl::StatusCode::kPermissionDenied,
                 reasons::kCallerNotAllowed));
  }
}

TEST_F(ServicesTest, ShowsIssuersWithTheWholeChain) {
  v1::GetIssuerRequest request;
  request.set_name("issuers/internal");
  ASSERT_OK_AND_ASSIGN(auto issuer, Call<v1::Issuer>(kGetIssuer, request));
  EXPECT_EQ(issuer.name(), "issuers/internal");
  ASSERT_EQ(issuer.certificate_chain_der_size(), 2);
  EXPECT_EQ(issuer.certificate_chain_der(1), hierarchy_.root()->der);
  request.set_name("issuers/ldevid");
  EXPECT_THAT(Call<v1::Issuer>(kGetIssuer, request),
              StatusIs(absl::StatusCode::kNotFound, reasons::kIssuerNotFound));
  ASSERT_OK_AND_ASSIGN(auto all,
                       Call<v1::ListIssuersResponse>(
                           "birthmark.ca.v1.CertificateAuthority.ListIssuers",
                           v1::ListIssuersRequest()));
  EXPECT_EQ(all.issuers_size(), 2);
}

TEST_F(ServicesTest, ShowsProfiles) {
  ASSERT_OK_AND_ASSIGN(auto all,
                       Call<v1::ListProfilesResponse>(
                           "birthmark.ca.v1.CertificateAuthority.ListProfiles",
                           v1::ListProfilesRequest()));
  ASSERT_EQ(all.profiles_size(), 3);
  EXPECT_EQ(all.profiles(0).name(), "profiles/idevid");
  EXPECT_FALSE(all.profiles(0).has_validity());
  EXPECT_EQ(all.profiles(1).issuer(), "issuers/internal");
  v1::GetProfileRequest request;
  request.set_name("profiles/line");
  ASSERT_OK_AND_ASSIGN(
      auto line,
      Call<v1::Profile>("birthmark.ca.v1.CertificateAuthority.GetProfile",
                        request));
  EXPECT_EQ(line.validity().seconds(), 90 * 86400);
}

TEST_F(ServicesTest, SignsCrls) {
  v1::SignCrlRequest request;
  request.set_issuer("issuers/idevid");
  ASSERT_OK_AND_ASSIGN(auto response,
                       Call<v1::SignCrlResponse>(kSignCrl, request));
  EXPECT_EQ(response.number(), absl::ToUnixMillis(clock_.Now()));
  EXPECT_OK(x509::Crl::Parse(response.crl_der()));
  EXPECT_EQ(response.next_update_time().seconds() -
                response.this_update_time().seconds(),
            24 * 3600);
  request.set_issuer("issuers/nobody");
  EXPECT_THAT(Call<v1::SignCrlResponse>(kSignCrl, request),
              StatusIs(absl::StatusCode::kNotFound, reasons::kIssuerNotFound));
}

TEST_F(ServicesTest, SaysSoIfTheIssuerHasNoSuchShard) {
  v1::SignCrlRequest request;
  request.set_issuer("issuers/idevid");
  request.set_shard(7);
  EXPECT_THAT(
      Call<v1::SignCrlResponse>(kSignCrl, request, options::v1::ROLE_STATUS),
      StatusIs(absl::StatusCode::kNotFound, reasons::kCrlShardNotFound));
}

TEST_F(ServicesTest, CertificatesSayWhereTheirStatusAndIssuerAre) {
  ASSERT_OK_AND_ASSIGN(auto response, Call<v1::IssueCertificatesResponse>(
                                          kIssue, CreateValidRequest()));
  ASSERT_OK_AND_ASSIGN(auto leaf, x509::Certificate::Parse(
                                      response.results(0).certificate_der()));
  EXPECT_THAT(leaf->crl_uris, ElementsAre("http://crl.example/idevid/0.crl"));
  EXPECT_THAT(leaf->ocsp_uris, ElementsAre("http://status.example/ocsp"));
  EXPECT_THAT(leaf->ca_issuer_uris,
              ElementsAre("http://status.example/ca/idevid.cer"));
}

TEST_F(ServicesTest, CertifiesEnforcementPoints) {
  Options options = ValidOptions();
  options.profiles.push_back(
      ProfileOf(policy::ProfileKind::kEnforcementPoint, "internal"));
  ASSERT_OK_AND_ASSIGN(auto services, New(std::move(options)));
  rpc::Router router{{}, clock_, rpc_metrics_};
  services->Register(router);
  v1::IssueCertificatesRequest request = CreateValidRequest();
  request.set_profile("profiles/enforcement-point");
  request.mutable_requests(0)
      ->mutable_enforcement_point()
      ->set_enforcement_point("broker-1");
  rpc::LocalChannel channel(
      router,
      rpc::ServiceCaller(options::v1::ROLE_REGISTRATION, kTestTrustDomain));
  rpc::Channel& base = channel;
  ASSERT_OK_AND_ASSIGN(auto response, base.Unary<v1::IssueCertificatesResponse>(
                                          kIssue, request));
  ASSERT_OK_AND_ASSIGN(auto leaf, x509::Certificate::Parse(
                                      response.results(0).certificate_der()));
  EXPECT_THAT(
      leaf->subject_alt_names.uris,
      ElementsAre("spiffe://birthmark.example/enforcement-point/broker-1"));
}

TEST_F(ServicesTest, RefusesToStartWithAProfileWithoutItsIssuer) {
  Options options = ValidOptions();
  options.profiles.push_back(ProfileOf(policy::ProfileKind::kLdevid, "ldevid"));
  const auto services = New(std::move(options));
  EXPECT_THAT(services, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(services.status().message()),
              HasSubstr("profile ldevid: there is no issuer ldevid"));
}

TEST_F(ServicesTest, RefusesToStartWithTwoOfAKind) {
  Options options = ValidOptions();
  options.profiles.push_back(options.profiles[0]);
  EXPECT_THAT(New(std::move(options)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  options = ValidOptions();
  options.issuers[1].id = "idevid";
  EXPECT_THAT(New(std::move(options)),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace birthmark::ca
