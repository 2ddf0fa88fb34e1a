// What a person sees of one device.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/testing.h"
#include "services/cli/device_testing.h"
#include "services/cli/error_report.h"

namespace birthmark::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

namespace pb = device::v1;

constexpr char kGolden[] =
    R"(gateway-7 GW7-000001: QUARANTINED since 2026-01-31 11:00:00Z (60 min ago)
  By:        the fleet's policy
  Because:   firmware rollback of application
  Playbook:  IR-7
  Holds:     2 certificates
  To undo:   birthmark device release 019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8 --reason TEXT
  Renewal:   DENIED, until the findings below are closed

  Device:        fleets/acme/devices/019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8
  Name:          Lobby
  Hardware:      C
  Made:          2026-01-01 00:00:00Z
  Made by:       fleets/acme/lines/line-1
  Batch:         first
  Replaces:      fleets/acme/devices/019ab2c3-0000-7f60-8182-93a4b5c6d7e8
  Labels:        owner=Ann Lee (personal), rack=42, site=berlin
  Last contact:  2026-01-31 11:00:00Z (60 min ago)

Findings that are not closed
  FINDING  WHAT                                                           STATE  COSTS           TIMES  LAST
  acme/f1  firmware rollback of application: security version 1, it had 2  open   quarantined it      2  60 min ago

Certificates
  KIND    SERIAL             STATUS  VALID FROM            UNTIL
  idevid  1a00000000000000…  held    2026-01-01 00:00:00Z  never

Keys
  USE     ALGORITHM  LIVES IN        STATE   KEY                SEEN                  FIRST USED            LAST USED
  idevid  rsa-2048   secure element  active  aaaaaaaaaaaaaaaa…  2026-01-01 00:00:00Z  -                     -
  ldevid  p256       not said        active  bbbbbbbbbbbbbbbb…  2026-01-02 00:00:00Z  2026-01-02 00:01:00Z  2026-01-31 11:00:00Z

Firmware
  COMPONENT    VERSION  SECURITY  SHA-256  REPORTED
  application  1.0      1 (had 2)  010203   60 min ago

Timeline, newest first
  TIME                  WHAT                                                                                  BY
  2026-01-31 11:00:00Z  put in quarantine (2 of its certificates put on hold): firmware rollback of application  the fleet's policy
  2026-01-02 00:00:00Z  registered by its birth certificate                                                   the device, by its birth certificate
  2026-01-01 00:00:00Z  made: the line had its birth certificate issued                                       line line-1
)";

// Runs of spaces count as one: columns are as wide as they must be.
std::string Squeezed(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' || out.empty() || out.back() != ' ') {
      out.push_back(c);
    }
  }
  return out;
}

TEST_F(DeviceGetTest, APersonAtThreeInTheMorningSeesItAtAGlance) {
  EXPECT_EQ(Run({"device", "get", kUid}), kExitOk);
  EXPECT_EQ(Squeezed(out_.str()), Squeezed(kGolden));
  EXPECT_EQ(asked_, absl::StrCat("fleets/-/devices/", kUid));
  EXPECT_THAT(services_.calls(),
              ElementsAre("GetDevice", "ListDeviceKeys", "ListCertificates",
                          "ListFindings", "ListDeviceEvents"));
}

TEST_F(DeviceGetTest, JsonHasItAllInOneObject) {
  EXPECT_EQ(Run({"device", "get", kUid, "--json"}), kExitOk);
  for (const char* member :
       {"\"device\"", "\"keys\"", "\"certificates\"", "\"findings\"",
        "\"events\"", "\"renewal_denied\": true"}) {
    EXPECT_THAT(out_.str(), HasSubstr(member));
  }
  EXPECT_THAT(out_.str(), Not(HasSubstr("\"decommission\"")));
}

TEST_F(DeviceGetTest, ADeviceThatIsRetiredSaysWhatItsWipeWaitsFor) {
  device_.clear_quarantine();
  device_.set_state(pb::DEVICE_STATE_DECOMMISSIONING);
  end_ = ParseText<pb::Decommission>(R"(
    actor: "spiffe://birthmark.test/operator/admin" reason: "sold"
    create_time { seconds: 1769857200 }
    job: "fleets/acme/deviceJobs/eol"
    wipe_outcome: WIPE_OUTCOME_WAITING
    wipe_deadline_time { seconds: 1772452800 })");
  EXPECT_EQ(Run({"device", "get", kUid}), kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr(": DECOMMISSIONING since 2026-01-31"));
  EXPECT_THAT(Squeezed(out_.str()), HasSubstr("By: operator admin"));
  EXPECT_THAT(Squeezed(out_.str()), HasSubstr("Part of the job: acme/eol"));
  EXPECT_THAT(out_.str(), HasSubstr("NOT CONFIRMED yet; the device may confirm "
                                    "it until 2026-03-02 12:00:00Z (in 30 d)"));
}

TEST_F(DeviceGetTest, WhatComesFromElsewhereMovesNoCursor) {
  device_.set_model("evil\x1b[2J");
  device_.mutable_quarantine()->set_reason("line\nbreak");
  (*device_.mutable_labels())["x"].set_text("a\tb");
  EXPECT_EQ(Run({"device", "get", kUid}), kExitOk);
  EXPECT_THAT(out_.str(), Not(HasSubstr("\x1b")));
  EXPECT_THAT(out_.str(), HasSubstr("line break"));
}

