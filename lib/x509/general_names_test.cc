#include "lib/x509/general_names.h"

#include "lib/base/bytes.h"
#include "lib/base/testing.h"

namespace birthmark::x509 {
namespace {

using ::testing::ElementsAre;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::string FromHex(absl::string_view hex) { return *HexDecode(hex); }

TEST(SubjectAltNamesTest, EveryKindComesBack) {
  SubjectAltNames names;
  names.uris = {"spiffe://t/service/ca"};
  names.dns_names = {"a.example", "b.example"};
  names.ip_addresses = {std::string("\x7f\0\0\1", 4), std::string(16, '\1')};
  names.emails = {"a@b.example"};
  ASSERT_OK_AND_ASSIGN(Oid type, Oid::FromText("1.3.6.1.4.1.32473.1.1"));
  names.hw_module_name = HardwareModuleName{type, "SN-1"};
  ASSERT_OK_AND_ASSIGN(const std::string der, names.ToDer());
  ASSERT_OK_AND_ASSIGN(const auto read, SubjectAltNames::Parse(der));
  EXPECT_EQ(read.uris, names.uris);
  EXPECT_EQ(read.dns_names, names.dns_names);
  EXPECT_EQ(read.ip_addresses, names.ip_addresses);
  EXPECT_EQ(read.emails, names.emails);
  EXPECT_EQ(read.hw_module_name, names.hw_module_name);
  EXPECT_EQ(read.others, 0);
}

TEST(SubjectAltNamesTest, HardwareModuleNameIsTheOtherNameOfRfc4108) {
  SubjectAltNames names;
  ASSERT_OK_AND_ASSIGN(Oid type, Oid::FromText("1.2.3.4"));
  names.hw_module_name = HardwareModuleName{type, "A"};
  ASSERT_OK_AND_ASSIGN(const std::string der, names.ToDer());
  EXPECT_EQ(HexEncode(der),
            "3018a01606082b06010505070804"  // otherName, its type
            "a00a3008"                      // [0] EXPLICIT SEQUENCE
            "06032a0304"                    // hwType
            "040141");                      // hwSerialNum
}

TEST(SubjectAltNamesTest, KindsThatWeDoNotUseAreCounted) {
  // directoryName, registeredID, another otherName.
  ASSERT_OK_AND_ASSIGN(const auto names,
                       SubjectAltNames::Parse(FromHex("3014a4023000880255"
                                                      "04"
                                                      "a00a06022a03a0040c0278"
                                                      "79")));
  EXPECT_EQ(names.others, 3);
}

struct Case {
  const char* name;
  const char* hex;
};
class BadSubjectAltNamesTest : public ::testing::TestWithParam<Case> {};
TEST_P(BadSubjectAltNamesTest, IsRefused) {
  EXPECT_THAT(SubjectAltNames::Parse(FromHex(GetParam().hex)),
              ::testing::AnyOf(StatusIs(kInvalid, "SAN_MALFORMED"),
                               StatusIs(kInvalid, "HW_MODULE_NAME_MALFORMED")));
}
const Case kBadSubjectAltNamesCases[] = {
    {"Nothing", ""},
    {"NoEntry", "3000"},
    {"TrailingBytes", "300386016100"},
    {"EmptyUri", "30028600"},
    {"NulInDnsName", "30058203610062"},
    {"BlankInUri",
     "30038601"
     "20"},
    {"NonAsciiEmail",
     "300381"
     "01ff"},
    {"AddressOfThreeOctets", "30058703010203"},
    {"AddressWithMask",
     "300a8708"
     "0102030405060708"},
    {"UnknownTag",
     "30038901"
     "61"},
    {"ConstructedUri",
     "3005a60386"
     "0161"},
    {"OtherNameWithoutValue", "3006a00406022a03"},
    {"HwModuleNameWithoutSerial",
     "3013a01106082b06010505070804a005300306"
     "012a"},
    {"HwModuleNameWithEmptySerial",
     "3017a01506082b06010505070804a009300706032a03040400"}};
INSTANTIATE_TEST_SUITE_P(All, BadSubjectAltNamesTest,
                         ::testing::ValuesIn(kBadSubjectAltNamesCases),
                         [](const auto& info) { return info.param.name; });

TEST(SubjectAltNamesTest, ValuesThatDoNotFitAreNotWritten) {
  SubjectAltNames names;
  EXPECT_THAT(names.ToDer(), HasMetadata("field", "list"));
  names.uris = {"a b"};
  EXPECT_THAT(names.ToDer(), HasMetadata("field", "uri"));
  names.uris = {};
  names.dns_names = {""};
  EXPECT_THAT(names.ToDer(), HasMetadata("field", "dns_name"));
  names.dns_names = {};
  names.ip_addresses = {"abc"};
  EXPECT_THAT(names.ToDer(), HasMetadata("field", "ip_address"));
  names.ip_addresses = {};
  names.hw_module_name = HardwareModuleName{Oid(oids::kClientAuth), ""};
  EXPECT_THAT(names.ToDer(), StatusIs(kInvalid, "HW_MODULE_NAME_MALFORMED"));
  names.hw_module_name->hw_serial = std::string(65, 'x');
  EXPECT_THAT(names.ToDer(), StatusIs(kInvalid, "HW_MODULE_NAME_MALFORMED"));
}

TEST(HardwareModuleNameTest, TextShowsHexOnlyWhereItMust) {
  EXPECT_EQ((HardwareModuleName{Oid(oids::kClientAuth), "SN 1"}).ToText(),
            "1.3.6.1.5.5.7.3.2:SN 1");
  EXPECT_EQ((HardwareModuleName{Oid(oids::kClientAuth), "\x01\xff"}).ToText(),
            "1.3.6.1.5.5.7.3.2:01ff");
}

TEST(IpAddressTest, TextAndOctetsAreTwoFormsOfOneAddress) {
  for (const char* text : {"127.0.0.1", "::1", "2001:db8::7"}) {
    ASSERT_OK_AND_ASSIGN(const std::string octets, IpAddressFromText(text));
    EXPECT_EQ(IpAddressText(octets), text);
  }
  EXPECT_EQ(IpAddressText("abc"), "");
  EXPECT_THAT(IpAddressFromText("1.2.3"), StatusIs(kInvalid, "SAN_INVALID"));
  EXPECT_THAT(IpAddressFromText(std::string("1.2.3.4\0x", 9)),
              StatusIs(kInvalid, "SAN_INVALID"));
}

}  // namespace
}  // namespace birthmark::x509
