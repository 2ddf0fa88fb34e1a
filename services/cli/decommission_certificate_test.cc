#include "services/cli/decommission_certificate.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/base/testing.h"
#include "lib/x509/jws.h"
#include "lib/x509/oid.h"
#include "lib/x509/testing.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

using testing::HasSubstr;
using x509::TestCa;
using x509::TestKey;
using x509::TestTime;

constexpr char kFacts[] =
    R"({"type":"birthmark/decommission-certificate","version":1,)"
    R"("device":"u1","issued_time":"2026-01-01T00:00:00Z"})";

class DecommissionCertificateTest : public testing::Test {
 protected:
  DecommissionCertificateTest() : key_(crypto::KeyAlgorithm::kP256) {
    bundle_ = absl::StrCat(ca_.issuer->ToPem(), ca_.root->ToPem());
  }

  // What the CA makes: a JWS by a signer of records.
  std::string Sign(const std::string& facts,
                   absl::string_view usage = x509::oids::kDocumentSigning) {
    x509::CertificateTemplateSpec spec = ca_.LeafSpec();
    spec.extended_key_usages = {x509::Oid(usage)};
    const std::string spki = key_.spki_der();
    const x509::Certificate signer =
        x509::Issue(spec, x509::OcspResponderVariables(spki), ca_.issuer_key);
    const x509::JwsHeader header = {
        .type = "",
        .key_id = "",
        .chain_der = {signer->der, (*ca_.issuer)->der}};
    const std::string input =
        x509::JwsSigningInput(crypto::KeyAlgorithm::kP256, header, facts);
    return x509::AssembleJws(crypto::KeyAlgorithm::kP256, input,
                             key_.Sign(input))
        .value();
  }

  absl::StatusOr<VerifiedDecommission> Verify(const std::string& jws) {
    return VerifyDecommission(jws, "c.jws", bundle_, "bundle.pem", now_);
  }

  TestCa ca_;
  TestKey key_;
  std::string bundle_;
  absl::Time now_ = TestTime() + absl::Hours(24 * 365 * 20);
};

TEST_F(DecommissionCertificateTest, IsGoodLongAfterItsSignerHasExpired) {
  ASSERT_OK_AND_ASSIGN(const VerifiedDecommission verified,
                       Verify(Sign(kFacts) + "\n"));
  EXPECT_EQ(verified.facts["device"], "u1");
  EXPECT_EQ(verified.issue_time, TestTime());
  EXPECT_LT(verified.chain.leaf->not_after, now_);
  EXPECT_EQ(verified.chain.root->der, (*ca_.root)->der);
}

TEST_F(DecommissionCertificateTest, WhatIsNotSignedByTheAuthorityIsNotTrusted) {
  const TestCa other("Other");
  const std::string jws = Sign(kFacts);
  bundle_ = other.root->ToPem();
  EXPECT_THAT(Verify(jws), StatusIs(absl::StatusCode::kFailedPrecondition,
                                    reasons::kNotVerified));
}

TEST_F(DecommissionCertificateTest, ASpoiledSignatureIsNotTrusted) {
  std::string jws = Sign(kFacts);
  const size_t at = jws.rfind('.') + 10;
  jws[at] = jws[at] == 'A' ? 'B' : 'A';
  const auto result = Verify(jws);
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kFailedPrecondition,
                               reasons::kNotVerified));
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("DO NOT TRUST IT"));
}

TEST_F(DecommissionCertificateTest, ACertificateOfAnotherUseSignsNoRecords) {
  EXPECT_THAT(
      Verify(Sign(kFacts, x509::oids::kClientAuth)),
      StatusIs(absl::StatusCode::kFailedPrecondition, reasons::kNotVerified));
}

TEST_F(DecommissionCertificateTest, TheSignerMustHaveBeenGoodThen) {
  const std::string late =
      absl::StrReplaceAll(kFacts, {{"2026-01", "2030-01"}});
  EXPECT_THAT(
      Verify(Sign(late)),
      StatusIs(absl::StatusCode::kFailedPrecondition, reasons::kNotVerified));
  now_ = TestTime() - absl::Hours(1);  // signed in the future
  EXPECT_THAT(
      Verify(Sign(kFacts)),
      StatusIs(absl::StatusCode::kFailedPrecondition, reasons::kNotVerified));
}

TEST_F(DecommissionCertificateTest, WhatIsNoCertificateOfDecommissionIsNamed) {
  for (const std::string& facts :
       {std::string("{}"), std::string("[]"), std::string("x"),
        absl::StrReplaceAll(kFacts, {{"decommission-cert", "other-cert"}}),
        absl::StrReplaceAll(kFacts, {{":1,", ":2,"}}),
        absl::StrReplaceAll(kFacts, {{"2026-01-01T", "yesterday"}}),
        absl::StrReplaceAll(kFacts, {{"\"2026-01-01T00:00:00Z\"", "5"}}),
        absl::StrReplaceAll(kFacts, {{"\"version\":1",
                                      "\"version\":1,"
                                      "\"version\":1"}})}) {
    EXPECT_THAT(
        Verify(Sign(facts)),
        StatusIs(absl::StatusCode::kInvalidArgument, reasons::kInputMalformed))
        << facts;
  }
  for (const char* jws : {"", "a.b.c", "hello", "{}"}) {
    EXPECT_THAT(Verify(jws), StatusIs(absl::StatusCode::kInvalidArgument,
                                      reasons::kInputMalformed));
  }
}

TEST_F(DecommissionCertificateTest, ABundleWithoutARootIsRefused) {
  const std::string jws = Sign(kFacts);
  for (const std::string& bundle : {std::string(), ca_.issuer->ToPem()}) {
    bundle_ = bundle;
    EXPECT_THAT(Verify(jws), StatusIs(absl::StatusCode::kInvalidArgument,
                                      reasons::kInputMalformed));
  }
}

}  // namespace
}  // namespace birthmark::cli
