#include "services/inventory/device_filter.h"

#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"

namespace birthmark::inventory {
namespace {

using storage::DeviceFilter;
using storage::DeviceState;

struct GoodCase {
  const char* name;
  const char* text;
  const char* fleet;
  DeviceFilter want;
};

class GoodFilterTest : public testing::TestWithParam<GoodCase> {};

TEST_P(GoodFilterTest, SelectsWhatItSays) {
  const GoodCase& c = GetParam();
  ASSERT_OK_AND_ASSIGN(const DeviceFilter filter,
                       ParseDeviceFilter(c.text, c.fleet));
  EXPECT_EQ(filter.fleet_id, c.want.fleet_id);
  EXPECT_EQ(filter.state, c.want.state);
  EXPECT_EQ(filter.model, c.want.model);
  EXPECT_EQ(filter.serial_number, c.want.serial_number);
  EXPECT_EQ(filter.line_id, c.want.line_id);
  EXPECT_EQ(filter.batch_id, c.want.batch_id);
  EXPECT_EQ(filter.birth_fleet_id, c.want.birth_fleet_id);
  EXPECT_EQ(filter.hardware_revision, c.want.hardware_revision);
  EXPECT_EQ(filter.serial_number_prefix, c.want.serial_number_prefix);
}

INSTANTIATE_TEST_SUITE_P(
    All, GoodFilterTest,
    testing::Values(
        GoodCase{"Empty", "", "acme", {.fleet_id = "acme"}},
        GoodCase{"Blank", "  \t", "", {}},
        GoodCase{
            "State", "state = ACTIVE", "", {.state = DeviceState::kActive}},
        GoodCase{"LongState",
                 "state=DEVICE_STATE_DECOMMISSIONED",
                 "",
                 {.state = DeviceState::kDecommissioned}},
        GoodCase{"WithoutSpaces", "model=m1", "", {.model = "m1"}},
        GoodCase{"Quoted",
                 R"(model = "M 1 \"x\" \\")",
                 "",
                 {.model = R"(M 1 "x" \)"}},
        GoodCase{"QuotedAnd",
                 R"(serial_number = "1 AND 2" AND model = m)",
                 "",
                 {.model = "m", .serial_number = "1 AND 2"}},
        GoodCase{"LineId",
                 "line = l1",
                 "acme",
                 {.fleet_id = "acme", .line_id = "l1"}},
        GoodCase{"LineName",
                 "line = fleets/acme/lines/l1",
                 "",
                 {.line_id = "l1", .birth_fleet_id = "acme"}},
        GoodCase{
            "LineOfAnotherFleet",
            "line = fleets/other/lines/l1",
            "acme",
            {.fleet_id = "acme", .line_id = "l1", .birth_fleet_id = "other"}},
        GoodCase{"BatchName",
                 "batch = fleets/acme/lines/l1/batches/b1",
                 "acme",
                 {.fleet_id = "acme",
                  .line_id = "l1",
                  .batch_id = "b1",
                  .birth_fleet_id = "acme"}},
        GoodCase{"HardwareRevision",
                 "hardware_revision = r2*",
                 "",
                 {.hardware_revision = "r2*"}},
        GoodCase{"Prefix",
                 R"(serial_number = "S 1*")",
                 "",
                 {.serial_number_prefix = "S 1"}},
        GoodCase{"BarePrefix",
                 "serial_number=S-*",
                 "",
                 {.serial_number_prefix = "S-"}},
        GoodCase{"AsteriskItself",
                 R"(serial_number = "S\*")",
                 "",
                 {.serial_number = "S*"}},
        GoodCase{"All",
                 "state = REGISTERED AND model = m AND serial_number = s AND "
                 "line = l1 AND batch = fleets/acme/lines/l1/batches/b1",
                 "acme",
                 {.fleet_id = "acme",
                  .state = DeviceState::kRegistered,
                  .model = "m",
                  .line_id = "l1",
                  .batch_id = "b1",
                  .birth_fleet_id = "acme",
                  .serial_number = "s"}}),
    [](const auto& info) { return info.param.name; });

struct BadCase {
  const char* name;
  const char* text;
  const char* position;
};

class BadFilterTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadFilterTest, IsRefusedWithThePlace) {
  const auto filter = ParseDeviceFilter(GetParam().text, "acme");
  EXPECT_THAT(filter, StatusIs(absl::StatusCode::kInvalidArgument,
                               reasons::kFilterInvalid));
  EXPECT_THAT(filter, HasMetadata("position", GetParam().position))
      << filter.status();
}

