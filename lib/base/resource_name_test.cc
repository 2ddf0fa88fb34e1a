#include "lib/base/resource_name.h"

#include <string>
#include <vector>

#include "lib/base/reasons.h"
#include "lib/base/testing.h"

namespace birthmark {
namespace {

using ::testing::ElementsAre;

constexpr char kDevices[] = "fleets/{fleet}/devices/{device}";

TEST(ParseNameTest, ReturnsTheVariablesInOrder) {
  EXPECT_THAT(ParseName(kDevices, "fleets/f1/devices/d-2"),
              IsOkAndHolds(ElementsAre("f1", "d-2")));
}

TEST(ParseNameTest, TakesKeyIds) {
  const std::string key(64, 'a');
  EXPECT_THAT(ParseName("keys/{key}", "keys/" + key),
              IsOkAndHolds(ElementsAre(key)));
}

TEST(ParseNameTest, SaysWhichFieldAndWhatWasExpected) {
  const auto result = ParseName(kDevices, "fleets/f1", "device");
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument,
                               reasons::kBadResourceName));
  EXPECT_THAT(result, HasMetadata("field", "device"));
  EXPECT_THAT(result, HasMetadata("expected", kDevices));
}

struct Case {
  const char* name;
  std::string text;
};

class BadNameTest : public ::testing::TestWithParam<Case> {};

TEST_P(BadNameTest, IsRefused) {
  EXPECT_THAT(
      ParseName(kDevices, GetParam().text),
      StatusIs(absl::StatusCode::kInvalidArgument, reasons::kBadResourceName));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadNameTest,
    ::testing::Values(Case{"Empty", ""}, Case{"Short", "fleets/f/devices"},
                      Case{"Long", "fleets/f/devices/d/keys"},
                      Case{"TrailingSlash", "fleets/f/devices/d/"},
                      Case{"LeadingSlash", "/fleets/f/devices/d"},
                      Case{"EmptyId", "fleets//devices/d"},
                      Case{"WrongCollection", "fleets/f/lines/d"},
                      Case{"UpperCaseCollection", "Fleets/f/devices/d"},
                      Case{"UpperCaseId", "fleets/F/devices/d"},
                      Case{"All", "fleets/-/devices/d"},
                      Case{"Dots", "fleets/../devices/d"},
                      Case{"Percent", "fleets/%2f/devices/d"},
                      Case{"IdTooLong",
                           "fleets/" + std::string(64, 'x') + "/devices/d"},
                      Case{"Nul", std::string("fleets/f\0/devices/d", 19)}),
    [](const auto& info) { return info.param.name; });

TEST(ParseParentTest, TakesADashForAll) {
  EXPECT_THAT(ParseParent("fleets/{fleet}", "fleets/-"),
              IsOkAndHolds(ElementsAre("-")));
  EXPECT_THAT(ParseParent("fleets/{fleet}", "fleets/f"),
              IsOkAndHolds(ElementsAre("f")));
}

TEST(FormatNameTest, IsTheInverseOfParseName) {
  EXPECT_EQ(FormatName(kDevices, {"f1", "d-2"}), "fleets/f1/devices/d-2");
}

}  // namespace
}  // namespace birthmark
