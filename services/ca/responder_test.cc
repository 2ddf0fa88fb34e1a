#include <string>
#include <utility>

#include "birthmark/ca/v1/ca_service.pb.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/keys/fake_signer.h"
#include "lib/rpc/status.h"
#include "lib/x509/certificate.h"
#include "lib/x509/csr.h"
#include "lib/x509/oid.h"
#include "services/ca/services_fixture.h"

namespace birthmark::ca {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class ResponderTest : public ServicesTest {
 protected:
  std::string CsrOf(const keys::Signer& key, const keys::Signer& signer) {
    return x509::CreateCsr(
               {}, key.public_key().spki_der(), signer.algorithm(),
               [&](absl::string_view tbs) { return signer.Sign(tbs); })
        .value();
  }

  absl::StatusOr<v1::CertifyResponderResponse> Certify(
      const std::string& issuer, const std::string& csr_der,
      options::v1::Role role = options::v1::ROLE_STATUS) {
    v1::CertifyResponderRequest request;
    request.set_issuer(issuer);
    request.set_csr_der(csr_der);
    return Call<v1::CertifyResponderResponse>(kCertify, request, role);
  }
};

TEST_F(ResponderTest, GetsACertificateThatIsRecordedAndOnNoCrl) {
  ASSERT_OK_AND_ASSIGN(auto response,
                       Certify("issuers/idevid", CsrOf(key_, key_)));
  ASSERT_OK_AND_ASSIGN(auto certificate,
                       x509::Certificate::Parse(response.certificate_der()));
  EXPECT_EQ(certificate->spki_der, key_.public_key().spki_der());
  EXPECT_THAT(certificate->extended_key_usages,
              ElementsAre(x509::oids::kOcspSigning));
  EXPECT_TRUE(certificate->ocsp_no_check);
  EXPECT_THAT(certificate->crl_uris, SizeIs(0));
  EXPECT_EQ(certificate->not_after - certificate->not_before,
            absl::Hours(24 * 7) + policy::kDefaultBackdate - absl::Seconds(1));

  ASSERT_OK_AND_ASSIGN(auto rows, certificates_.List({}, "", 10));
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].profile, "ocsp-responder");
  EXPECT_EQ(rows[0].certificate_der, response.certificate_der());
  EXPECT_EQ(rows[0].crl_shard, -1);
  ASSERT_THAT(database_.audit(), SizeIs(1));
  EXPECT_EQ(database_.audit()[0].action, "certificate.issue");
  EXPECT_EQ(database_.audit()[0].actor,
            "spiffe://birthmark.example/service/status");
}

TEST_F(ResponderTest, IsRefusedWithoutTheKeyOrWithAnUnfitOne) {
  const keys::FakeSigner other;
  const keys::FakeSigner p384(crypto::KeyAlgorithm::kP384);
  EXPECT_THAT(Certify("issuers/idevid", CsrOf(key_, other)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       reasons::kCsrSignatureInvalid));
  EXPECT_THAT(Certify("issuers/idevid", CsrOf(p384, p384)),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       reasons::kKeyTypeNotAllowed));
  EXPECT_THAT(
      Certify("issuers/idevid", "\x30"),
      StatusIs(absl::StatusCode::kInvalidArgument, reasons::kCsrMalformed));
  EXPECT_THAT(
      Certify("issuers/idevid", std::string(1 << 20, 'x')),
      StatusIs(absl::StatusCode::kInvalidArgument, reasons::kCsrTooLarge));
  EXPECT_THAT(database_.audit(), SizeIs(0));
}

TEST_F(ResponderTest, IsRefusedByAnIssuerWithoutSuchAProfile) {
  EXPECT_THAT(Certify("issuers/internal", CsrOf(key_, key_)),
              StatusIs(absl::StatusCode::kNotFound, reasons::kProfileNotFound));
  EXPECT_THAT(Certify("issuers/nobody", CsrOf(key_, key_)),
              StatusIs(absl::StatusCode::kNotFound, reasons::kIssuerNotFound));
}

TEST_F(ResponderTest, IsForStatusAlone) {
  for (const auto role :
       {options::v1::ROLE_REGISTRATION, options::v1::ROLE_INVENTORY,
        options::v1::ROLE_OPERATOR, options::v1::ROLE_DEVICE}) {
    EXPECT_THAT(Certify("issuers/idevid", CsrOf(key_, key_), role),
                StatusIs(absl::StatusCode::kPermissionDenied,
                         reasons::kCallerNotAllowed));
  }
}

TEST_F(ResponderTest, IsNotMadeByIssueCertificates) {
  v1::IssueCertificatesRequest request = CreateValidRequest();
  request.set_profile("profiles/ocsp-responder");
  ASSERT_OK_AND_ASSIGN(auto response,
                       Call<v1::IssueCertificatesResponse>(kIssue, request));
  EXPECT_THAT(rpc::FromProto(response.results(0).error()),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       reasons::kProfileViolation));
}

TEST_F(ResponderTest, HasOneProfileForEachIssuer) {
  Options options = ValidOptions();
  options.profiles.push_back(options.profiles[2]);
  options.profiles.back().id = "another";
  EXPECT_THAT(New(std::move(options)),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace birthmark::ca
