#include "lib/x509/lint.h"

#include "lib/base/testing.h"
#include "lib/x509/lint_testing.h"
#include "lib/x509/oid.h"
#include "openssl/bytestring.h"

namespace birthmark::x509 {
namespace {

using ::testing::IsEmpty;

class GoodTbsTest : public ::testing::TestWithParam<LintKind> {};
TEST_P(GoodTbsTest, HasNoFinding) {
  const auto findings =
      LintTbsCertificate(GoodTbs(GetParam()), ProfileOf(GetParam()));
  EXPECT_THAT(Rules(findings), IsEmpty());
  EXPECT_OK(LintStatus(findings));
}
INSTANTIATE_TEST_SUITE_P(
    All, GoodTbsTest,
    ::testing::Values(LintKind::kRoot, LintKind::kIssuer, LintKind::kIdevid,
                      LintKind::kLdevid, LintKind::kService, LintKind::kLine,
                      LintKind::kOperator, LintKind::kOcspResponder,
                      LintKind::kEnforcementPoint, LintKind::kRecordSigner));

TEST(LintTest, FindingsBecomeAProfileViolationThatNamesTheFirstRule) {
  LintProfile profile = ProfileOf(LintKind::kLdevid);
  profile.issuer_key_id = "other";
  const auto status =
      LintStatus(LintTbsCertificate(GoodTbs(LintKind::kLdevid), profile));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               "PROFILE_VIOLATION"));
  EXPECT_THAT(status, HasMetadata("rule", "rfc5280_aki_matches"));
}

TEST(LintTest, EveryPrefixIsMalformed) {
  const std::string tbs = GoodTbs(LintKind::kIdevid);
  for (size_t size = 0; size < tbs.size(); ++size) {
    EXPECT_THAT(Rules(LintTbsCertificate(absl::string_view(tbs).substr(0, size),
                                         ProfileOf(LintKind::kIdevid))),
                ::testing::ElementsAre("der_malformed"));
  }
}

TEST(LintTest, AWholeCertificateIsNotAToBeSignedOne) {
  EXPECT_THAT(Rules(LintTbsCertificate(Ca().issuer.value()->der,
                                       ProfileOf(LintKind::kIssuer))),
              ::testing::ElementsAre("der_malformed"));
}

