#include "lib/x509/oid.h"

#include "lib/base/testing.h"

namespace birthmark::x509 {
namespace {

using ::testing::Eq;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(OidTest, TextAndContentAreTwoFormsOfOneIdentifier) {
  ASSERT_OK_AND_ASSIGN(const Oid oid, Oid::FromText("1.3.6.1.4.1.32473.1.1"));
  EXPECT_EQ(oid.Text(), "1.3.6.1.4.1.32473.1.1");
  EXPECT_THAT(Oid::FromContent(oid.content()), IsOkAndHolds(Eq(oid)));
}

TEST(OidTest, ConstantsAreTheIdentifiersThatTheyAreNamedAfter) {
  EXPECT_EQ(Oid(oids::kCommonName).Text(), "2.5.4.3");
  EXPECT_EQ(Oid(oids::kSerialNumber).Text(), "2.5.4.5");
  EXPECT_EQ(Oid(oids::kDomainComponent).Text(), "0.9.2342.19200300.100.1.25");
  EXPECT_EQ(Oid(oids::kEmailAddress).Text(), "1.2.840.113549.1.9.1");
  EXPECT_EQ(Oid(oids::kSubjectAltName).Text(), "2.5.29.17");
  EXPECT_EQ(Oid(oids::kIssuingDistributionPoint).Text(), "2.5.29.28");
  EXPECT_EQ(Oid(oids::kCrlDistributionPoints).Text(), "2.5.29.31");
  EXPECT_EQ(Oid(oids::kAuthorityKeyIdentifier).Text(), "2.5.29.35");
  EXPECT_EQ(Oid(oids::kExtendedKeyUsage).Text(), "2.5.29.37");
  EXPECT_EQ(Oid(oids::kAnyExtendedKeyUsage).Text(), "2.5.29.37.0");
  EXPECT_EQ(Oid(oids::kAuthorityInfoAccess).Text(), "1.3.6.1.5.5.7.1.1");
  EXPECT_EQ(Oid(oids::kCaIssuers).Text(), "1.3.6.1.5.5.7.48.2");
  EXPECT_EQ(Oid(oids::kServerAuth).Text(), "1.3.6.1.5.5.7.3.1");
  EXPECT_EQ(Oid(oids::kClientAuth).Text(), "1.3.6.1.5.5.7.3.2");
  EXPECT_EQ(Oid(oids::kHardwareModuleName).Text(), "1.3.6.1.5.5.7.8.4");
  EXPECT_EQ(Oid(oids::kExtensionRequest).Text(), "1.2.840.113549.1.9.14");
}

struct Case {
  const char* name;
  const char* text;
};
class BadOidTextTest : public ::testing::TestWithParam<Case> {};
TEST_P(BadOidTextTest, IsRefused) {
  EXPECT_THAT(Oid::FromText(GetParam().text),
              StatusIs(kInvalid, "OID_MALFORMED"));
}
const Case kBadOidTextCases[] = {
    {"Empty", ""},
    {"OneArc", "1"},
    {"FirstArcTooLarge", "3.1"},
    {"SecondArcTooLarge", "1.40"},
    {"EmptyArc", "1.2..3"},
    {"TrailingDot", "1.2."},
    {"Sign", "1.-2"},
    {"LeadingZero", "1.2.03"},
    {"Letters", "1.two"},
    {"ArcAbove64Bits", "1.2.18446744073709551616"}};
INSTANTIATE_TEST_SUITE_P(All, BadOidTextTest,
                         ::testing::ValuesIn(kBadOidTextCases),
                         [](const auto& info) { return info.param.name; });

TEST(OidTest, PaddedAndCutContentIsRefused) {
  EXPECT_THAT(Oid::FromContent(absl::string_view("\x55\x80\x01", 3)),
              StatusIs(kInvalid, "OID_MALFORMED"));
  EXPECT_THAT(Oid::FromContent(absl::string_view("\x55\x84", 2)),
              StatusIs(kInvalid, "OID_MALFORMED"));
  EXPECT_THAT(Oid::FromContent(""), StatusIs(kInvalid, "OID_MALFORMED"));
}

}  // namespace
}  // namespace birthmark::x509
