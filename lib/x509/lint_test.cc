#include "lib/x509/lint.h"

#include <functional>

#include "lib/base/bytes.h"
#include "lib/base/testing.h"
#include "lib/x509/certificate_builder.h"
#include "lib/x509/testing.h"
#include "openssl/bytestring.h"

namespace birthmark::x509 {
namespace {

using ::testing::IsEmpty;

const TestCa& Ca() {
  static const TestCa* ca = new TestCa();
  return *ca;
}

const std::string& Spki() {
  static const std::string* spki =
      new std::string(TestKey::Shared(crypto::KeyAlgorithm::kP256).spki_der());
  return *spki;
}

CertificateVariables WithUri(absl::string_view uri) {
  CertificateVariables vars = LdevidVariables(Spki());
  vars.subject_alt_names.uris = {std::string(uri)};
  return vars;
}

// GoodTbs returns what has no finding.
std::string GoodTbs(LintKind kind) {
  CertificateTemplateSpec spec = Ca().LeafSpec();
  CertificateVariables vars;
  switch (kind) {
    case LintKind::kRoot:
      spec = Ca().RootSpec();
      vars = Ca().RootVariables();
      break;
    case LintKind::kIssuer:
      spec = Ca().IssuerSpec();
      vars = Ca().IssuerVariables();
      break;
    case LintKind::kIdevid:
      vars = IdevidVariables(Spki());
      break;
    case LintKind::kLdevid:
      vars = LdevidVariables(Spki());
      break;
    case LintKind::kService:
      spec.extended_key_usages.push_back(Oid(oids::kServerAuth));
      vars = WithUri("spiffe://example.test/service/ca");
      vars.subject_alt_names.dns_names = {"localhost"};
      break;
    case LintKind::kLine:
      vars = WithUri("spiffe://example.test/fleet/f/line/l");
      break;
    case LintKind::kOperator:
      vars = WithUri("spiffe://example.test/operator/o");
      break;
  }
  return *CertificateTemplate::New(spec)->BuildTbs(vars);
}

LintProfile ProfileOf(LintKind kind) {
  LintProfile profile;
  profile.kind = kind;
  const CertificateTemplateSpec spec = kind == LintKind::kRoot ? Ca().RootSpec()
                                       : kind == LintKind::kIssuer
                                           ? Ca().IssuerSpec()
                                           : Ca().LeafSpec();
  profile.issuer_name_der = spec.issuer_name_der;
  profile.issuer_key_id = spec.issuer_key_id;
  return profile;
}

std::vector<std::string> Rules(const std::vector<Finding>& findings) {
  std::vector<std::string> rules;
  for (const Finding& finding : findings) {
    EXPECT_FALSE(finding.text.empty());
    rules.emplace_back(finding.rule);
  }
  return rules;
}

class GoodTbsTest : public ::testing::TestWithParam<LintKind> {};
TEST_P(GoodTbsTest, HasNoFinding) {
  const auto findings =
      LintTbsCertificate(GoodTbs(GetParam()), ProfileOf(GetParam()));
  EXPECT_THAT(Rules(findings), IsEmpty());
  EXPECT_OK(LintStatus(findings));
}
INSTANTIATE_TEST_SUITE_P(All, GoodTbsTest,
                         ::testing::Values(LintKind::kRoot, LintKind::kIssuer,
                                           LintKind::kIdevid, LintKind::kLdevid,
                                           LintKind::kService, LintKind::kLine,
                                           LintKind::kOperator));

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

// Each row spoils one thing of a good to-be-signed certificate. Positions:
// 0 version, 1 serial, 2 algorithm, 3 issuer, 4 validity, 5 subject, 6 key,
// 7 extensions.
struct SpoiledCase {
  const char* name;
  LintKind kind;
  std::function<void(DerNode&)> spoil;
  const char* rule;
};
class SpoiledTbsTest : public ::testing::TestWithParam<SpoiledCase> {};
TEST_P(SpoiledTbsTest, IsFound) {
  DerNode node = DerNode::Parse(GoodTbs(GetParam().kind));
  GetParam().spoil(node);
  EXPECT_THAT(
      Rules(LintTbsCertificate(node.Encode(), ProfileOf(GetParam().kind))),
      ::testing::Contains(GetParam().rule));
}

DerNode& Extensions(DerNode& n) { return n.At({7, 0}); }

std::function<void(DerNode&)> SetValue(absl::string_view oid, const char* hex) {
  return [oid, hex](DerNode& n) {
    FindExtension(Extensions(n), oid).children.back().content = *HexDecode(hex);
  };
}

std::function<void(DerNode&)> Remove(absl::string_view oid) {
  return [oid](DerNode& n) {
    auto& list = Extensions(n).children;
    for (size_t i = 0; i < list.size(); ++i) {
      if (list[i].At({0}).content == oid) {
        list.erase(list.begin() + static_cast<long>(i));
        return;
      }
    }
    FAIL() << "no such extension";
  };
}

// Turns the critical flag of `oid` around.
std::function<void(DerNode&)> FlipCritical(absl::string_view oid) {
  return [oid](DerNode& n) {
    auto& fields = FindExtension(Extensions(n), oid).children;
    if (fields.size() == 3) {
      fields.erase(fields.begin() + 1);
    } else {
      fields.insert(fields.begin() + 1, DerNode::Parse(*HexDecode("0101ff")));
    }
  };
}

std::function<void(DerNode&)> Add(const char* hex) {
  return [hex](DerNode& n) {
    Extensions(n).children.push_back(DerNode::Parse(*HexDecode(hex)));
  };
}

std::function<void(DerNode&)> SetContent(std::initializer_list<size_t> path,
                                         std::string content) {
  return [path = std::vector<size_t>(path), content](DerNode& n) {
    DerNode* node = &n;
    for (const size_t index : path) {
      node = &node->children.at(index);
    }
    node->content = content;
  };
}

auto NameOf = [](const auto& info) { return std::string(info.param.name); };

constexpr LintKind kRoot = LintKind::kRoot;
constexpr LintKind kIssuer = LintKind::kIssuer;
constexpr LintKind kIdevid = LintKind::kIdevid;
constexpr LintKind kLdevid = LintKind::kLdevid;
constexpr LintKind kService = LintKind::kService;

INSTANTIATE_TEST_SUITE_P(Fields, SpoiledTbsTest,
                         ::testing::Values(SpoiledCase{"Version2", kIdevid,
                                                       SetContent({0, 0},
                                                                  "\x01"),
                                                       "rfc5280_version_3"},
                                           SpoiledCase{
                                               "NoVersion", kIdevid,
                                               [](DerNode& n) {
                                                 n.children.erase(
                                                     n.children.begin());
                                               },
                                               "rfc5280_version_3"},
                                           SpoiledCase{
                                               "SerialZero", kIdevid,
                                               SetContent({1},
                                                          std::string(1, '\0')),
                                               "rfc5280_serial_positive"},
                                           SpoiledCase{
                                               "SerialNegative", kIdevid,
                                               SetContent({1}, std::string(
                                                                   16, '\x80')),
                                               "rfc5280_serial_positive"},
                                           SpoiledCase{
                                               "SerialOf21Octets", kIdevid,
                                               SetContent(
                                                   {1}, std::string(21, '\1')),
                                               "rfc5280_serial_20_octets"},
                                           SpoiledCase{
                                               "SerialOf7Octets", kIdevid,
                                               SetContent({1},
                                                          std::string(7, '\1')),
                                               "serial_64_bits"},
                                           SpoiledCase{
                                               "UnknownAlgorithm", kIdevid,
                                               SetContent({2, 0}, "\x2a\x03"),
                                               "rfc5280_signature_algorithm"},
                                           SpoiledCase{
                                               "EmptyIssuer", kIdevid,
                                               [](DerNode& n) {
                                                 n.At({3}).children.clear();
                                               },
                                               "rfc5280_issuer_not_empty"},
                                           SpoiledCase{
                                               "OtherIssuer", kIdevid,
                                               SetContent({3, 1, 0, 1},
                                                          "Other"),
                                               "rfc5280_issuer_matches"},
                                           SpoiledCase{
                                               "RootOfAnother", kRoot,
                                               SetContent({3, 1, 0, 1},
                                                          "Other"),
                                               "rfc5280_root_self_issued"},
                                           SpoiledCase{
                                               "GeneralizedTimeBefore2050",
                                               kIdevid,
                                               [](DerNode& n) {
                                                 n.At({4, 0}).tag =
                                                     CBS_ASN1_GENERALIZEDTIME;
                                                 n.At({4, 0}).content =
                                                     "20260101000000Z";
                                               },
                                               "rfc5280_validity_encoding"},
                                           SpoiledCase{
                                               "AfterBeforeBefore", kLdevid,
                                               SetContent({4, 1},
                                                          "200101000000Z"),
                                               "rfc5280_validity_order"},
                                           SpoiledCase{
                                               "OfNoLength", kLdevid,
                                               [](DerNode& n) {
                                                 n.At({4, 1}) = n.At({4, 0});
                                               },
                                               "rfc5280_validity_order"},
                                           SpoiledCase{
                                               "SubjectNotDer", kIdevid,
                                               SetContent({5, 0, 0, 1}, "\xff"),
                                               "rfc5280_subject_malformed"},
                                           SpoiledCase{"LongName", kIdevid,
                                                       SetContent(
                                                           {5, 0, 0, 1}, std::string(65, 'x')),
                                                       "rfc5280_name_length"},
                                           SpoiledCase{
                                               "EmptyName", kIdevid,
                                               SetContent({5, 0, 0, 1}, ""),
                                               "rfc5280_name_not_empty"},
                                           SpoiledCase{"TeletexName", kIdevid,
                                                       [](DerNode& n) {
                                                         n.At({5, 0, 0, 1})
                                                             .tag =
                                                             CBS_ASN1_T61STRING;
                                                       },
                                                       "rfc5280_name_string_"
                                                       "type"},
                                           SpoiledCase{
                                               "SerialNumberAttributeInUtf8", kIdevid,
                                               [](DerNode& n) {
                                                 n.At({5, 2, 0, 1}).tag =
                                                     CBS_ASN1_UTF8STRING;
                                               },
                                               "rfc5280_name_string_type"},
                                           SpoiledCase{
                                               "SpoiledKey", kIdevid,
                                               [](DerNode& n) {
                                                 n.At({6}).children.pop_back();
                                               },
                                               "rfc5280_spki_malformed"},
                                           SpoiledCase{
                                               "UniqueId", kIdevid,
                                               [](DerNode& n) {
                                                 DerNode id;
                                                 id.tag =
                                                     CBS_ASN1_CONTEXT_SPECIFIC |
                                                     1;
                                                 id.content =
                                                     std::string("\0x", 2);
                                                 n.children.insert(
                                                     n.children.end() - 1, id);
                                               },
                                               "rfc5280_unique_ids"}),
                         NameOf);

INSTANTIATE_TEST_SUITE_P(
    Extensions, SpoiledTbsTest,
    ::testing::Values(
        SpoiledCase{"Twice", kIdevid,
                    [](DerNode& n) {
                      Extensions(n).children.push_back(Extensions(n).At({0}));
                    },
                    "rfc5280_extensions_unique"},
        SpoiledCase{"UnknownCritical", kIdevid,
                    Add("300b06022a030101ff04020500"),
                    "rfc5280_unknown_critical"},
        SpoiledCase{"MalformedKeyUsage", kIdevid,
                    SetValue(oids::kKeyUsage, "03020080"),
                    "rfc5280_extension_malformed"},
        SpoiledCase{"MalformedAltName", kIdevid,
                    SetValue(oids::kSubjectAltName, "3000"),
                    "rfc5280_extension_malformed"},
        SpoiledCase{"MalformedHwModuleName", kIdevid,
                    SetValue(oids::kSubjectAltName,
                             "3017a01506082b06010505070804a00930070603"
                             "2a03040400"),
                    "rfc5280_extension_malformed"},
        SpoiledCase{"KeyUsageNotCritical", kIdevid,
                    FlipCritical(oids::kKeyUsage), "rfc5280_criticality"},
        SpoiledCase{"SkiCritical", kIdevid,
                    FlipCritical(oids::kSubjectKeyIdentifier),
                    "rfc5280_criticality"},
        SpoiledCase{"AkiCritical", kIdevid,
                    FlipCritical(oids::kAuthorityKeyIdentifier),
                    "rfc5280_criticality"},
        SpoiledCase{"DistributionPointsCritical", kIdevid,
                    FlipCritical(oids::kCrlDistributionPoints),
                    "rfc5280_criticality"},
        SpoiledCase{"AltNameCriticalBesideASubject", kIdevid,
                    FlipCritical(oids::kSubjectAltName),
                    "rfc5280_san_not_critical"},
        SpoiledCase{"NoSubjectAndAltNameNotCritical", kLdevid,
                    [](DerNode& n) { n.At({5}).children.clear(); },
                    "rfc5280_san_critical_if_no_subject"},
        SpoiledCase{"CaWithoutSubject", kIssuer,
                    [](DerNode& n) { n.At({5}).children.clear(); },
                    "rfc5280_ca_subject_not_empty"},
        SpoiledCase{"ConstraintsOfCaNotCritical", kIssuer,
                    FlipCritical(oids::kBasicConstraints),
                    "rfc5280_ca_constraints_critical"},
        SpoiledCase{"NoSki", kIdevid, Remove(oids::kSubjectKeyIdentifier),
                    "rfc5280_ski_present"},
        SpoiledCase{"NoAki", kIdevid, Remove(oids::kAuthorityKeyIdentifier),
                    "rfc5280_aki_present"},
        SpoiledCase{"AkiOfAnother", kIdevid,
                    SetValue(oids::kAuthorityKeyIdentifier, "3004800201ff"),
                    "rfc5280_aki_matches"},
        SpoiledCase{"RootsAkiOfAnother", kRoot,
                    Add("300d0603551d23040630048002"
                        "01ff"),
                    "rfc5280_root_aki_is_ski"},
        SpoiledCase{"CertSignWithoutCa", kIdevid,
                    SetValue(oids::kKeyUsage, "03020284"),
                    "rfc5280_ku_cert_sign_without_ca"},
        SpoiledCase{"CaWithoutCertSign", kIssuer,
                    SetValue(oids::kKeyUsage, "03020102"),
                    "rfc5280_ca_without_cert_sign"},
        SpoiledCase{"OnlyBitsWithoutAgreement", kIdevid,
                    SetValue(oids::kKeyUsage, "03020081"),
                    "rfc5280_ku_only_bits"},
        SpoiledCase{"UsageThatDoesNotFit", kIdevid,
                    SetValue(oids::kKeyUsage, "03020640"),
                    "rfc5280_ku_fits_eku"},
        SpoiledCase{"RelativeUri", kLdevid,
                    SetValue(oids::kSubjectAltName,
                             "30048602"
                             "612f"),
                    "rfc5280_san_uri_absolute"},
        SpoiledCase{"DnsNameWithEmptyLabel", kService,
                    SetValue(oids::kSubjectAltName, "30068204612e2e62"),
                    "rfc5280_san_dns_name"},
        SpoiledCase{
            "RelativeCrlUri", kIdevid,
            SetValue(oids::kCrlDistributionPoints, "300a3008a006a00486026162"),
            "rfc5280_crl_uri_absolute"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Kinds, SpoiledTbsTest,
    ::testing::Values(
        SpoiledCase{"IssuerWithoutCaFlag", kIssuer,
                    Remove(oids::kBasicConstraints), "kind_ca_flag"},
        SpoiledCase{"IssuerWithoutCrlSign", kIssuer,
                    SetValue(oids::kKeyUsage, "03020204"), "kind_ca_crl_sign"},
        SpoiledCase{"IssuerWithoutPathLength", kIssuer,
                    SetValue(oids::kBasicConstraints, "30030101ff"),
                    "kind_issuer_path_length"},
        SpoiledCase{"RootWithoutRoom", kRoot,
                    SetValue(oids::kBasicConstraints, "30060101ff020100"),
                    "kind_root_path_length"},
        SpoiledCase{"LeafWithCaFlag", kLdevid,
                    Add("300f0603551d130101ff040530030101ff"),
                    "kind_leaf_not_ca"},
        SpoiledCase{"LeafWithoutDigitalSignature", kLdevid,
                    SetValue(oids::kKeyUsage, "03020308"),
                    "kind_leaf_digital_signature"},
        SpoiledCase{"LeafThatSignsCrls", kLdevid,
                    SetValue(oids::kKeyUsage, "03020182"),
                    "kind_leaf_signs_no_certificates"},
        SpoiledCase{"AnyUsage", kIdevid,
                    SetValue(oids::kExtendedKeyUsage, "30060604551d2500"),
                    "kind_any_eku"},
        SpoiledCase{"UsageTwice", kIdevid,
                    SetValue(oids::kExtendedKeyUsage,
                             "301406082b0601050507030206082b06010505070302"),
                    "rfc5280_eku_unique"},
        SpoiledCase{"IdevidWithoutSerialNumber", kIdevid,
                    [](DerNode& n) { n.At({5}).children.pop_back(); },
                    "ieee8021ar_serial_number"},
        SpoiledCase{"IdevidThatExpires", kIdevid,
                    SetContent({4, 1}, "99981231235959Z"),
                    "ieee8021ar_no_expiry"},
        SpoiledCase{
            "IdevidWithSpiffeId", kIdevid,
            SetValue(oids::kSubjectAltName, "300c860a7370696666653a2f2f74"),
            "kind_idevid_no_spiffe"},
        SpoiledCase{"IdevidWithOtherName", kIdevid,
                    SetValue(oids::kSubjectAltName,
                             "3004880255"
                             "04"),
                    "ieee8021ar_hw_module_name_once"},
        SpoiledCase{"LdevidWithSerialNumber", kLdevid,
                    SetContent({5, 0, 0, 0}, "\x55\x04\x05"),
                    "kind_ldevid_no_serial"},
        SpoiledCase{"LdevidThatNeverExpires", kLdevid,
                    [](DerNode& n) {
                      n.At({4, 1}).tag = CBS_ASN1_GENERALIZEDTIME;
                      n.At({4, 1}).content = "99991231235959Z";
                    },
                    "kind_expires"},
        SpoiledCase{"LdevidWithoutSpiffeId", kLdevid,
                    Remove(oids::kSubjectAltName), "spiffe_one_uri"},
        SpoiledCase{"LdevidWithForeignUri", kLdevid,
                    SetValue(oids::kSubjectAltName,
                             "3005860361"
                             "3a62"),
                    "spiffe_id"},
        SpoiledCase{
            "LdevidForServers", kLdevid,
            SetValue(oids::kExtendedKeyUsage, "300a06082b06010505070301"),
            "kind_client_auth"},
        SpoiledCase{"ServiceWithoutUsage", kService,
                    Remove(oids::kExtendedKeyUsage), "kind_service_auth"}),
    NameOf);

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
