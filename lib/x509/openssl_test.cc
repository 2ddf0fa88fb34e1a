// What the openssl command makes of our files, and we of its files (OCSP:
// openssl_ocsp_test.cc): the
// command that most of our users will look at certificates with.
#include "absl/strings/str_cat.h"
#include "lib/base/testing.h"
#include "lib/x509/certificate.h"
#include "lib/x509/crl.h"
#include "lib/x509/csr.h"
#include "lib/x509/lint.h"
#include "lib/x509/oid.h"
#include "lib/x509/openssl_testing.h"
#include "lib/x509/pem.h"
#include "lib/x509/testing.h"

namespace birthmark::x509 {
namespace {

using ::testing::HasSubstr;

TEST_F(OpenSslTest, ItShowsAnIdevidAsWeMeanIt) {
  Write("leaf.pem",
        Issue(ca_.LeafSpec(), IdevidVariables(spki_), ca_.issuer_key).ToPem());
  const std::string text = Run("x509 -in leaf.pem -noout -text");
  EXPECT_THAT(text, HasSubstr("Version: 3 (0x2)"));
  EXPECT_THAT(text, HasSubstr("Not After : Dec 31 23:59:59 9999 GMT"));
  EXPECT_THAT(text, HasSubstr("serialNumber = SN-0001"));
  EXPECT_THAT(text, HasSubstr("X509v3 Key Usage: critical"));
  EXPECT_THAT(text, HasSubstr("TLS Web Client Authentication"));
  EXPECT_THAT(text, HasSubstr("URI:http://crl.example/idevid/0.crl"));
}

TEST_F(OpenSslTest, ItVerifiesOurChainAgainstOurCrls) {
  Write("root.pem", ca_.root->ToPem());
  Write("issuer.pem", ca_.issuer->ToPem());
  CertificateVariables vars = LdevidVariables(spki_);
  Write("good.pem", Issue(ca_.LeafSpec(), vars, ca_.issuer_key).ToPem());
  const std::string revoked_serial = TestSerial(99);
  vars.serial = revoked_serial;
  Write("revoked.pem", Issue(ca_.LeafSpec(), vars, ca_.issuer_key).ToPem());

  CrlSpec spec;
  spec.signature_algorithm = ca_.issuer_key.algorithm();
  spec.issuer_name_der = std::string(ca_.issuer.value()->subject_der);
  spec.issuer_key_id = *ca_.issuer.value()->subject_key_id;
  spec.number = 1;
  spec.this_update = TestTime();
  spec.next_update = TestTime() + absl::Hours(1000);
  spec.shard_uri = std::string(vars.crl_uri);
  CrlEntry entry;
  entry.serial = revoked_serial;
  entry.revocation_time = TestTime();
  entry.reason = RevocationReason::kKeyCompromise;
  spec.entries.push_back(entry);
  ASSERT_OK_AND_ASSIGN(const std::string tbs, BuildCrlTbs(spec));
  ASSERT_OK_AND_ASSIGN(
      const std::string crl,
      AssembleCrl(tbs, spec.signature_algorithm, ca_.issuer_key.Sign(tbs)));
  Write("crl.pem", PemEncode(kPemCrl, crl));
  EXPECT_THAT(Run("crl -in crl.pem -noout -text"), HasSubstr("Key Compromise"));

  const std::string verify = absl::StrCat(
      "verify -x509_strict -purpose sslclient -extended_crl -crl_check ",
      "-attime ", absl::ToUnixSeconds(TestTime() + absl::Hours(1)),
      " -CAfile root.pem -untrusted issuer.pem -CRLfile crl.pem ");
  EXPECT_THAT(Run(absl::StrCat(verify, "good.pem")), HasSubstr("good.pem: OK"));
  EXPECT_THAT(Run(absl::StrCat(verify, "revoked.pem"), 2),
              HasSubstr("certificate revoked"));
}

TEST_F(OpenSslTest, ItTakesRevocationsFromOurDeltas) {
  Write("root.pem", ca_.root->ToPem());
  Write("issuer.pem", ca_.issuer->ToPem());
  CertificateVariables vars = LdevidVariables(spki_);
  const std::string delta_uri = "http://crl.example/idevid/0-delta.crl";
  vars.freshest_crl_uri = delta_uri;
  Write("leaf.pem", Issue(ca_.LeafSpec(), vars, ca_.issuer_key).ToPem());
  EXPECT_THAT(Run("x509 -in leaf.pem -noout -text"),
              HasSubstr("X509v3 Freshest CRL"));

  CrlSpec spec;
  spec.issuer_name_der = std::string(ca_.issuer.value()->subject_der);
  spec.issuer_key_id = *ca_.issuer.value()->subject_key_id;
  spec.number = 4;
  spec.this_update = TestTime();
  spec.next_update = TestTime() + absl::Hours(1000);
  spec.shard_uri = std::string(vars.crl_uri);
  spec.freshest_uri = delta_uri;
  const auto pem = [this](const CrlSpec& crl) {
    const std::string tbs = *BuildCrlTbs(crl);
    EXPECT_THAT(LintTbsCrl(tbs, LintProfile()), ::testing::IsEmpty());
    return PemEncode(kPemCrl, *AssembleCrl(tbs, crl.signature_algorithm,
                                           ca_.issuer_key.Sign(tbs)));
  };
  const std::string complete = pem(spec);
  spec.freshest_uri = "";
  spec.base_number = 4;
  spec.number = 5;
  CrlEntry entry;
  entry.serial = std::string(vars.serial);
  entry.revocation_time = TestTime();
  spec.entries.push_back(entry);
  Write("crls.pem", complete + pem(spec));
  Write("delta.pem", pem(spec));
  EXPECT_THAT(Run("crl -in delta.pem -noout -text"),
              HasSubstr("X509v3 Delta CRL Indicator: critical"));

  const std::string verify = absl::StrCat(
      "verify -x509_strict -extended_crl -crl_check -attime ",
      absl::ToUnixSeconds(TestTime() + absl::Hours(1)),
      " -CAfile root.pem -untrusted issuer.pem -CRLfile crls.pem leaf.pem");
  EXPECT_THAT(Run(verify), HasSubstr("leaf.pem: OK"));
  EXPECT_THAT(
      Run(absl::StrCat(verify.substr(0, 6), " -use_deltas", verify.substr(6)),
          2),
      HasSubstr("certificate revoked"));
}

TEST_F(OpenSslTest, ItVerifiesOurRequests) {
  const TestKey& key = TestKey::Shared(crypto::KeyAlgorithm::kEd25519);
  CsrRequest request;
  request.subject.CommonName("SN-0001");
  request.subject_alt_names.uris = {"urn:example:1"};
  ASSERT_OK_AND_ASSIGN(const std::string der,
                       CreateCsr(request, key.spki_der(), key.algorithm(),
                                 key.SignFunctionOf()));
  Write("csr.pem", PemEncode(kPemCsr, der));
  const std::string text = Run("req -in csr.pem -noout -text -verify");
  EXPECT_THAT(text, HasSubstr("verify OK"));
  EXPECT_THAT(text, HasSubstr("URI:urn:example:1"));
}

struct RequestCase {
  const char* name;
  const char* key_options;
  crypto::KeyAlgorithm algorithm;
};
class OpenSslRequestTest : public OpenSslTest,
                           public ::testing::WithParamInterface<RequestCase> {};
TEST_P(OpenSslRequestTest, WeReadItsRequests) {
  Write("conf",
        "[req]\ndistinguished_name=dn\n[dn]\n[hw]\n"
        "type=OID:1.3.6.1.4.1.32473.1\nserial=FORMAT:ASCII,OCT:abc\n");
  Run(absl::StrCat("req -new -nodes -newkey ", GetParam().key_options,
                   " -keyout key.pem -out csr.pem -subj '/C=DE/O=Example "
                   "Gm\\+bH/OU=a+OU=b/CN=SN-1' -utf8 -multivalue-rdn -addext "
                   "'subjectAltName=DNS:sn-1.example,IP:10.0.0.1,otherName:1.3."
                   "6.1.5.5.7.8.4;SEQ:hw' -addext keyUsage=digitalSignature "
                   "-config conf"));
  ASSERT_OK_AND_ASSIGN(const std::string der,
                       PemOrDer(Read("csr.pem"), kPemCsr));
  ASSERT_OK_AND_ASSIGN(const Csr csr, Csr::Parse(der));
  EXPECT_EQ(csr.subject().ToText(), "CN=SN-1,OU=a+OU=b,O=Example Gm\\+bH,C=DE");
  EXPECT_EQ(csr.public_key().algorithm(), GetParam().algorithm);
  EXPECT_THAT(csr.subject_alt_names().dns_names,
              ::testing::ElementsAre("sn-1.example"));
  EXPECT_EQ(IpAddressText(csr.subject_alt_names().ip_addresses.at(0)),
            "10.0.0.1");
  EXPECT_EQ(csr.subject_alt_names().hw_module_name->ToText(),
            "1.3.6.1.4.1.32473.1:abc");
  EXPECT_EQ(csr.requested_extensions().size(), 2u);
  EXPECT_OK(csr.VerifyProofOfPossession());
}
const RequestCase kOpenSslRequestCases[] = {
    {"P256", "ec -pkeyopt ec_paramgen_curve:P-256",
     crypto::KeyAlgorithm::kP256},
    {"P256WithSha384", "ec -pkeyopt ec_paramgen_curve:P-256 -sha384",
     crypto::KeyAlgorithm::kP256},
    {"P384", "ec -pkeyopt ec_paramgen_curve:P-384",
     crypto::KeyAlgorithm::kP384},
    {"Ed25519", "ed25519", crypto::KeyAlgorithm::kEd25519},
    {"Rsa2048", "rsa:2048", crypto::KeyAlgorithm::kRsa}};
INSTANTIATE_TEST_SUITE_P(All, OpenSslRequestTest,
                         ::testing::ValuesIn(kOpenSslRequestCases),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace birthmark::x509