class SpoiledTbsTest : public ::testing::TestWithParam<SpoiledCase> {};
TEST_P(SpoiledTbsTest, IsFound) {
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

const SpoiledCase kSpoiledTbsFieldsCases[] = {
    {"Version2", kIdevid, SetContent({0, 0}, "\x01"), "rfc5280_version_3"},
    {"NoVersion", kIdevid,
     [](DerNode& n) { n.children.erase(n.children.begin()); },
     "rfc5280_version_3"},
    {"SerialZero", kIdevid, SetContent({1}, std::string(1, '\0')),
     "rfc5280_serial_positive"},
    {"SerialNegative", kIdevid, SetContent({1}, std::string(16, '\x80')),
     "rfc5280_serial_positive"},
    {"SerialOf21Octets", kIdevid, SetContent({1}, std::string(21, '\1')),
     "rfc5280_serial_20_octets"},
    {"SerialOf7Octets", kIdevid, SetContent({1}, std::string(7, '\1')),
     "serial_64_bits"},
    {"UnknownAlgorithm", kIdevid, SetContent({2, 0}, "\x2a\x03"),
     "rfc5280_signature_algorithm"},
    {"EmptyIssuer", kIdevid, [](DerNode& n) { n.At({3}).children.clear(); },
     "rfc5280_issuer_not_empty"},
    {"OtherIssuer", kIdevid, SetContent({3, 1, 0, 1}, "Other"),
     "rfc5280_issuer_matches"},
    {"RootOfAnother", kRoot, SetContent({3, 1, 0, 1}, "Other"),
     "rfc5280_root_self_issued"},
    {"GeneralizedTimeBefore2050", kIdevid,
     [](DerNode& n) {
       n.At({4, 0}).tag = CBS_ASN1_GENERALIZEDTIME;
       n.At({4, 0}).content = "20260101000000Z";
     },
     "rfc5280_validity_encoding"},
    {"AfterBeforeBefore", kLdevid, SetContent({4, 1}, "200101000000Z"),
     "rfc5280_validity_order"},
    {"OfNoLength", kLdevid,
     [](DerNode& n) {
       n.At({4, 1}) = n.At({4, 0});
     },
     "rfc5280_validity_order"},
    {"SubjectNotDer", kIdevid, SetContent({5, 0, 0, 1}, "\xff"),
     "rfc5280_subject_malformed"},
    {"LongName", kIdevid, SetContent({5, 0, 0, 1}, std::string(65, 'x')),
     "rfc5280_name_length"},
    {"EmptyName", kIdevid, SetContent({5, 0, 0, 1}, ""),
     "rfc5280_name_not_empty"},
    {"TeletexName", kIdevid,
     [](DerNode& n) {
       n.At({5, 0, 0, 1}).tag = CBS_ASN1_T61STRING;
     },
     "rfc5280_name_string_"
     "type"},
    {"SerialNumberAttributeInUtf8", kIdevid,
     [](DerNode& n) {
       n.At({5, 2, 0, 1}).tag = CBS_ASN1_UTF8STRING;
     },
     "rfc5280_name_string_type"},
    {"SpoiledKey", kIdevid, [](DerNode& n) { n.At({6}).children.pop_back(); },
     "rfc5280_spki_malformed"},
    {"UniqueId", kIdevid,
     [](DerNode& n) {
       DerNode id;
       id.tag = CBS_ASN1_CONTEXT_SPECIFIC | 1;
       id.content = std::string("\0x", 2);
       n.children.insert(n.children.end() - 1, id);
     },
     "rfc5280_unique_ids"}};
INSTANTIATE_TEST_SUITE_P(Fields, SpoiledTbsTest,
                         ::testing::ValuesIn(kSpoiledTbsFieldsCases), kNameOf);

const SpoiledCase kSpoiledTbsExtensionsCases[] = {
    {"Twice", kIdevid,
     [](DerNode& n) {
       Extensions(n).children.push_back(Extensions(n).At({0}));
     },
     "rfc5280_extensions_unique"},
    {"UnknownCritical", kIdevid, Add("300b06022a030101ff04020500"),
     "rfc5280_unknown_critical"},
    {"MalformedKeyUsage", kIdevid, SetValue(oids::kKeyUsage, "03020080"),
     "rfc5280_extension_malformed"},
    {"MalformedAltName", kIdevid, SetValue(oids::kSubjectAltName, "3000"),
     "rfc5280_extension_malformed"},
    {"MalformedHwModuleName", kIdevid,
     SetValue(oids::kSubjectAltName,
              "3017a01506082b06010505070804a00930070603"
              "2a03040400"),
     "rfc5280_extension_malformed"},
    {"KeyUsageNotCritical", kIdevid, FlipCritical(oids::kKeyUsage),
     "rfc5280_criticality"},
    {"SkiCritical", kIdevid, FlipCritical(oids::kSubjectKeyIdentifier),
     "rfc5280_criticality"},
    {"AkiCritical", kIdevid, FlipCritical(oids::kAuthorityKeyIdentifier),
     "rfc5280_criticality"},
    {"DistributionPointsCritical", kIdevid,
     FlipCritical(oids::kCrlDistributionPoints), "rfc5280_criticality"},
    {"AltNameCriticalBesideASubject", kIdevid,
     FlipCritical(oids::kSubjectAltName), "rfc5280_san_not_critical"},
    {"NoSubjectAndAltNameNotCritical", kLdevid,
     [](DerNode& n) { n.At({5}).children.clear(); },
     "rfc5280_san_critical_if_no_subject"},
    {"CaWithoutSubject", kIssuer,
     [](DerNode& n) { n.At({5}).children.clear(); },
     "rfc5280_ca_subject_not_empty"},
    {"ConstraintsOfCaNotCritical", kIssuer,
     FlipCritical(oids::kBasicConstraints), "rfc5280_ca_constraints_critical"},
    {"NoSki", kIdevid, Remove(oids::kSubjectKeyIdentifier),
     "rfc5280_ski_present"},
    {"NoAki", kIdevid, Remove(oids::kAuthorityKeyIdentifier),
     "rfc5280_aki_present"},
    {"AkiOfAnother", kIdevid,
     SetValue(oids::kAuthorityKeyIdentifier, "3004800201ff"),
     "rfc5280_aki_matches"},
    {"RootsAkiOfAnother", kRoot,
     Add("300d0603551d23040630048002"
         "01ff"),
     "rfc5280_root_aki_is_ski"},
    {"CertSignWithoutCa", kIdevid, SetValue(oids::kKeyUsage, "03020284"),
     "rfc5280_ku_cert_sign_without_ca"},
    {"CaWithoutCertSign", kIssuer, SetValue(oids::kKeyUsage, "03020102"),
     "rfc5280_ca_without_cert_sign"},
    {"OnlyBitsWithoutAgreement", kIdevid, SetValue(oids::kKeyUsage, "03020081"),
     "rfc5280_ku_only_bits"},
    {"UsageThatDoesNotFit", kIdevid, SetValue(oids::kKeyUsage, "03020640"),
     "rfc5280_ku_fits_eku"},
    {"RelativeUri", kLdevid,
     SetValue(oids::kSubjectAltName,
              "30048602"
              "612f"),
     "rfc5280_san_uri_absolute"},
    {"DnsNameWithEmptyLabel", kService,
     SetValue(oids::kSubjectAltName, "30068204612e2e62"),
     "rfc5280_san_dns_name"},
    {"RelativeCrlUri", kIdevid,
     SetValue(oids::kCrlDistributionPoints, "300a3008a006a00486026162"),
     "rfc5280_crl_uri_absolute"},
    {"FreshestWithoutCrl", LintKind::kOperator,
     [](DerNode& n) {
       Remove(oids::kCrlDistributionPoints)(n);
       Add("301d0603551d2e041630143012a010a00e860c687474703a2f2f612e622f"
           "63")(n);
     },
     "rfc5280_freshest_needs_crl"},
    {"RelativeFreshestUri", kIdevid,
     Add("30140603551d2e040d300b3009a007a0058603616263"),
     "rfc5280_crl_uri_absolute"},
    {"NoRevAvailBesideACrl", kIdevid, Add("30090603551d3804020500"),
     "rfc9608_no_pointers"},
    {"NoRevAvailBesideOcsp", kIdevid,
     [](DerNode& n) {
       Remove(oids::kCrlDistributionPoints)(n);
       Add("30090603551d3804020500")(n);
       Add("302806082b06010505070101041c301a301806082b06010505073001860c"
           "687474703a2f2f612e622f63")(n);
     },
     "rfc9608_no_pointers"},
    {"NoRevAvailBesideADelta", kIdevid,
     [](DerNode& n) {
       Remove(oids::kCrlDistributionPoints)(n);
       Add("30090603551d3804020500")(n);
       Add("301d0603551d2e041630143012a010a00e860c687474703a2f2f612e622f"
           "63")(n);
     },
     "rfc9608_no_pointers"},
    {"NoRevAvailOfACa", kIssuer, Add("30090603551d3804020500"),
     "rfc9608_not_in_ca"},
    {"NoRevAvailCritical", kIdevid, Add("300c0603551d380101ff04020500"),
     "rfc5280_criticality"},
    {"NoRevAvailThatIsNone", kIdevid, Add("300a0603551d380403020100"),
     "rfc5280_extension_malformed"}};
INSTANTIATE_TEST_SUITE_P(Extensions, SpoiledTbsTest,
                         ::testing::ValuesIn(kSpoiledTbsExtensionsCases),
                         kNameOf);

}  // namespace
}  // namespace birthmark::x509
