#include "services/registration/firmware_check.h"

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"

namespace birthmark::registration {
namespace {

v1::ReportFirmwareRequest GoodRequest() {
  v1::ReportFirmwareRequest request;
  for (const char* component : {"bootloader", "application"}) {
    v1::FirmwareReport& report = *request.add_reports();
    report.set_component(component);
    report.set_version("1.2.3 (build 7)");
    report.set_digest(std::string(32, 'd'));
    report.set_security_version(4);
  }
  request.mutable_reports(1)->mutable_boot_time()->set_seconds(1767225599);
  request.mutable_reports(1)->mutable_boot_time()->set_nanos(5);
  return request;
}

const absl::Time kNow = absl::FromUnixSeconds(1767225600);

TEST(FirmwareCheckTest, ReturnsTheRows) {
  ASSERT_OK_AND_ASSIGN(const auto rows,
                       CheckFirmwareReports(GoodRequest(), kNow));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].component, "bootloader");
  EXPECT_EQ(rows[0].firmware_version, "1.2.3 (build 7)");
  EXPECT_EQ(rows[0].digest, std::string(32, 'd'));
  EXPECT_EQ(rows[0].security_version, 4);
  EXPECT_EQ(rows[0].report_time, kNow);
  EXPECT_FALSE(rows[0].boot_time.has_value());
  EXPECT_EQ(rows[1].boot_time, kNow - absl::Seconds(1));
}

struct Case {
  const char* name;
  std::function<void(v1::ReportFirmwareRequest&)> spoil;
  const char* field;
};

class BadReportTest : public testing::TestWithParam<Case> {};

TEST_P(BadReportTest, IsRefusedByField) {
  v1::ReportFirmwareRequest request = GoodRequest();
  GetParam().spoil(request);
  const auto rows = CheckFirmwareReports(request, kNow);
  EXPECT_THAT(rows, StatusIs(absl::StatusCode::kInvalidArgument,
                             reasons::kInvalidField));
  EXPECT_THAT(rows, HasMetadata("field", GetParam().field));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadReportTest,
    testing::Values(
        Case{"None", [](auto& r) { r.clear_reports(); }, "reports"},
        Case{"TooMany",
             [](auto& r) {
               for (int i = r.reports_size(); i <= kMaxFirmwareReports; ++i) {
                 *r.add_reports() = r.reports(0);
               }
             },
             "reports"},
        Case{"Twice",
             [](auto& r) { r.mutable_reports(1)->set_component("bootloader"); },
             "reports[1].component"},
        Case{"BadComponent",
             [](auto& r) { r.mutable_reports(0)->set_component("Boot"); },
             "reports[0].component"},
        Case{"NoVersion",
             [](auto& r) { r.mutable_reports(1)->clear_version(); },
             "reports[1].version"},
        Case{"LongVersion",
             [](auto& r) {
               r.mutable_reports(0)->set_version(std::string(65, '1'));
             },
             "reports[0].version"},
        Case{"ControlCharacter",
             [](auto& r) { r.mutable_reports(0)->set_version("1\n2"); },
             "reports[0].version"},
        Case{"ShortDigest",
             [](auto& r) {
               r.mutable_reports(0)->set_digest(std::string(31, 'd'));
             },
             "reports[0].digest"},
        Case{"NegativeSecurityVersion",
             [](auto& r) { r.mutable_reports(0)->set_security_version(-1); },
             "reports[0].security_version"},
        Case{"BootTimeOutOfRange",
             [](auto& r) {
               r.mutable_reports(0)->mutable_boot_time()->set_seconds(
                   1'000'000'000'000);
             },
             "reports[0].boot_time"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace birthmark::registration
