#include "services/inventory/device_filter.h"

#include <optional>
#include <string>

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
                 {.fleet_id = "acme", .line_id = "l1"}},
        GoodCase{"BatchName",
                 "batch = fleets/acme/lines/l1/batches/b1",
                 "acme",
                 {.fleet_id = "acme", .line_id = "l1", .batch_id = "b1"}},
        GoodCase{"All",
                 "state = REGISTERED AND model = m AND serial_number = s AND "
                 "line = l1 AND batch = fleets/acme/lines/l1/batches/b1",
                 "acme",
                 {.fleet_id = "acme",
                  .state = DeviceState::kRegistered,
                  .model = "m",
                  .serial_number = "s",
                  .line_id = "l1",
                  .batch_id = "b1"}}),
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
        BadCase{"Greater", "create_time > 1", "13"},
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
        BadCase{"OtherFleet", "line = fleets/other/lines/l1", "8"},
        BadCase{"OtherLine",
                "line = l2 AND batch = fleets/acme/lines/l1/batches/b1", "23"},
        BadCase{"BadLineName", "line = fleets/acme", "8"},
        BadCase{"BadBatchName", "batch = fleets/acme/lines/l1", "9"}),
    [](const auto& info) { return info.param.name; });

TEST(DeviceFilterTest, RefusesAFilterThatIsTooLong) {
  const std::string text = "model = " + std::string(kMaxFilterLength, 'm');
  EXPECT_THAT(
      ParseDeviceFilter(text, ""),
      StatusIs(absl::StatusCode::kInvalidArgument, reasons::kFilterInvalid));
}

}  // namespace
}  // namespace birthmark::inventory
