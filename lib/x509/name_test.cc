#include "lib/x509/name.h"

#include "lib/base/bytes.h"
#include "lib/base/testing.h"
#include "lib/x509/testing.h"

namespace birthmark::x509 {
namespace {

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::string FromHex(absl::string_view hex) { return *HexDecode(hex); }

TEST(NameTest, AttributesAreWrittenInTheTypesOfRfc5280) {
  DistinguishedName name;
  name.Country("DE").Organization("M\xc3\xbcller").SerialNumber("7");
  ASSERT_OK_AND_ASSIGN(const std::string der, name.ToDer());
  EXPECT_EQ(HexEncode(der),
            "302b"
            "310b3009060355040613024445"            // C, PrintableString
            "3110300e060355040a0c074dc3bc6c6c6572"  // O, UTF8String
            "310a3008060355040513013"
            "7");  // serialNumber, PrintableString
  ASSERT_OK_AND_ASSIGN(const auto read, DistinguishedName::Parse(der));
  ASSERT_EQ(read.attributes().size(), 3u);
  EXPECT_EQ(read.attributes()[0].encoding, StringType::kPrintable);
  EXPECT_EQ(read.attributes()[1].encoding, StringType::kUtf8);
  EXPECT_EQ(read.attributes()[1].value, "M\xc3\xbcller");
  EXPECT_EQ(read.Get(oids::kSerialNumber), "7");
  EXPECT_EQ(read.Get(oids::kTitle), std::nullopt);
}

TEST(NameTest, TheEmptyNameIsAName) {
  ASSERT_OK_AND_ASSIGN(const std::string der, DistinguishedName().ToDer());
  EXPECT_EQ(HexEncode(der), "3000");
  ASSERT_OK_AND_ASSIGN(const auto read, DistinguishedName::Parse(der));
  EXPECT_TRUE(read.empty());
  EXPECT_EQ(read.ToText(), "");
}

TEST(NameTest, SeveralAttributesInOneRdnAreSortedWhenWrittenAndKeptTogether) {
  // CN "x" with UID "u", the CN first, against DER's order.
  const std::string sorted = FromHex(
      "3020311e"
      "300806035504030c0178"
      "3012060a0992268993f22c6401010c0475736572");
  ASSERT_OK_AND_ASSIGN(const auto name, DistinguishedName::Parse(sorted));
  ASSERT_EQ(name.attributes().size(), 2u);
  EXPECT_FALSE(name.attributes()[0].joins_previous);
  EXPECT_TRUE(name.attributes()[1].joins_previous);
  EXPECT_EQ(name.ToText(), "CN=x+UID=user");
  ASSERT_OK_AND_ASSIGN(const std::string again, name.ToDer());
  EXPECT_EQ(HexEncode(again), HexEncode(sorted));
}

TEST(NameTest, TextIsThatOfRfc4514LastRdnFirstAndEscaped) {
  DistinguishedName name;
  name.Country("DE")
      .Organization(" a,b+c\"d\\e<f>g;h ")
      .CommonName("#1 \x1b[31m")
      .Add(absl::string_view("\x2a\x03", 2), "v");
  EXPECT_EQ(name.ToText(),
            "1.2.3=#0c0176,CN=\\#1 \\1b[31m,"
            "O=\\ a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h\\ ,C=DE");
}

struct UnwritableCase {
  const char* name;
  absl::string_view type;
  std::string value;
};
class UnwritableNameTest : public ::testing::TestWithParam<UnwritableCase> {};
TEST_P(UnwritableNameTest, IsRefusedAndNamesTheAttribute) {
  DistinguishedName name;
  name.CommonName("fine").Add(GetParam().type, GetParam().value);
  EXPECT_THAT(name.ToDer(), StatusIs(kInvalid, "NAME_INVALID"));
  EXPECT_THAT(name.ToDer(), HasMetadata("attribute", GetParam().name));
}
INSTANTIATE_TEST_SUITE_P(Empty, UnwritableNameTest,
                         ::testing::Values(UnwritableCase{
                             "O", oids::kOrganization, ""}),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(
    TooLong, UnwritableNameTest,
    ::testing::Values(
        UnwritableCase{"CN", oids::kCommonName, std::string(65, 'x')},
        UnwritableCase{"serialNumber", oids::kSerialNumber,
                       std::string(65, '1')},
        UnwritableCase{"C", oids::kCountry, "DEU"},
        UnwritableCase{"L", oids::kLocality, std::string(129, 'x')}),
    [](const auto& info) { return info.param.name; });
const UnwritableCase kUnwritableNameForeignCharactersCases[] = {
    {"serialNumber", oids::kSerialNumber, "a_b"},
    {"DC", oids::kDomainComponent, "b\xc3\xbc"},
    {"CN", oids::kCommonName, std::string("a\0b", 3)},
    {"O", oids::kOrganization, "\xc3"},
    {"OU", oids::kOrganizationalUnit, "\xc0\x80"},
    {"L", oids::kLocality, "\xed\xa0\x80"},
    {"ST", oids::kState, "\xf4\x90\x80\x80"}};
INSTANTIATE_TEST_SUITE_P(
    ForeignCharacters, UnwritableNameTest,
    ::testing::ValuesIn(kUnwritableNameForeignCharactersCases),
    [](const auto& info) { return info.param.name; });

TEST(NameTest, LengthsAreCountedInCharactersNotOctets) {
  std::string value;
  for (int i = 0; i < 64; ++i) {
    value += "\xc3\xbc";
  }
  DistinguishedName name;
  name.CommonName(value);
  EXPECT_OK(name.ToDer());
}

TEST(NameTest, OldStringTypesAreReadAsUtf8) {
  struct Case {
    const char* tag_and_value;  // of a CN
    const char* want;
  };
  for (const Case& c : {Case{"1403"
                             "61fc62",
                             "a\xc3\xbc"
                             "b"},  // TeletexString
                        Case{"1e04"
                             "00fc20ac",
                             "\xc3\xbc\xe2\x82\xac"},  // BMPString
                        Case{"1c04"
                             "0001f600",
                             "\xf0\x9f\x98\x80"},  // UniversalString
                        Case{"1603"
                             "612b62",
                             "a+b"}}) {  // IA5String
    const std::string value = FromHex(c.tag_and_value);
    DerNode node = DerNode::Parse(FromHex("300c310a300806035504030c0178"));
    node.At({0, 0, 1}).raw = value;
    ASSERT_OK_AND_ASSIGN(const auto name,
                         DistinguishedName::Parse(node.Encode()));
    EXPECT_EQ(name.Get(oids::kCommonName), c.want);
  }
}

struct MalformedCase {
  const char* name;
  const char* hex;
};
class MalformedNameTest : public ::testing::TestWithParam<MalformedCase> {};
TEST_P(MalformedNameTest, IsRefused) {
  EXPECT_THAT(DistinguishedName::Parse(FromHex(GetParam().hex)),
              StatusIs(kInvalid, "NAME_MALFORMED"));
}
const MalformedCase kMalformedNameCases[] = {
    {"Nothing", ""},
    {"TrailingBytes", "300c310a300806035504030c017800"},
    {"LongLength", "30810c310a300806035504030c0178"},
    {"IndefiniteLength", "3080310a300806035504030c01780000"},
    {"EmptyRdn", "30023100"},
    {"NoValue",
     "30093107300506035504"
     "03"},
    {"ValueTwice", "300f310d300b06035504030c01780c0178"},
    {"ForeignPrintable", "300c310a3008060355040313015f"},
    {"BadUtf8", "300c310a300806035504030c01ff"},
    {"NulInside", "300c310a300806035504030c0100"},
    {"HalfBmpCharacter", "300c310a300806035504031e0100"},
    {"SurrogateInBmp", "300d310b300906035504031e02d800"},
    {"BitStringValue", "300d310b3009060355040303020061"},
    {"UnsortedRdn",
     "3018311630090603550403"
     "0c027878"
     "3009060355040a0c"
     "0178"},
    {"AttributeTwiceInOneRdn",
     "30163114300806035504030c0178300806035504030c0178"}};
INSTANTIATE_TEST_SUITE_P(All, MalformedNameTest,
                         ::testing::ValuesIn(kMalformedNameCases),
                         [](const auto& info) { return info.param.name; });

TEST(NameTest, NamesOfTooManyAttributesAreRefused) {
  DistinguishedName name;
  for (int i = 0; i < 65; ++i) {
    name.OrganizationalUnit("x");
  }
  ASSERT_OK_AND_ASSIGN(const std::string der, name.ToDer());
  EXPECT_THAT(DistinguishedName::Parse(der),
              StatusIs(kInvalid, "NAME_MALFORMED"));
}

}  // namespace
}  // namespace birthmark::x509
