// The commands about devices, against services that a test plays.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "birthmark/device/v1/key_audit_service.pb.h"
#include "birthmark/fleet/v1/fleet_service.pb.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "services/cli/device_testing.h"
#include "services/cli/error_report.h"

namespace birthmark::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace pb = device::v1;

TEST_F(DeviceCommandsTest, OptionsBecomeOneFilter) {
  EXPECT_EQ(Run({"device",       "list",
                 "--fleet",      "acme",
                 "--state",      "Active",
                 "--model",      "a\"b",
                 "--firmware",   "application=4.1",
                 "--label",      "site=berlin",
                 "--label",      "spare:=true",
                 "--label",      "owner",
                 "--silent-for", "30d",
                 "--filter",     "create_time < \"2026\"",
                 "--line",       "acme/l1",
                 "--order-by",   "serial_number"}),
            kExitOk);
  EXPECT_EQ(listed_.at(0).parent(), "fleets/acme");
  EXPECT_EQ(listed_.at(0).order_by(), "serial_number");
  EXPECT_EQ(listed_.at(0).filter(),
            "state = ACTIVE AND model = \"a\\\"b\" AND "
            "line = \"fleets/acme/lines/l1\" AND "
            "firmware.application = \"4.1\" AND labels.site = \"berlin\" AND "
            "labels.spare = \"true\" AND labels.owner:* AND "
            "last_contact_time < \"2026-01-01T12:00:00Z\" AND "
            "create_time < \"2026\"");
}

TEST_F(DeviceCommandsTest, BadOptionsAreRefusedBeforeAnythingIsAsked) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{
           {"device", "list", "--state", "asleep"},
           {"device", "list", "--firmware", "application"},
           {"device", "list", "--firmware", "App=1"},
           {"device", "list", "--label", "Site=x"},
           {"device", "list", "--silent-for", "ever"},
           {"device", "list", "--silent-for", "-3d"},
           {"device", "list", "--fleet", "No Fleet"},
           {"device", "count", "--by", "colour"},
           {"device", "count", "--by", "firmware-version"},
           {"device", "get", ""},
           {"device", "get", "fleets/acme"},
           {"device", "update", kUid},
           {"device", "update", kUid, "--label", "a"},
           {"device", "update", kUid, "--label", "a="},
           {"device", "update", kUid, "--label", "a:=tomorrow"},
           {"device", "update", kUid, "--label", "a=1", "--remove-label", "a"},
           {"device", "update", kUid, "--label", "a=1", "--personal-label",
            "a=2"},
           {"device", "export", "--format", "xml"},
           {"device", "quarantine", "--reason", "x"},
           {"device", "quarantine", "--fleet", "acme", "--reason", "x"},
           {"device", "quarantine", "--model", "m", "--reason", "x"},
           {"device", "quarantine", kUid, "--model", "m", "--reason", "x"},
           {"device", "decommission", kUid},
           {"device", "decommission", "--fleet", "acme", "--csv", "f",
            "--model", "m", "--reason", "x"},
           {"device", "decommission", "--fleet", "acme", "--model", "m",
            "--rate", "0", "--reason", "x"},
           {"device", "decommission", "--fleet", "acme", "--model", "m",
            "--job", "No Name", "--reason", "x"},
           {"device-job", "get", "eol"},
           {"device-job", "items", "acme/eol", "--outcome", "lost"},
           {"finding", "get", "f1"},
           {"finding", "close", "acme/f1"},
           {"key", "block", "xyz", "--reason", "r", "--yes"},
           {"transfer", "accept", "Not An Id", "--yes"},
           {"replacement", "approve", "x", "--yes"},
           {"privacy", "export"},
           {"privacy", "export", "--label", "owner=Ann"},
           {"fleet", "update", "acme"},
           {"fleet", "update", "acme", "--shared-prime", "explode"}}) {
    EXPECT_EQ(Run(words), kExitUsage)
        << absl::StrCat(words[0], " ", words[1], " ", words.back());
    EXPECT_THAT(err_.str(), HasSubstr("USAGE"));
  }
  EXPECT_THAT(services_.calls(), IsEmpty());
}

