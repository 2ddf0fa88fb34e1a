#include "services/cli/device_export.h"

#include <map>
#include <sstream>
#include <string>

#include "lib/base/fake_clock.h"
#include "lib/base/testing.h"
#include "services/cli/csv.h"
#include "services/cli/fake_services.h"

namespace birthmark::cli {
namespace {

using device::v1::Device;
using device::v1::ListDevicesRequest;
using device::v1::ListDevicesResponse;
using testing::HasSubstr;

TEST(SpreadsheetTextTest, WhatWouldBeAFormulaIsMarkedAsText) {
  for (const char* text : {"=1+1", "+49", "-2", "@SUM(A1)", "\tx", "\rx"}) {
    EXPECT_EQ(SpreadsheetText(text), std::string("'") + text);
  }
  for (const char* text : {"", "GW7", "'=1", " =1", "a=b"}) {
    EXPECT_EQ(SpreadsheetText(text), text);
  }
}

TEST(ExportRowTest, RowsAreCsvOfTheHeadingsLength) {
  Device device;
  device.set_serial_number("=HYPERLINK(\"http://x\")");
  device.set_display_name("Ann, \"Lobby\"\nfloor 2");
  device.set_state(device::v1::DEVICE_STATE_ACTIVE);
  (*device.mutable_labels())["rack"].set_integer(42);
  (*device.mutable_labels())["site"].set_text("a;b");
  auto& firmware = *device.add_firmware();
  firmware.set_component("application");
  firmware.set_version("4.1");
  ASSERT_OK_AND_ASSIGN(const auto rows,
                       ParseCsv(ExportHeading() + ExportRow(device, false)));
  ASSERT_EQ(rows.size(), 2u);
  ASSERT_EQ(rows[0].fields.size(), rows[1].fields.size());
  std::map<std::string, std::string> row;
  for (size_t i = 0; i < rows[0].fields.size(); ++i) {
    row[rows[0].fields[i]] = rows[1].fields[i];
  }
  EXPECT_EQ(row["serial_number"], "'=HYPERLINK(\"http://x\")");
  EXPECT_EQ(row["display_name"], "Ann, \"Lobby\"\nfloor 2");
  EXPECT_EQ(row["labels"], R"({"rack":42,"site":"a;b"})");
  EXPECT_EQ(row["firmware"], "application=4.1");
  EXPECT_EQ(row["state"], "active");
  EXPECT_EQ(row["last_contact_time"], "");
  EXPECT_THAT(ExportRow(device, true), HasSubstr("\"=HYPERLINK("));
}

TEST(ExportJsonTest, IsOneLineWhateverStandsInIt) {
  Device device;
  device.set_display_name("a\nb");
  EXPECT_EQ(ExportJson(device), "{\"display_name\":\"a\\nb\"}\n");
}

class ExportDevicesTest : public testing::Test {
 protected:
  // Three pages, the second empty, and a service that goes away before each.
  ExportDevicesTest() {
    services_.On<ListDevicesRequest, ListDevicesResponse>(
        "ListDevices",
        [this](const ListDevicesRequest& request)
            -> absl::StatusOr<ListDevicesResponse> {
          EXPECT_EQ(request.page_size(), 1000);
          clock_.Advance(absl::Seconds(3));
          if (++calls_ % 2 == 1 || is_away_) {
            return absl::UnavailableError("away");
          }
          ListDevicesResponse page;
          if (request.page_token() != "2") {
            page.add_devices()->set_uid("u" + request.page_token());
          }
          page.set_next_page_token(request.page_token().empty()  ? "2"
                                   : request.page_token() == "2" ? "3"
                                                                 : "");
          return page;
        });
  }

  absl::StatusOr<int64_t> Export() {
    const auto channel = services_.Connect();
    return ExportDevices(*channel, ListDevicesRequest(),
                         {.as_json = true,
                          .patience = absl::Minutes(1),
                          .pause = absl::Milliseconds(1),
                          .longest_pause = absl::Milliseconds(2)},
                         out_, context_);
  }

  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
  FakeClock clock_;
  Context context_{.in = in_, .out = out_, .err = err_, .clock = clock_};
  FakeServices services_;
  int calls_ = 0;
  bool is_away_ = false;
};

TEST_F(ExportDevicesTest, GoesOnWithThePageWhereTheServiceWentAway) {
  ASSERT_OK_AND_ASSIGN(const int64_t count, Export());
  EXPECT_EQ(count, 2);
  EXPECT_EQ(out_.str(), "{\"uid\":\"u\"}\n{\"uid\":\"u3\"}\n");
  EXPECT_THAT(err_.str(), HasSubstr("asking again"));
  EXPECT_THAT(err_.str(), HasSubstr("1 device so far"));
}

TEST_F(ExportDevicesTest, GivesUpOnAServiceThatStaysAway) {
  is_away_ = true;
  EXPECT_THAT(Export(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(ExportDevicesTest, StopsWhenNobodyReadsAnyMore) {
  out_.setstate(std::ios::badbit);
  ASSERT_OK_AND_ASSIGN(const int64_t count, Export());
  EXPECT_EQ(count, 0);
  EXPECT_EQ(calls_, 2);
}

}  // namespace
}  // namespace birthmark::cli