TEST_F(DeviceGetTest, ASerialNumberFindsTheLivingDevice) {
  auto& retired = *found_.add_devices();
  retired = device_;
  retired.set_uid("another");
  retired.set_state(pb::DEVICE_STATE_DECOMMISSIONED);
  *found_.add_devices() = device_;
  EXPECT_EQ(Run({"device", "get", "GW7-\"1\""}), kExitOk);
  EXPECT_EQ(listed_.at(0).filter(), R"(serial_number = "GW7-\"1\"")");
  EXPECT_EQ(listed_.at(0).parent(), "fleets/-");
  EXPECT_THAT(out_.str(), HasSubstr(kUid));
}

TEST_F(DeviceGetTest, SeveralDevicesAreNamedNotGuessed) {
  *found_.add_devices() = device_;
  *found_.add_devices() = device_;
  EXPECT_EQ(Run({"device", "get", "GW7-000001"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("2 devices have the serial number"));
  EXPECT_THAT(err_.str(), HasSubstr(kName));
}

TEST_F(DeviceGetTest, AnUnknownSerialIsSoughtAmongCertificatesThenNotFound) {
  EXPECT_EQ(Run({"device", "get", "1A:2B"}), kExitRefused);
  ASSERT_EQ(listed_.size(), 2u);
  EXPECT_EQ(listed_[1].filter(), "certificate = \"1a2b\"");
  EXPECT_THAT(err_.str(), HasSubstr("DEVICE_NOT_FOUND"));
  EXPECT_EQ(Run({"device", "get", std::string(64, 'A')}), kExitRefused);
  EXPECT_EQ(listed_.back().filter(),
            absl::StrCat("key = \"", std::string(64, 'a'), "\""));
}

TEST_F(DeviceGetTest, DecommissionShowsWhatItCostsAndAsks) {
  device_.set_state(pb::DEVICE_STATE_ACTIVE);
  std::string etag;
  services_.On<pb::DecommissionDeviceRequest, pb::Device>(
      "DecommissionDevice", [&](const pb::DecommissionDeviceRequest& request) {
        etag = request.etag();
        pb::Device device = device_;
        device.set_state(pb::DEVICE_STATE_DECOMMISSIONING);
        return device;
      });
  device_.set_etag("\"9\"");
  EXPECT_EQ(Run({"device", "decommission", kUid, "--reason", "sold"}, "n\n"),
            kExitInterrupted);
  EXPECT_THAT(err_.str(), HasSubstr("1 certificate will be revoked and 2 keys "
                                    "retired for ever"));
  EXPECT_EQ(etag, "");
  EXPECT_EQ(Run({"device", "decommission", kUid, "--reason", "sold"}, "y\n"),
            kExitOk);
  EXPECT_EQ(etag, "\"9\"");
  EXPECT_THAT(out_.str(), HasSubstr("is decommissioning"));
  EXPECT_THAT(out_.str(), HasSubstr("decommission-status"));
}

TEST_F(DeviceGetTest, ACertificateThatIsNotSignedYetSaysWhatItWaitsFor) {
  end_.set_wipe_outcome(pb::WIPE_OUTCOME_WAITING);
  EXPECT_EQ(Run({"device", "decommission-certificate", kUid}), kExitRefused);
  EXPECT_THAT(err_.str(), HasSubstr("NOT_CERTIFIED"));
  EXPECT_THAT(err_.str(), HasSubstr("NOT CONFIRMED yet"));
  end_.set_certificate_jws("a.b.c");
  const std::string path = dir_ + "/c.jws";
  EXPECT_EQ(Run({"device", "decommission-certificate", kUid, "--output", path}),
            kExitOk);
  EXPECT_EQ(*ReadFile(path), "a.b.c\n");
  EXPECT_EQ(Run({"device", "decommission-certificate", kUid}), kExitOk);
  EXPECT_EQ(out_.str(), "a.b.c\n");
}

TEST_F(DeviceGetTest, TheEndIsWhenItWasOverAndDigestsStayOut) {
  device_.clear_quarantine();
  device_.set_state(pb::DEVICE_STATE_DECOMMISSIONED);
  end_ = ParseText<pb::Decommission>(R"(
    create_time { seconds: 1769857200 } end_time { seconds: 1769857260 }
    wipe_outcome: WIPE_OUTCOME_CONFIRMED wipe_time { seconds: 1769857259 }
    certificate_jws: "a.b.c")");
  services_.On<pb::ListDeviceEventsRequest, pb::ListDeviceEventsResponse>(
      "ListDeviceEvents", [](const pb::ListDeviceEventsRequest&) {
        pb::ListDeviceEventsResponse response;
        auto& event = *response.add_events();
        event.set_kind("firmware_reported");
        (*event.mutable_details())["application"] =
            absl::StrCat("4.1 rc ", std::string(64, 'a'));
        return response;
      });
  EXPECT_EQ(Run({"device", "get", kUid}), kExitOk);
  EXPECT_THAT(out_.str(),
              HasSubstr(": DECOMMISSIONED since 2026-01-31 11:01:00Z"));
  EXPECT_THAT(out_.str(), HasSubstr("confirmed by the device at 2026-01-31 "
                                    "11:00:59Z"));
  EXPECT_THAT(out_.str(), HasSubstr("(application 4.1 rc)"));
}

}  // namespace
}  // namespace birthmark::cli