TEST_F(DeviceCommandsTest, CountsComeInColumns) {
  services_.On<pb::CountDevicesRequest, pb::CountDevicesResponse>(
      "CountDevices", [](const pb::CountDevicesRequest& request) {
        EXPECT_EQ(request.component(), "application");
        EXPECT_EQ(request.group_by_size(), 2);
        return ParseText<pb::CountDevicesResponse>(R"(
          counts { model: "gateway-7" firmware_version: "4.1" devices: 12 }
          counts { model: "gateway-7" devices: 3 }
          total: 15)");
      });
  EXPECT_EQ(Run({"device", "count", "--by", "model, firmware_version",
                 "--component", "application"}),
            kExitOk);
  EXPECT_EQ(out_.str(),
            "MODEL      FIRMWARE      DEVICES\n"
            "gateway-7  4.1                12\n"
            "gateway-7  not reported        3\n"
            "15 devices\n");
}

TEST_F(DeviceCommandsTest, ListCountReadsEveryPage) {
  services_.On<pb::ListDevicesRequest, pb::ListDevicesResponse>(
      "ListDevices", [](const pb::ListDevicesRequest& request) {
        pb::ListDevicesResponse page;
        if (request.page_token().empty()) {
          page.set_next_page_token("more");  // a page may be empty
        } else {
          page.add_devices();
        }
        return page;
      });
  EXPECT_EQ(Run({"device", "list", "--count"}), kExitOk);
  EXPECT_EQ(out_.str(), "1\n");
}

TEST_F(DeviceCommandsTest, AnUpdateNamesWhatItChangesAndNothingElse) {
  pb::UpdateDeviceRequest sent;
  services_.On<pb::UpdateDeviceRequest, pb::Device>(
      "UpdateDevice", [&](const pb::UpdateDeviceRequest& request) {
        sent = request;
        return device_;
      });
  EXPECT_EQ(Run({"device", "update", kUid, "--label", "rack:=42", "--label",
                 "note=a=b", "--personal-label", "owner=Ann", "--remove-label",
                 "old", "--display-name", ""}),
            kExitOk);
  EXPECT_THAT(sent.update_mask().paths(),
              ElementsAre("labels.rack", "labels.note", "labels.owner",
                          "labels.old", "display_name"));
  EXPECT_EQ(sent.device().name(), kName);
  EXPECT_EQ(sent.device().etag(), "\"5\"");
  EXPECT_EQ(sent.device().labels().at("rack").integer(), 42);
  EXPECT_EQ(sent.device().labels().at("note").text(), "a=b");
  EXPECT_TRUE(sent.device().labels().at("owner").personal());
  EXPECT_FALSE(sent.device().labels().at("note").personal());
}

TEST_F(DeviceCommandsTest, OneDeviceIsIsolatedWithoutAQuestion) {
  services_.On<pb::QuarantineDeviceRequest, pb::Device>(
      "QuarantineDevice", [this](const pb::QuarantineDeviceRequest& request) {
        EXPECT_EQ(request.name(), kName);
        EXPECT_EQ(request.playbook(), "IR-7");
        EXPECT_FALSE(request.request_id().empty());
        pb::Device device = device_;
        device.set_state(pb::DEVICE_STATE_QUARANTINED);
        device.mutable_quarantine()->add_held_certificates("a");
        return device;
      });
  EXPECT_EQ(Run({"device", "quarantine", kUid, "--reason", "odd", "--playbook",
                 "IR-7"}),
            kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("is quarantined since"));
  EXPECT_THAT(out_.str(), HasSubstr("1 certificate on hold"));
}

