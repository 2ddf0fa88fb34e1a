#include "services/cli/device_list_file.h"

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/testing.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const char kA[] = "019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8";
const char kB[] = "019ab2c3-d4e5-7f60-8182-93a4b5c6d7e9";

absl::StatusOr<std::vector<std::string>> Read(const std::string& csv) {
  return ParseDeviceList(csv, "fleets/acme");
}

TEST(DeviceListFileTest, TheColumnIsFoundByItsHeading) {
  EXPECT_THAT(*Read(absl::StrCat("state,uid\nactive,", kA, "\nx,", kB, "\n")),
              ElementsAre(kA, kB));
  EXPECT_THAT(*Read(absl::StrCat("name\nfleets/acme/devices/", kA, "\n")),
              ElementsAre(kA));
}

TEST(DeviceListFileTest, WithoutAHeadingItIsTheFirstColumn) {
  EXPECT_THAT(*Read(absl::StrCat(kA, "\r\n", kB, ",note\r\n")),
              ElementsAre(kA, kB));
}

TEST(DeviceListFileTest, EachDeviceIsListedOnceHoweverItIsWritten) {
  EXPECT_THAT(*Read(absl::StrCat(kA, "\n ", absl::AsciiStrToUpper(kA),
                                 "\nfleets/acme/devices/", kA, "\n")),
              ElementsAre(kA));
}

TEST(DeviceListFileTest, AnEmptyFileSelectsNothing) {
  EXPECT_THAT(*Read(""), IsEmpty());
  EXPECT_THAT(*Read("uid\n"), IsEmpty());
}

TEST(DeviceListFileTest, WhatIsNoDeviceOfTheFleetIsNamedWithItsLine) {
  for (const std::string& csv :
       {absl::StrCat(kA, "\nGW7-000001\n"),
        absl::StrCat("uid\nfleets/other/devices/", kA, "\n"),
        absl::StrCat("uid\nfleets/acme/devices/x\n"),
        absl::StrCat("state,uid\nactive\n"), std::string("uid\n\"")}) {
    const auto result = Read(csv);
    EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument,
                                 reasons::kInputMalformed));
    EXPECT_THAT(std::string(result.status().message()), HasSubstr("line 2"));
  }
}

}  // namespace
}  // namespace birthmark::cli