INSTANTIATE_TEST_SUITE_P(
    All, BadFilterTest,
    testing::Values(
        BadCase{"NoOperator", "model", "6"},
        BadCase{"OtherOperator", "model != m", "7"},
        BadCase{"Greater", "model > 1", "7"},
        BadCase{"NoTime", "create_time > 1", "15"},
        BadCase{"NoTimeZone", "create_time > 2026-01-01T00:00:00", "15"},
        BadCase{"NoDay", R"(create_time = "2026-02-30T00:00:00Z")", "15"},
        BadCase{"Infinity", "last_contact_time < infinite-future", "21"},
        BadCase{"TwoLowerBounds",
                "create_time > 2026-01-01T00:00:00Z AND "
                "create_time >= 2026-01-02T00:00:00Z",
                "40"},
        BadCase{"BoundAndEqual",
                "create_time > 2026-01-01T00:00:00Z AND "
                "create_time = 2026-01-02T00:00:00Z",
                "40"},
        BadCase{"OnlyAsterisk", R"(serial_number = "*")", "17"},
        BadCase{"ColonOfAnother", "model:*", "6"},
        BadCase{"ColonWithoutAsterisk", "labels.site:berlin", "12"},
        BadCase{"LabelGreater", "labels.size > 5", "13"},
        BadCase{"LabelWithoutKey", "labels. = 5", "1"},
        BadCase{"LabelKey", "labels.Site = x", "1"},
        BadCase{"LabelTwice", "labels.a = 1 AND labels.a:*", "18"},
        BadCase{"ComponentInCapitals", "firmware.App = 1", "1"},
        BadCase{"FirmwareAlone", "firmware = 1", "1"},
        BadCase{"ShortKey", "key = 00ff", "7"},
        BadCase{"UpperCaseCertificate",
                "certificate = 00000000000000000000000000000ABC", "15"},
        BadCase{"Control", "model = \"a\nb\"", "9"},
        BadCase{"NoValue", "model = ", "9"},
        BadCase{"EmptyValue", R"(model = "")", "9"},
        BadCase{"OpenQuote", R"(model = "m)", "9"},
        BadCase{"BadEscape", R"(model = "\n")", "9"},
        BadCase{"UnknownField", "color = red", "1"},
        BadCase{"NoField", "= m", "1"},
        BadCase{"UnknownState", "state = ASLEEP", "9"},
        BadCase{"LowerCaseState", "state = active", "9"},
        BadCase{"Or", "model = a OR model = b", "11"},
        BadCase{"LowerCaseAnd", "model = a and line = b", "11"},
        BadCase{"NothingAfterAnd", "model = a AND ", "15"},
        BadCase{"Parentheses", "(model = a)", "1"},
        BadCase{"Twice", "model = a AND model = b", "15"},
        BadCase{"OtherFleet",
                "line = fleets/other/lines/l1 AND "
                "batch = fleets/acme/lines/l1/batches/b1",
                "42"},
        BadCase{"OtherLine",
                "line = l2 AND batch = fleets/acme/lines/l1/batches/b1", "23"},
        BadCase{"BadLineName", "line = fleets/acme", "8"},
        BadCase{"BadBatchName", "batch = fleets/acme/lines/l1", "9"}),
    [](const auto& info) { return info.param.name; });

TEST(DeviceFilterTest, ReadsLabelsFirmwareKeysAndTimes) {
  ASSERT_OK_AND_ASSIGN(
      const DeviceFilter filter,
      ParseDeviceFilter(
          absl::StrCat(
              "labels.site = \"new york\" AND labels.size = 5 AND "
              "labels.vip:* AND firmware.boot-loader = 1.2* AND key = ",
              std::string(64, 'a'), " AND certificate = ", std::string(32, 'b'),
              " AND create_time >= 2026-01-01T00:00:00Z AND "
              "create_time<\"2026-01-01T02:00:00.5+01:00\" AND "
              "last_contact_time > 1970-01-01T00:00:01Z"),
          "acme"));
  ASSERT_EQ(filter.labels.size(), 3);
  EXPECT_EQ(filter.labels[0].key, "site");
  EXPECT_EQ(filter.labels[0].value, "new york");
  EXPECT_EQ(filter.labels[1].value, "5");
  EXPECT_EQ(filter.labels[2].key, "vip");
  EXPECT_EQ(filter.labels[2].value, std::nullopt);
  ASSERT_EQ(filter.firmware.size(), 1);
  EXPECT_EQ(filter.firmware[0].component, "boot-loader");
  EXPECT_EQ(filter.firmware[0].version, "1.2*");
  EXPECT_EQ(filter.spki_sha256, std::string(32, '\xaa'));
  EXPECT_EQ(filter.certificate_serial, std::string(16, '\xbb'));
  const absl::Time begin = absl::FromUnixSeconds(1767225600);
  EXPECT_EQ(filter.created.from, begin);
  EXPECT_EQ(filter.created.until, begin + absl::Milliseconds(3600500));
  EXPECT_EQ(filter.last_contact.from,
            absl::FromUnixSeconds(1) + absl::Microseconds(1));
  EXPECT_EQ(filter.last_contact.until, std::nullopt);
}

