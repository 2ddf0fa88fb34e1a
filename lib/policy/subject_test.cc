#include "lib/policy/subject.h"

#include <string>

#include "lib/base/reasons.h"
#include "lib/base/testing.h"

namespace birthmark::policy {
namespace {

constexpr char kDomain[] = "birthmark.example";
constexpr char kUid[] = "01890a5d-ac96-774b-bcce-b302099a8057";

Profile ProfileOf(ProfileKind kind) {
  Profile profile;
  profile.id = std::string(ProfileKindName(kind));
  profile.version = 1;
  profile.kind = kind;
  profile.issuer = "internal";
  profile.organization = "Example Devices";
  return profile;
}

DeviceSubject CreateValidDevice() {
  return {kUid, "acme", "thermo-2", "SN-0001"};
}

TEST(NamesForTest, PutsModelAndSerialNumberIntoAnIdevid) {
  Profile profile = ProfileOf(ProfileKind::kIdevid);
  profile.hardware_type_oid = "1.3.6.1.4.1.32473.1.1";
  ASSERT_OK_AND_ASSIGN(SubjectNames names,
                       NamesFor(profile, kDomain, CreateValidDevice()));
  EXPECT_EQ(names.name.ToText(),
            "serialNumber=SN-0001,CN=thermo-2,O=Example Devices");
  EXPECT_TRUE(names.alt_names.uris.empty());
  ASSERT_TRUE(names.alt_names.hw_module_name.has_value());
  EXPECT_EQ(names.alt_names.hw_module_name->hw_type.Text(),
            "1.3.6.1.4.1.32473.1.1");
  EXPECT_EQ(names.alt_names.hw_module_name->hw_serial, "SN-0001");
}

TEST(NamesForTest, LeavesHwModuleNameOutWithoutAHardwareType) {
  ASSERT_OK_AND_ASSIGN(
      SubjectNames names,
      NamesFor(ProfileOf(ProfileKind::kIdevid), kDomain, CreateValidDevice()));
  EXPECT_TRUE(names.alt_names.empty());
}

TEST(NamesForTest, SaysNothingOfTheHardwareInAnLdevid) {
  ASSERT_OK_AND_ASSIGN(
      SubjectNames names,
      NamesFor(ProfileOf(ProfileKind::kLdevid), kDomain, CreateValidDevice()));
  EXPECT_EQ(names.name.ToText(), std::string("CN=") + kUid);
  EXPECT_THAT(
      names.alt_names.uris,
      testing::ElementsAre(
          std::string("spiffe://birthmark.example/fleet/acme/device/") + kUid));
  EXPECT_FALSE(names.alt_names.hw_module_name.has_value());
}

TEST(NamesForTest, NamesLinesOperatorsAndServicesBySpiffeId) {
  ASSERT_OK_AND_ASSIGN(SubjectNames line,
                       NamesFor(ProfileOf(ProfileKind::kLine), kDomain,
                                LineSubject{"acme", "line-1"}));
  EXPECT_THAT(line.alt_names.uris,
              testing::ElementsAre(
                  "spiffe://birthmark.example/fleet/acme/line/line-1"));
  EXPECT_EQ(line.name.ToText(), "CN=line-1,O=Example Devices");

  ASSERT_OK_AND_ASSIGN(SubjectNames op,
                       NamesFor(ProfileOf(ProfileKind::kOperator), kDomain,
                                OperatorSubject{"anna"}));
  EXPECT_THAT(op.alt_names.uris,
              testing::ElementsAre("spiffe://birthmark.example/operator/anna"));

  ASSERT_OK_AND_ASSIGN(
      SubjectNames service,
      NamesFor(ProfileOf(ProfileKind::kService), kDomain,
               ServiceSubject{"ca", {"ca.birthmark.example"}}));
  EXPECT_THAT(service.alt_names.uris,
              testing::ElementsAre("spiffe://birthmark.example/service/ca"));
  EXPECT_THAT(service.alt_names.dns_names,
              testing::ElementsAre("ca.birthmark.example"));
}

TEST(NamesForTest, NamesEnforcementPointsBySpiffeId) {
  ASSERT_OK_AND_ASSIGN(SubjectNames point,
                       NamesFor(ProfileOf(ProfileKind::kEnforcementPoint),
                                kDomain, EnforcementPointSubject{"broker-1"}));
  EXPECT_THAT(point.alt_names.uris,
              testing::ElementsAre(
                  "spiffe://birthmark.example/enforcement-point/broker-1"));
  EXPECT_EQ(point.name.ToText(), "CN=broker-1,O=Example Devices");
}

TEST(NamesForTest, NamesTheSignerOfRecordsByItsIssuerAlone) {
  ASSERT_OK_AND_ASSIGN(SubjectNames names,
                       NamesFor(ProfileOf(ProfileKind::kRecordSigner), kDomain,
                                RecordSignerSubject{}));
  EXPECT_EQ(names.name.ToText(), "CN=Record signer of internal");
  EXPECT_TRUE(names.alt_names.empty());
  EXPECT_THAT(NamesFor(ProfileOf(ProfileKind::kOcspResponder), kDomain,
                       RecordSignerSubject{}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       reasons::kProfileViolation));
}

TEST(NamesForTest, NamesOcspRespondersByTheirIssuerAlone) {
  ASSERT_OK_AND_ASSIGN(SubjectNames names,
                       NamesFor(ProfileOf(ProfileKind::kOcspResponder), kDomain,
                                OcspResponderSubject{}));
  EXPECT_EQ(names.name.ToText(), "CN=OCSP responder of internal");
  EXPECT_TRUE(names.alt_names.empty());
}

struct Case {
  const char* name;
  ProfileKind kind;
  Subject subject;
  const char* field;  // nullptr: the subject does not fit the kind
};
class BadSubjectTest : public testing::TestWithParam<Case> {};

TEST_P(BadSubjectTest, IsRefused) {
  const auto names =
      NamesFor(ProfileOf(GetParam().kind), kDomain, GetParam().subject);
  if (GetParam().field == nullptr) {
    EXPECT_THAT(names, StatusIs(absl::StatusCode::kFailedPrecondition,
                                reasons::kProfileViolation));
    EXPECT_THAT(names, HasMetadata("rule", "subject_kind"));
    return;
  }
  EXPECT_THAT(names, StatusIs(absl::StatusCode::kInvalidArgument,
                              reasons::kInvalidField));
  EXPECT_THAT(names, HasMetadata("field", GetParam().field));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadSubjectTest,
    testing::Values(
        Case{"DeviceByLineProfile", ProfileKind::kLine, DeviceSubject{},
             nullptr},
        Case{"LineByIdevidProfile", ProfileKind::kIdevid, LineSubject{},
             nullptr},
        Case{"OperatorByServiceProfile", ProfileKind::kService,
             OperatorSubject{}, nullptr},
        Case{"ServiceByOperatorProfile", ProfileKind::kOperator,
             ServiceSubject{}, nullptr},
        Case{"OperatorByEnforcementPointProfile",
             ProfileKind::kEnforcementPoint, OperatorSubject{}, nullptr},
        Case{"EnforcementPointByLineProfile", ProfileKind::kLine,
             EnforcementPointSubject{"b"}, nullptr},
        Case{"ResponderByServiceProfile", ProfileKind::kService,
             OcspResponderSubject{}, nullptr},
        Case{"EnforcementPointWithSlash", ProfileKind::kEnforcementPoint,
             EnforcementPointSubject{"a/b"}, "enforcement_point.name"},
        Case{"NoSubject", ProfileKind::kLdevid, Subject(), "subject"},
        Case{"UpperCaseUid", ProfileKind::kLdevid,
             DeviceSubject{"01890A5D-AC96-774B-BCCE-B302099A8057", "acme", "",
                           ""},
             "device.uid"},
        Case{"SlashInFleet", ProfileKind::kLdevid,
             DeviceSubject{kUid, "acme/device", "", ""}, "device.fleet"},
        Case{"NoModel", ProfileKind::kIdevid,
             DeviceSubject{kUid, "acme", "", "SN"}, "device.model"},
        Case{"BadSerialNumber", ProfileKind::kIdevid,
             DeviceSubject{kUid, "acme", "m", "S_N"}, "device.serial_number"},
        Case{"NoLine", ProfileKind::kLine, LineSubject{"acme", ""},
             "line.line"},
        Case{"OperatorWithSlash", ProfileKind::kOperator,
             OperatorSubject{"a/b"}, "operator.operator"},
        Case{"EmptyService", ProfileKind::kService, ServiceSubject{"", {}},
             "service.service"},
        Case{"WildcardDnsName", ProfileKind::kService,
             ServiceSubject{"ca", {"*.example"}}, "service.dns_names"},
        Case{"UpperCaseDnsName", ProfileKind::kService,
             ServiceSubject{"ca", {"CA.example"}}, "service.dns_names"},
        Case{"EmptyDnsLabel", ProfileKind::kService,
             ServiceSubject{"ca", {"ca..example"}}, "service.dns_names"},
        Case{"LongDnsLabel", ProfileKind::kService,
             ServiceSubject{"ca", {std::string(64, 'a') + ".example"}},
             "service.dns_names"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace birthmark::policy
