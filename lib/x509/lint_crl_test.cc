#include <functional>

#include "lib/base/bytes.h"
#include "lib/base/testing.h"
#include "lib/x509/crl.h"
#include "lib/x509/lint.h"
#include "lib/x509/oid.h"
#include "lib/x509/testing.h"
#include "openssl/bytestring.h"

namespace birthmark::x509 {
namespace {

using ::testing::IsEmpty;

const TestCa& Ca() {
  static const TestCa* ca = new TestCa();
  return *ca;
}

LintProfile Profile() {
  return LintProfile{LintKind::kIssuer,
                     std::string(Ca().issuer.value()->subject_der),
                     *Ca().issuer.value()->subject_key_id};
}

CrlSpec GoodSpec() {
  CrlSpec spec;
  spec.issuer_name_der = Profile().issuer_name_der;
  spec.issuer_key_id = Profile().issuer_key_id;
  spec.number = 1;
  spec.this_update = TestTime();
  spec.next_update = TestTime() + absl::Hours(24);
  spec.shard_uri = CrlShardUri("http://crl.example/idevid", 0);
  CrlEntry entry;
  entry.serial = TestSerial(1);
  entry.revocation_time = TestTime() - absl::Hours(1);
  spec.entries.push_back(entry);
  entry.serial = TestSerial(2);
  entry.reason = RevocationReason::kKeyCompromise;
  entry.invalidity_time = TestTime() - absl::Hours(2);
  spec.entries.push_back(entry);
  return spec;
}

std::string GoodTbs() { return *BuildCrlTbs(GoodSpec()); }

std::vector<std::string> Rules(const std::vector<Finding>& findings) {
  std::vector<std::string> rules;
  for (const Finding& finding : findings) {
    rules.emplace_back(finding.rule);
  }
  return rules;
}

TEST(LintCrlTest, WhatTheBuilderWritesHasNoFinding) {
  EXPECT_THAT(Rules(LintTbsCrl(GoodTbs(), Profile())), IsEmpty());
}

TEST(LintCrlTest, DeltasTakeCertificatesOff) {
  CrlSpec spec = GoodSpec();
  spec.base_number = 1;
  spec.entries[0].reason = RevocationReason::kRemoveFromCrl;
  EXPECT_THAT(Rules(LintTbsCrl(*BuildCrlTbs(spec), Profile())), IsEmpty());
}

TEST(LintCrlTest, CompleteCrlsSayWhereTheirDeltaIs) {
  CrlSpec spec = GoodSpec();
  spec.freshest_uri = CrlDeltaUri("http://crl.example/idevid", 0);
  EXPECT_THAT(Rules(LintTbsCrl(*BuildCrlTbs(spec), Profile())), IsEmpty());
}

TEST(LintCrlTest, EveryPrefixIsMalformed) {
  const std::string tbs = GoodTbs();
  for (size_t size = 0; size < tbs.size(); ++size) {
    EXPECT_THAT(
        Rules(LintTbsCrl(absl::string_view(tbs).substr(0, size), Profile())),
        ::testing::ElementsAre("der_malformed"));
  }
}

TEST(LintCrlTest, AnotherIssuersCrlIsFound) {
  LintProfile profile = Profile();
  profile.issuer_name_der = "other";
  profile.issuer_key_id = "other";
  EXPECT_THAT(Rules(LintTbsCrl(GoodTbs(), profile)),
              ::testing::UnorderedElementsAre("rfc5280_issuer_matches",
                                              "rfc5280_aki_matches"));
}

// Positions: 0 version, 1 algorithm, 2 issuer, 3 and 4 times, 5 entries,
// 6 extensions (0 AKI, 1 number, 2 issuing distribution point).
struct SpoiledCase {
  const char* name;
  std::function<void(DerNode&)> spoil;
  const char* rule;
};
class SpoiledTbsCrlTest : public ::testing::TestWithParam<SpoiledCase> {};
TEST_P(SpoiledTbsCrlTest, IsFound) {
  DerNode node = DerNode::Parse(GoodTbs());
  GetParam().spoil(node);
  EXPECT_THAT(Rules(LintTbsCrl(node.Encode(), Profile())),
              ::testing::Contains(GetParam().rule));
}

DerNode& Extensions(DerNode& n) { return n.At({6, 0}); }

void AddExtension(DerNode& n, const char* hex) {
  Extensions(n).children.push_back(DerNode::Parse(*HexDecode(hex)));
}

const SpoiledCase kSpoiledTbsCrlCases[] = {
    {"Version1", [](DerNode& n) { n.At({0}).content[0] = 0; },
     "rfc5280_crl_version_2"},
    {"UnknownAlgorithm",
     [](DerNode& n) {
       n.At({1, 0}).content = "\x2a\x03";
     },
     "rfc5280_signature_algorithm"},
    {"EmptyIssuer", [](DerNode& n) { n.At({2}).children.clear(); },
     "rfc5280_issuer_not_empty"},
    {"GeneralizedTimeBefore2050",
     [](DerNode& n) {
       n.At({3}).tag = CBS_ASN1_GENERALIZEDTIME;
       n.At({3}).content = "20260101000000Z";
     },
     "rfc5280_validity_encoding"},
    {"NextUpdateNotLater", [](DerNode& n) { n.At({4}) = n.At({3}); },
     "rfc5280_validity_order"},
    {"NoNextUpdate",
     [](DerNode& n) { n.children.erase(n.children.begin() + 4); },
     "der_malformed"},
    {"EmptyList", [](DerNode& n) { n.At({5}).children.clear(); },
     "rfc5280_crl_empty_list"},
    {"EntryTwice",
     [](DerNode& n) {
       n.At({5}).children.push_back(n.At({5, 0}));
     },
     "rfc5280_crl_unique_entries"},
    {"NegativeSerial",
     [](DerNode& n) {
       n.At({5, 0, 0}).content = "\x80";
     },
     "rfc5280_serial_positive"},
    {"RevokedLater",
     [](DerNode& n) {
       n.At({5, 0, 1}).content = "260101000001Z";
     },
     "crl_revoked_later"},
    {"ReasonUnspecified",
     [](DerNode& n) {
       n.At({5, 1, 2, 0, 1}).content = std::string("\x0a\x01\x00", 3);
     },
     "rfc5280_reason_unspecified"},
    {"ReasonRemove",
     [](DerNode& n) {
       n.At({5, 1, 2, 0, 1}).content = "\x0a\x01\x08";
     },
     "rfc5280_reason_remove"},
    {"ReasonThatIsNone",
     [](DerNode& n) {
       n.At({5, 1, 2, 0, 1}).content = "\x0a\x01\x07";
     },
     "rfc5280_reason_code"},
    {"InvalidityDateInUtcTime",
     [](DerNode& n) {
       n.At({5, 1, 2, 1, 1}).content =
           "\x17\x0d"
           "260101000000Z";
     },
     "rfc5280_invalidity_date"},
    {"NoAki",
     [](DerNode& n) {
       Extensions(n).children.erase(Extensions(n).children.begin());
     },
     "rfc5280_aki_present"},
    {"NegativeNumber",
     [](DerNode& n) {
       Extensions(n).At({1, 1}).content = "\x02\x01\xff";
     },
     "rfc5280_crl_number"},
    {"DistributionPointNotCritical",
     [](DerNode& n) {
       auto& fields = Extensions(n).At({2}).children;
       fields.erase(fields.begin() + 1);
     },
     "rfc5280_issuing_distribution_point"},
    {"ExtensionTwice",
     [](DerNode& n) {
       Extensions(n).children.push_back(Extensions(n).At({1}));
     },
     "rfc5280_extensions_unique"},
    {"BaseAboveNumber",
     [](DerNode& n) {
       Extensions(n).children.push_back(
           DerNode::Parse(*HexDecode("300d0603551d1b0101ff0403020102")));
     },
     "rfc5280_delta_base_number"},
    {"DeltaIndicatorNotCritical",
     [](DerNode& n) { AddExtension(n, "300a0603551d1b0403020101"); },
     "rfc5280_delta_crl_indicator"},
    {"DeltaIndicatorIsNoNumber",
     [](DerNode& n) { AddExtension(n, "300c0603551d1b0101ff04020500"); },
     "rfc5280_delta_crl_indicator"},
    {"FreshestCrlIsNone",
     [](DerNode& n) { AddExtension(n, "30090603551d2e04020500"); },
     "rfc5280_freshest_crl"},
    {"DeltaOfADelta",
     [](DerNode& n) {
       AddExtension(n, "300d0603551d1b0101ff0403020101");
       AddExtension(n, "30120603551d2e040b30093007a005a003860161");
     },
     "rfc5280_delta_without_freshest"},
    {"UnknownCritical",
     [](DerNode& n) { AddExtension(n, "300b06022a030101ff04020500"); },
     "rfc5280_unknown_critical"},
    {"NotAscending",
     [](DerNode& n) {
       std::swap(n.At({5, 0}), n.At({5, 1}));
     },
     "crl_serials_ascend"}};
INSTANTIATE_TEST_SUITE_P(All, SpoiledTbsCrlTest,
                         ::testing::ValuesIn(kSpoiledTbsCrlCases),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace birthmark::x509
