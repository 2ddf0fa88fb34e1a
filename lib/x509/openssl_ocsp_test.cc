// What the openssl command makes of our OCSP requests and responses, and we of
// its own.
#include "absl/strings/str_cat.h"
#include "lib/base/testing.h"
#include "lib/x509/ocsp_request.h"
#include "lib/x509/ocsp_response.h"
#include "lib/x509/ocsp_response_parser.h"
#include "lib/x509/oid.h"
#include "lib/x509/openssl_testing.h"
#include "lib/x509/testing.h"

namespace birthmark::x509 {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class OpenSslOcspTest : public OpenSslTest {
 protected:
  void SetUp() override {
    Write("root.pem", ca_.root->ToPem());
    Write("issuer.pem", ca_.issuer->ToPem());
    CertificateVariables vars = LdevidVariables(spki_);
    for (const int number : {21, 22, 23}) {
      const std::string serial = TestSerial(number);
      vars.serial = serial;
      Write(absl::StrCat(number, ".pem"),
            Issue(ca_.LeafSpec(), vars, ca_.issuer_key).ToPem());
    }
  }

  std::string Answer(const OcspRequest& request) {
    CertificateTemplateSpec spec = ca_.LeafSpec();
    spec.extended_key_usages = {Oid(oids::kOcspSigning)};
    spec.ocsp_no_check = true;
    const TestKey& key = TestKey::Shared(crypto::KeyAlgorithm::kP256);
    const Certificate certificate =
        Issue(spec, OcspResponderVariables(spki_), ca_.issuer_key);
    const OcspResponder responder = *OcspResponder::New({certificate});
    std::vector<OcspAnswer> answers;
    for (const OcspCertId& id : request.cert_ids()) {
      OcspAnswer& answer = answers.emplace_back();
      answer.cert_id = id;
      answer.status = id.serial == TestSerial(21)   ? OcspCertStatus::kGood
                      : id.serial == TestSerial(22) ? OcspCertStatus::kRevoked
                                                    : OcspCertStatus::kUnknown;
      answer.revocation_time = TestTime() - absl::Hours(1);
      answer.reason = RevocationReason::kKeyCompromise;
      answer.this_update = TestTime();
      answer.next_update = TestTime() + absl::Hours(24 * 365 * 20);
      answer.archive_cutoff = TestTime() - absl::Hours(24);
    }
    const std::string tbs =
        *responder.BuildTbs(answers, TestTime(), request.nonce());
    return *responder.Assemble(tbs, key.Sign(tbs));
  }

  const std::string verify_ = absl::StrCat(
      "-CAfile root.pem -verify_other issuer.pem -attime ",
      absl::ToUnixSeconds(TestTime() + absl::Hours(1)), " -issuer issuer.pem ");
};

TEST_F(OpenSslOcspTest, ItReadsOurRequests) {
  const OcspIssuerHashes hashes = OcspIssuerHashes::Of(*ca_.issuer);
  ASSERT_OK_AND_ASSIGN(
      const std::string der,
      BuildOcspRequest({hashes.CertIdDer(OcspHash::kSha256, TestSerial(21)),
                        hashes.CertIdDer(OcspHash::kSha1, TestSerial(22))},
                       "0123456789abcdef"));
  Write("req.der", der);
  const std::string text = Run("ocsp -reqin req.der -req_text");
  EXPECT_THAT(text, HasSubstr("Hash Algorithm: sha256"));
  EXPECT_THAT(text, HasSubstr("Hash Algorithm: sha1"));
  EXPECT_THAT(text, HasSubstr("OCSP Nonce"));
}

TEST_F(OpenSslOcspTest, ItTakesOurAnswersToItsQuestions) {
  for (const char* hash : {"-sha1", "-sha256"}) {
    Run(absl::StrCat("ocsp -issuer issuer.pem ", hash, " -cert 21.pem ", hash,
                     " -cert 22.pem ", hash, " -cert 23.pem -reqout req.der"));
    const std::string der = Read("req.der");
    ASSERT_OK_AND_ASSIGN(const OcspRequest request, OcspRequest::Parse(der));
    EXPECT_THAT(request.cert_ids(), SizeIs(3));
    EXPECT_TRUE(request.nonce().has_value());
    EXPECT_TRUE(
        OcspIssuerHashes::Of(*ca_.issuer).Matches(request.cert_ids()[0]));
    Write("resp.der", Answer(request));
    const std::string text = Run("ocsp -respin resp.der -noverify -resp_text");
    EXPECT_THAT(text, HasSubstr("OCSP Archive Cutoff"));
    EXPECT_THAT(text, HasSubstr("OCSP Nonce"));
    const std::string said = Run(absl::StrCat(
        "ocsp -no_nonce -respin resp.der -reqin req.der ", verify_, hash,
        " -cert 21.pem ", hash, " -cert 22.pem ", hash, " -cert 23.pem"));
    EXPECT_THAT(said, HasSubstr("Response verify OK"));
    EXPECT_THAT(said, HasSubstr("21.pem: good"));
    EXPECT_THAT(said, HasSubstr("22.pem: revoked"));
    EXPECT_THAT(said, HasSubstr("Reason: keyCompromise"));
    EXPECT_THAT(said, HasSubstr("23.pem: unknown"));
  }
}

TEST_F(OpenSslOcspTest, ItReadsOurErrors) {
  Write("resp.der", OcspErrorDer(OcspResponseStatus::kTryLater));
  EXPECT_THAT(Run("ocsp -respin resp.der -noverify -resp_text", 1),
              HasSubstr("trylater"));
}

// Its requests may be signed, and its responder is the issuer itself here.
TEST_F(OpenSslOcspTest, WeTakeItsAnswersToOurQuestions) {
  Run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
      "other.key -out other.pem -subj /CN=Other -days 30");
  Run("ocsp -issuer other.pem -serial 0x77 -signer other.pem -signkey "
      "other.key -reqout req.der");
  const std::string der = Read("req.der");
  ASSERT_OK_AND_ASSIGN(const OcspRequest request, OcspRequest::Parse(der));
  EXPECT_EQ(request.cert_ids()[0].serial, "\x77");
  Write("index.txt",
        "R\t391231235959Z\t260101000000Z,keyCompromise\t77\tunknown\t/CN=X\n");
  Run("ocsp -index index.txt -CA other.pem -rsigner other.pem -rkey other.key "
      "-reqin req.der -respout resp.der -ndays 2");
  ASSERT_OK_AND_ASSIGN(const OcspResponse response,
                       OcspResponse::Parse(Read("resp.der")));
  ASSERT_OK_AND_ASSIGN(const auto other,
                       Certificate::ParsePem(Read("other.pem")));
  EXPECT_OK(response.VerifyAuthorized(other[0], other[0]->not_before));
  const OcspAnswer* answer =
      response.Find(OcspIssuerHashes::Of(other[0]), "\x77");
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->status, OcspCertStatus::kRevoked);
  EXPECT_EQ(answer->reason, RevocationReason::kKeyCompromise);
  EXPECT_EQ(answer->revocation_time, TestTime());
  EXPECT_EQ(response->nonce, request.nonce());
}

}  // namespace
}  // namespace birthmark::x509
