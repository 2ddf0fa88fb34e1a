// What IEEE 802.1AR, SPIFFE and this system ask of each kind of certificate.
#include "lib/base/testing.h"
#include "lib/x509/lint_testing.h"
#include "lib/x509/oid.h"
#include "openssl/bytestring.h"

namespace birthmark::x509 {
namespace {

class SpoiledKindTest : public ::testing::TestWithParam<SpoiledCase> {};
TEST_P(SpoiledKindTest, IsFound) {
  EXPECT_THAT(RulesOf(GetParam()), ::testing::Contains(GetParam().rule));
}

const auto kNameOf = [](const auto& info) {
  return std::string(info.param.name);
};

constexpr LintKind kRoot = LintKind::kRoot;
constexpr LintKind kIssuer = LintKind::kIssuer;
constexpr LintKind kIdevid = LintKind::kIdevid;
constexpr LintKind kLdevid = LintKind::kLdevid;
constexpr LintKind kService = LintKind::kService;

constexpr LintKind kResponder = LintKind::kOcspResponder;
constexpr LintKind kRecords = LintKind::kRecordSigner;
constexpr LintKind kPoint = LintKind::kEnforcementPoint;

const SpoiledCase kSpoiledKindCases[] = {
    {"ResponderForClientsToo", kResponder,
     SetValue(oids::kExtendedKeyUsage,
              "301406082b0601050507030906082b06010505070302"),
     "ocsp_signing_only"},
    {"ResponderForAnythingElse", kResponder,
     SetValue(oids::kExtendedKeyUsage, "300a06082b06010505070302"),
     "ocsp_signing_only"},
    {"ResponderThatEncrypts", kResponder, SetValue(oids::kKeyUsage, "030205a0"),
     "ocsp_digital_signature_only"},
    {"ResponderWithoutNoCheck", kResponder, Remove(oids::kOcspNoCheck),
     "ocsp_no_check"},
    {"ResponderWithASpoiledNoCheck", kResponder,
     SetValue(oids::kOcspNoCheck, "020100"), "rfc5280_extension_malformed"},
    {"ResponderWithAnAltName", kResponder, Add("300c0603551d1104053003820161"),
     "ocsp_no_alt_names"},
    {"ResponderWithACrl", kResponder,
     Add("301d0603551d1f041630143012a010a00e860c687474703a2f2f612e622f"
         "63"),
     "ocsp_no_pointers"},
    {"ResponderThatNeverExpires", kResponder,
     [](DerNode& n) {
       n.At({4, 1}).tag = CBS_ASN1_GENERALIZEDTIME;
       n.At({4, 1}).content = "99991231235959Z";
     },
     "kind_expires"},
    {"ResponderWithoutACommonName", kResponder,
     [](DerNode& n) {
       n.At({5, 0, 0, 0}).content = "\x55\x04\x0a";
     },
     "ocsp_common_name_only"},
    {"RecordSignerForClientsToo", kRecords,
     SetValue(oids::kExtendedKeyUsage,
              "301406082b0601050507032406082b06010505070302"),
     "record_document_signing_only"},
    {"RecordSignerForAnythingElse", kRecords,
     SetValue(oids::kExtendedKeyUsage, "300a06082b06010505070302"),
     "record_document_signing_only"},
    {"RecordSignerThatEncrypts", kRecords,
     SetValue(oids::kKeyUsage, "030205a0"), "record_digital_signature_only"},
    {"RecordSignerWithAnAltName", kRecords, Add("300c0603551d1104053003820161"),
     "record_no_alt_names"},
    {"RecordSignerThatNeverExpires", kRecords,
     [](DerNode& n) {
       n.At({4, 1}).tag = CBS_ASN1_GENERALIZEDTIME;
       n.At({4, 1}).content = "99991231235959Z";
     },
     "kind_expires"},
    {"RecordSignerWithoutACommonName", kRecords,
     [](DerNode& n) {
       n.At({5, 0, 0, 0}).content = "\x55\x04\x0a";
     },
     "record_common_name_only"},
    {"EnforcementPointThatIsAnOperator", kPoint,
     SetValue(oids::kSubjectAltName,
              "301786157370696666653a2f2f742f6f70657261746f722f6f"),
     "spiffe_kind"},
    {"EnforcementPointWithoutClientAuth", kPoint,
     SetValue(oids::kExtendedKeyUsage, "300a06082b06010505070301"),
     "kind_client_auth"},
    {"IssuerWithoutCaFlag", kIssuer, Remove(oids::kBasicConstraints),
     "kind_ca_flag"},
    {"IssuerWithoutCrlSign", kIssuer, SetValue(oids::kKeyUsage, "03020204"),
     "kind_ca_crl_sign"},
    {"IssuerWithoutPathLength", kIssuer,
     SetValue(oids::kBasicConstraints, "30030101ff"),
     "kind_issuer_path_length"},
    {"RootWithoutRoom", kRoot,
     SetValue(oids::kBasicConstraints, "30060101ff020100"),
     "kind_root_path_length"},
    {"LeafWithCaFlag", kLdevid, Add("300f0603551d130101ff040530030101ff"),
     "kind_leaf_not_ca"},
    {"LeafWithoutDigitalSignature", kLdevid,
     SetValue(oids::kKeyUsage, "03020308"), "kind_leaf_digital_signature"},
    {"LeafThatSignsCrls", kLdevid, SetValue(oids::kKeyUsage, "03020182"),
     "kind_leaf_signs_no_certificates"},
    {"AnyUsage", kIdevid, SetValue(oids::kExtendedKeyUsage, "30060604551d2500"),
     "kind_any_eku"},
    {"UsageTwice", kIdevid,
     SetValue(oids::kExtendedKeyUsage,
              "301406082b0601050507030206082b06010505070302"),
     "rfc5280_eku_unique"},
    {"IdevidWithoutSerialNumber", kIdevid,
     [](DerNode& n) { n.At({5}).children.pop_back(); },
     "ieee8021ar_serial_number"},
    {"IdevidThatExpires", kIdevid, SetContent({4, 1}, "99981231235959Z"),
     "ieee8021ar_no_expiry"},
    {"IdevidWithSpiffeId", kIdevid,
     SetValue(oids::kSubjectAltName, "300c860a7370696666653a2f2f74"),
     "kind_idevid_no_spiffe"},
    {"IdevidWithOtherName", kIdevid,
     SetValue(oids::kSubjectAltName,
              "3004880255"
              "04"),
     "ieee8021ar_hw_module_name_once"},
    {"LdevidWithSerialNumber", kLdevid,
     SetContent({5, 0, 0, 0}, "\x55\x04\x05"), "kind_ldevid_no_serial"},
    {"LdevidThatNeverExpires", kLdevid,
     [](DerNode& n) {
       n.At({4, 1}).tag = CBS_ASN1_GENERALIZEDTIME;
       n.At({4, 1}).content = "99991231235959Z";
     },
     "kind_expires"},
    {"LdevidWithoutSpiffeId", kLdevid, Remove(oids::kSubjectAltName),
     "spiffe_one_uri"},
    {"LdevidWithForeignUri", kLdevid,
     SetValue(oids::kSubjectAltName,
              "3005860361"
              "3a62"),
     "spiffe_id"},
    {"LdevidForServers", kLdevid,
     SetValue(oids::kExtendedKeyUsage, "300a06082b06010505070301"),
     "kind_client_auth"},
    {"ServiceWithoutUsage", kService, Remove(oids::kExtendedKeyUsage),
     "kind_service_auth"}};
INSTANTIATE_TEST_SUITE_P(All, SpoiledKindTest,
                         ::testing::ValuesIn(kSpoiledKindCases), kNameOf);

TEST(LintTest, ASpiffeIdOfAnotherKindIsFound) {
  for (const auto& [kind, other] :
       {std::pair{LintKind::kLdevid, LintKind::kLine},
        std::pair{LintKind::kLine, LintKind::kOperator},
        std::pair{LintKind::kOperator, LintKind::kService},
        std::pair{LintKind::kService, LintKind::kLdevid}}) {
    EXPECT_THAT(Rules(LintTbsCertificate(GoodTbs(other), ProfileOf(kind))),
                ::testing::Contains("spiffe_kind"));
  }
}

}  // namespace
}  // namespace birthmark::x509
