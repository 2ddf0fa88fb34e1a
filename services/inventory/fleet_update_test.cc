#include "services/inventory/fleet_update.h"

#include <string>
#include <vector>

#include "lib/base/reasons.h"
#include "lib/base/testing.h"

namespace birthmark::inventory {
namespace {

struct Case {
  const char* name;
  std::vector<std::string> mask;
  const char* display_name;  // as sent
  const char* idevid_profile;
  const char* want_display_name;
  const char* want_idevid_profile;
};

class ApplyFleetTest : public testing::TestWithParam<Case> {};

TEST_P(ApplyFleetTest, ChangesWhatTheMaskNames) {
  const Case& c = GetParam();
  storage::FleetRow row;
  row.display_name = "Old";
  row.idevid_profile = "old";
  row.ldevid_profile = "kept";
  fleet::v1::Fleet fleet;
  fleet.set_display_name(c.display_name);
  fleet.set_idevid_profile(c.idevid_profile);
  fleet.set_ldevid_profile("profiles/kept");
  google::protobuf::FieldMask mask;
  for (const std::string& path : c.mask) {
    mask.add_paths(path);
  }
  ASSERT_OK(ApplyFleet(fleet, mask, row));
  EXPECT_EQ(row.display_name, c.want_display_name);
  EXPECT_EQ(row.idevid_profile, c.want_idevid_profile);
  EXPECT_EQ(row.ldevid_profile, "kept");
}

INSTANTIATE_TEST_SUITE_P(
    All, ApplyFleetTest,
    testing::Values(
        Case{"NoMaskTakesThePopulated", {}, "New", "", "New", "old"},
        Case{"StarTakesAll", {"*"}, "", "", "", "idevid"},
        Case{
            "NamedOnly", {"idevid_profile"}, "New", "profiles/p2", "Old", "p2"},
        Case{"NamedAndEmptyIsTheDefault",
             {"idevid_profile"},
             "New",
             "",
             "Old",
             "idevid"}),
    [](const auto& info) { return info.param.name; });

struct BadCase {
  const char* name;
  const char* path;
  std::string display_name;
  const char* ldevid_profile;
  absl::string_view reason;
  const char* field;
};

class BadFleetTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadFleetTest, IsRefused) {
  const BadCase& c = GetParam();
  fleet::v1::Fleet fleet;
  fleet.set_display_name(c.display_name);
  fleet.set_ldevid_profile(c.ldevid_profile);
  google::protobuf::FieldMask mask;
  mask.add_paths(c.path);
  storage::FleetRow row;
  const absl::Status status = ApplyFleet(fleet, mask, row);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, c.reason));
  EXPECT_THAT(status, HasMetadata("field", c.field));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadFleetTest,
    testing::Values(BadCase{"OutputOnly", "etag", "", "",
                            reasons::kInvalidField, "update_mask"},
                    BadCase{"LongName", "*", std::string(201, 'x'), "",
                            reasons::kInvalidField, "fleet.display_name"},
                    BadCase{"BadProfile", "*", "", "ldevid",
                            reasons::kBadResourceName, "fleet.ldevid_profile"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace birthmark::inventory