TEST_F(DeviceCommandsTest, AnExportIsWholeOrNotThere) {
  const std::string path = dir_ + "/devices.csv";
  *found_.add_devices() = device_;
  EXPECT_EQ(Run({"device", "export", "--fleet", "acme", "--output", path}),
            kExitOk);
  EXPECT_THAT(*ReadFile(path), HasSubstr("GW7-000001"));
  EXPECT_THAT(err_.str(), HasSubstr("1 device exported"));
  services_.On<pb::ListDevicesRequest, pb::ListDevicesResponse>(
      "ListDevices", [](const pb::ListDevicesRequest&) {
        return absl::StatusOr<pb::ListDevicesResponse>(
            MakeError(absl::StatusCode::kInvalidArgument,
                      birthmark::reasons::kFilterInvalid, "bad"));
      });
  const std::string other = dir_ + "/other.csv";
  EXPECT_EQ(Run({"device", "export", "--filter", "x", "--output", other}),
            kExitRefused);
  EXPECT_THAT(err_.str(), HasSubstr("fix: "));
  EXPECT_FALSE(std::filesystem::exists(other));
  EXPECT_FALSE(std::filesystem::exists(other + ".part"));
  EXPECT_EQ(Run({"device", "export", "--output", dir_ + "/no/such/x"}),
            kExitLocal);
}

TEST_F(DeviceCommandsTest, PoliciesOfAFleetAreSetOneByOne) {
  fleet::v1::UpdateFleetRequest sent;
  services_.On<fleet::v1::UpdateFleetRequest, fleet::v1::Fleet>(
      "UpdateFleet", [&](const fleet::v1::UpdateFleetRequest& request) {
        sent = request;
        return request.fleet();
      });
  EXPECT_EQ(Run({"fleet", "update", "acme", "--firmware-rollback",
                 "deny-renewal", "--wipe-timeout", "14d"}),
            kExitOk);
  EXPECT_THAT(sent.update_mask().paths(),
              ElementsAre("firmware_rollback_policy", "wipe_timeout"));
  EXPECT_EQ(sent.fleet().firmware_rollback_policy(),
            fleet::v1::FINDING_POLICY_DENY_RENEWAL);
  EXPECT_EQ(sent.fleet().wipe_timeout().seconds(), 14 * 86400);
  EXPECT_THAT(out_.str(), HasSubstr("deny-renewal"));
  EXPECT_THAT(out_.str(), HasSubstr("14 days"));
}

TEST_F(DeviceCommandsTest, AnAuditIsFollowedToItsEnd) {
  pb::KeyAudit audit;
  audit.set_name("keyAudits/a1");
  services_.On<pb::StartKeyAuditRequest, pb::KeyAudit>(
      "StartKeyAudit", [&](const pb::StartKeyAuditRequest&) { return audit; });
  services_.On<pb::GetKeyAuditRequest, pb::KeyAudit>(
      "GetKeyAudit", [&](const pb::GetKeyAuditRequest& request) {
        EXPECT_EQ(request.name(), "keyAudits/a1");
        pb::KeyAudit done = audit;
        done.set_state(pb::KEY_AUDIT_STATE_DONE);
        done.set_key_count(20);
        done.set_shared_count(2);
        done.set_finding_count(2);
        return done;
      });
  EXPECT_EQ(Run({"key-audit", "start", "--wait"}), kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("birthmark finding list"));
}

TEST_F(DeviceCommandsTest, AClosedFindingLeavesTheQuarantineAndSaysSo) {
  services_.On<pb::CloseFindingRequest, pb::Finding>(
      "CloseFinding", [](const pb::CloseFindingRequest& request) {
        EXPECT_EQ(request.name(), "fleets/acme/findings/f1");
        EXPECT_EQ(request.note(), "test device");
        return ParseText<pb::Finding>(R"(
          state: FINDING_STATE_CLOSED effect: FINDING_EFFECT_QUARANTINE
          device: "fleets/acme/devices/u1")");
      });
  EXPECT_EQ(Run({"finding", "close", "acme/f1", "--note", "test device"}),
            kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("birthmark device release u1"));
}

}  // namespace
}  // namespace birthmark::cli