TEST(DeviceFilterTest, BoundsAreExactToTheMicrosecondThatIsKept) {
  const absl::Time second = absl::FromUnixSeconds(1767225600);
  const auto created = [](const char* term) {
    return ParseDeviceFilter(term, "")->created;
  };
  EXPECT_EQ(created("create_time <= 2026-01-01T00:00:00Z").until,
            second + absl::Microseconds(1));
  EXPECT_EQ(created("create_time < 2026-01-01T00:00:00Z").until, second);
  const auto equal = created("create_time = 2026-01-01T00:00:00Z");
  EXPECT_EQ(equal.from, second);
  EXPECT_EQ(equal.until, second + absl::Microseconds(1));
  // Between two: nothing is equal to it.
  const auto between = created("create_time = 2026-01-01T00:00:00.0000005Z");
  EXPECT_EQ(between.from, between.until);
}

TEST(DeviceFilterTest, RefusesMoreMembersThanAreAllowed) {
  for (const char* member : {"labels.k", "firmware.k"}) {
    std::string text;
    for (size_t i = 0; i <= kMaxFilterMembers; ++i) {
      absl::StrAppend(&text, i == 0 ? "" : " AND ", member, i, " = 1");
    }
    EXPECT_THAT(
        ParseDeviceFilter(text, ""),
        StatusIs(absl::StatusCode::kInvalidArgument, reasons::kFilterInvalid));
  }
}

// Whatever the octets, it is a filter or it is refused with a place in it.
TEST(DeviceFilterTest, RefusesWhatIsNoneWithThePlace) {
  const std::vector<std::string> pieces = {
      "state",    "model",      "labels.",
      "labels.a", "firmware.b", "create_time",
      "key",      "batch",      "=",
      "<=",       ":",          "*",
      "\"",       "\\",         " AND ",
      " ",        "ACTIVE",     "2026-01-01T00:00:00Z",
      "fleets/",  "(",          ")",
      "\x80",     "\xff",       std::string(1, '\0')};
  std::mt19937 random(7);
  int good = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string text;
    for (size_t n = random() % 9; n > 0; --n) {
      text += pieces[random() % pieces.size()];
    }
    const auto filter = ParseDeviceFilter(text, "");
    if (filter.ok()) {
      ++good;
      continue;
    }
    ASSERT_THAT(filter, StatusIs(absl::StatusCode::kInvalidArgument,
                                 reasons::kFilterInvalid));
    int position = 0;
    const std::string error = filter.status().ToString();
    const size_t at = error.find("at character ");
    ASSERT_NE(at, std::string::npos) << error;
    position = std::atoi(error.c_str() + at + 13);
    ASSERT_GE(position, 1);
    ASSERT_LE(position, static_cast<int>(text.size()) + 1) << text;
  }
  EXPECT_GT(good, 100);
}

TEST(DeviceFilterTest, RefusesAValueThatIsTooLong) {
  EXPECT_THAT(
      ParseDeviceFilter("model = " + std::string(kMaxFilterValue + 1, 'm'), ""),
      StatusIs(absl::StatusCode::kInvalidArgument, reasons::kFilterInvalid));
}

TEST(DeviceFilterTest, RefusesAFilterThatIsTooLong) {
  const std::string text = "model = " + std::string(kMaxFilterLength, 'm');
  EXPECT_THAT(
      ParseDeviceFilter(text, ""),
      StatusIs(absl::StatusCode::kInvalidArgument, reasons::kFilterInvalid));
}

}  // namespace
}  // namespace birthmark::inventory
