// The commands about devices, against services that a test plays.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "birthmark/certificate/v1/certificate_service.pb.h"
#include "birthmark/device/v1/device_job_service.pb.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "birthmark/device/v1/finding_service.pb.h"
#include "birthmark/device/v1/key_audit_service.pb.h"
#include "birthmark/fleet/v1/fleet_service.pb.h"
#include "google/protobuf/text_format.h"
#include "lib/base/error.h"
#include "lib/base/fake_clock.h"
#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "services/cli/command.h"
#include "services/cli/commands.h"
#include "services/cli/error_report.h"
#include "services/cli/fake_services.h"

namespace birthmark::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace pb = device::v1;

constexpr char kUid[] = "019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8";
constexpr char kName[] =
    "fleets/acme/devices/019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8";
// 2026-01-31T12:00:00Z
constexpr int64_t kNow = 1769860800;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

const std::vector<Command>& Commands() {
  static const auto& commands = *new std::vector<Command>([] {
    std::vector<Command> all;
    for (std::vector<Command> family :
         {DeviceCommands(), DeviceListCommands(), DeviceActCommands(),
          DeviceEndCommands(), DeviceJobCommands(), DeviceStreamCommands(),
          FindingCommands(), KeyCommands(), TransferCommands(),
          PrivacyCommands(), FleetCommands()}) {
      all.insert(all.end(), family.begin(), family.end());
    }
    return all;
  }());
  return commands;
}

class DeviceCommandsTest : public testing::Test {
 protected:
  DeviceCommandsTest() {
    std::string folder = testing::TempDir() + "/bm.XXXXXX";
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    dir_ = folder;
    clock_.Set(absl::FromUnixSeconds(kNow));
    device_ = Parse<pb::Device>(R"(
      name: "fleets/acme/devices/019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8"
      uid: "019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8"
      state: DEVICE_STATE_ACTIVE
      model: "gateway-7" serial_number: "GW7-000001" hardware_revision: "C"
      etag: "\"5\"")");
    services_.On<pb::GetDeviceRequest, pb::Device>(
        "GetDevice", [this](const pb::GetDeviceRequest& request) {
          asked_ = request.name();
          return device_;
        });
    services_.On<pb::ListDevicesRequest, pb::ListDevicesResponse>(
        "ListDevices", [this](const pb::ListDevicesRequest& request) {
          listed_.push_back(request);
          return found_;
        });
    services_.On<pb::CreateDeviceJobRequest, pb::DeviceJob>(
        "CreateDeviceJob", [this](const pb::CreateDeviceJobRequest& request) {
          pb::DeviceJob job = request.device_job();
          job.set_device_count(selected_);
          job.set_needs_approval(needs_approval_);
          job.set_expected_certificates(2 * selected_);
          auto& count = *job.add_preview();
          count.set_state(pb::DEVICE_STATE_ACTIVE);
          count.set_devices(selected_);
          if (!request.validate_only()) {
            created_ = request;
            job.clear_preview();
            job.set_name(absl::StrCat(request.parent(), "/deviceJobs/",
                                      request.device_job_id()));
            job.set_state(needs_approval_
                              ? pb::DEVICE_JOB_STATE_PENDING_APPROVAL
                              : pb::DEVICE_JOB_STATE_RUNNING);
            job.set_create_actor("spiffe://birthmark.test/operator/admin");
          }
          return job;
        });
    services_.On<pb::GetDeviceJobRequest, pb::DeviceJob>(
        "GetDeviceJob", [this](const pb::GetDeviceJobRequest& request) {
          pb::DeviceJob job = created_.device_job();
          job.set_name(request.name());
          job.set_state(pb::DEVICE_JOB_STATE_DONE);
          job.set_device_count(selected_);
          job.set_done_count(selected_ - failed_);
          job.set_failed_count(failed_);
          return job;
        });
  }
  ~DeviceCommandsTest() override { std::filesystem::remove_all(dir_); }

  int Run(const std::vector<std::string>& words,
          const std::string& typed = "") {
    std::istringstream in(typed);
    out_.str("");
    err_.str("");
    Context context{.in = in,
                    .out = out_,
                    .err = err_,
                    .clock = clock_,
                    .in_is_terminal = !typed.empty()};
    context.connect = [this](Role) { return services_.Connect(); };
    return RunLine(Commands(), words, context);
  }

  std::string Write(const std::string& name, const std::string& bytes) {
    const std::string path = dir_ + "/" + name;
    EXPECT_OK(WriteFileAtomically(path, bytes, 0644));
    return path;
  }

  std::string dir_;
  FakeClock clock_;
  FakeServices services_;
  std::ostringstream out_;
  std::ostringstream err_;
  pb::Device device_;
  pb::ListDevicesResponse found_;
  std::string asked_;
  std::vector<pb::ListDevicesRequest> listed_;
  pb::CreateDeviceJobRequest created_;
  int64_t selected_ = 3;
  int64_t failed_ = 0;
  bool needs_approval_ = false;
};

// What a person sees of a device with everything.
class DeviceGetTest : public DeviceCommandsTest {
 protected:
  DeviceGetTest() {
    device_ = Parse<pb::Device>(R"(
      name: "fleets/acme/devices/019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8"
      uid: "019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8"
      state: DEVICE_STATE_QUARANTINED
      model: "gateway-7" serial_number: "GW7-000001" hardware_revision: "C"
      line: "fleets/acme/lines/line-1"
      batch: "fleets/acme/lines/line-1/batches/first"
      display_name: "Lobby"
      create_time { seconds: 1767225600 }
      last_contact_time { seconds: 1769857200 }
      renewal_denied: true
      replaces: "fleets/acme/devices/019ab2c3-0000-7f60-8182-93a4b5c6d7e8"
      labels { key: "site" value { text: "berlin" } }
      labels { key: "owner" value { text: "Ann Lee" personal: true } }
      labels { key: "rack" value { integer: 42 } }
      firmware {
        component: "application" version: "1.0" digest: "\001\002\003"
        security_version: 1 highest_security_version: 2
        report_time { seconds: 1769857200 }
      }
      quarantine {
        reason: "firmware rollback of application" playbook: "IR-7"
        actor: "birthmark:policy" create_time { seconds: 1769857200 }
        held_certificates: "issuers/ldevid/certificates/1b"
        held_certificates: "issuers/idevid/certificates/1a"
      })");
    Answers();
  }

  void Answers() {
    services_.On<pb::ListDeviceKeysRequest, pb::ListDeviceKeysResponse>(
        "ListDeviceKeys", [](const pb::ListDeviceKeysRequest&) {
          return Parse<pb::ListDeviceKeysResponse>(R"(
            keys {
              name: "fleets/acme/devices/u/keys/aaaaaaaaaaaaaaaaaaaaaaaa"
              usage: KEY_USAGE_IDEVID state: KEY_STATE_ACTIVE
              algorithm: "rsa" bits: 2048
              protection: KEY_PROTECTION_SECURE_ELEMENT
              create_time { seconds: 1767225600 }
            }
            keys {
              name: "fleets/acme/devices/u/keys/bbbbbbbbbbbbbbbbbbbbbbbb"
              usage: KEY_USAGE_LDEVID state: KEY_STATE_ACTIVE
              algorithm: "p256"
              create_time { seconds: 1767312000 }
              first_use_time { seconds: 1767312060 }
              last_use_time { seconds: 1769857200 }
            })");
        });
    services_.On<certificate::v1::ListCertificatesRequest,
                 certificate::v1::ListCertificatesResponse>(
        "ListCertificates", [](const auto&) {
          return Parse<certificate::v1::ListCertificatesResponse>(R"(
            certificates {
              name: "issuers/idevid/certificates/1a00000000000000000000000000"
              profile: "profiles/idevid" state: CERTIFICATE_STATE_HELD
              not_before_time { seconds: 1767225600 }
              not_after_time { seconds: 253402300799 }
            })");
        });
    services_.On<pb::ListFindingsRequest, pb::ListFindingsResponse>(
        "ListFindings", [](const pb::ListFindingsRequest& request) {
          EXPECT_EQ(request.parent(), "fleets/acme");
          EXPECT_EQ(request.device(), kName);
          return Parse<pb::ListFindingsResponse>(R"(
            findings {
              name: "fleets/acme/findings/f1"
              kind: FINDING_KIND_FIRMWARE_ROLLBACK state: FINDING_STATE_OPEN
              subject: "application" effect: FINDING_EFFECT_QUARANTINE
              details { key: "security_version" value: "1" }
              details { key: "highest" value: "2" }
              times: 2 last_time { seconds: 1769857200 }
            })");
        });
    services_.On<pb::ListDeviceEventsRequest, pb::ListDeviceEventsResponse>(
        "ListDeviceEvents", [](const pb::ListDeviceEventsRequest& request) {
          EXPECT_TRUE(request.newest_first());
          return Parse<pb::ListDeviceEventsResponse>(R"(
            events {
              kind: "quarantined" actor: "birthmark:policy"
              from_state: DEVICE_STATE_ACTIVE
              to_state: DEVICE_STATE_QUARANTINED
              reason: "firmware rollback of application"
              details { key: "held" value: "2" }
              create_time { seconds: 1769857200 }
            }
            events {
              kind: "registered" actor: "idevid:1a"
              from_state: DEVICE_STATE_REGISTERED
              to_state: DEVICE_STATE_ACTIVE
              create_time { seconds: 1767312000 }
            }
            events {
              kind: "provisioned"
              actor: "spiffe://birthmark.test/fleet/acme/line/line-1"
              to_state: DEVICE_STATE_REGISTERED
              create_time { seconds: 1767225600 }
            })");
        });
    services_.On<pb::GetDecommissionRequest, pb::Decommission>(
        "GetDecommission",
        [this](const pb::GetDecommissionRequest&) { return end_; });
  }

  pb::Decommission end_;
};

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
  end_ = Parse<pb::Decommission>(R"(
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
        return Parse<pb::CountDevicesResponse>(R"(
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

TEST_F(DeviceCommandsTest, ManyAreCountedShownAskedAboutAndFollowed) {
  EXPECT_EQ(Run({"device", "decommission", "--fleet", "acme", "--model", "gw5",
                 "--reason", "end of life", "--job", "eol", "--rate", "50"},
                "y\n"),
            kExitOk);
  EXPECT_THAT(
      services_.calls(),
      ElementsAre("CreateDeviceJob", "CreateDeviceJob", "GetDeviceJob"));
  EXPECT_THAT(err_.str(), HasSubstr("RETIRES DEVICES FOR GOOD"));
  EXPECT_THAT(err_.str(), HasSubstr("3: 3 active"));
  EXPECT_THAT(err_.str(), HasSubstr("about 3 devices?"));
  EXPECT_EQ(created_.device_job_id(), "eol");
  EXPECT_EQ(created_.device_job().action(), pb::DEVICE_JOB_ACTION_DECOMMISSION);
  EXPECT_EQ(created_.device_job().filter(), "model = \"gw5\"");
  EXPECT_EQ(created_.device_job().rate(), 50);
  EXPECT_THAT(out_.str(), HasSubstr("3 done, 0 were so already, 0 failed"));
}

TEST_F(DeviceCommandsTest, NothingHappensToManyWithoutAYes) {
  const std::vector<std::string> words = {"device",   "quarantine", "--fleet",
                                          "acme",     "--model",    "gw5",
                                          "--reason", "odd"};
  EXPECT_EQ(Run(words, "n\n"), kExitInterrupted);
  EXPECT_EQ(Run(words), kExitUsage);  // nobody is there to be asked
  EXPECT_EQ(created_.device_job_id(), "");
  selected_ = 0;
  EXPECT_EQ(Run(words, "y\n"), kExitRefused);
  EXPECT_THAT(err_.str(), HasSubstr("NOTHING_SELECTED"));
  EXPECT_EQ(created_.device_job_id(), "");
}

TEST_F(DeviceCommandsTest, AJobThatNeedsApprovalIsNotWaitedFor) {
  needs_approval_ = true;
  EXPECT_EQ(Run({"device", "release", "--fleet", "acme", "--state",
                 "quarantined", "--reason", "fixed", "--yes"}),
            kExitOk);
  EXPECT_THAT(services_.calls(), Not(Contains("GetDeviceJob")));
  EXPECT_THAT(out_.str(), HasSubstr("waits for a second operator (not operator "
                                    "admin), who runs: birthmark device-job "
                                    "approve acme/release-20260131-120000-"));
}

TEST_F(DeviceCommandsTest, SomeThatFailedAreTheExitCode) {
  failed_ = 1;
  EXPECT_EQ(Run({"device", "release", "--fleet", "acme", "--state",
                 "quarantined", "--reason", "fixed", "--yes"}),
            kExitRefused);
  EXPECT_THAT(out_.str(), HasSubstr("--outcome failed"));
  EXPECT_EQ(Run({"device", "release", "--fleet", "acme", "--state",
                 "quarantined", "--reason", "fixed", "--yes", "--detach"}),
            kExitOk);
}

TEST_F(DeviceCommandsTest, AListIsSentInPartsAndThenStarted) {
  std::string csv = "uid,note\n";
  for (int i = 0; i < 6001; ++i) {
    absl::StrAppend(&csv, "019ab2c3-d4e5-7f60-8182-",
                    absl::Hex(i, absl::kZeroPad12), ",x\n");
  }
  absl::StrAppend(&csv, "019ab2c3-d4e5-7f60-8182-000000000000,again\n");
  std::vector<int> parts;
  services_.On<pb::AddDeviceJobItemsRequest, pb::DeviceJob>(
      "AddDeviceJobItems",
      [&](const pb::AddDeviceJobItemsRequest& request)
          -> absl::StatusOr<pb::DeviceJob> {
        if (parts.size() == 1) {  // answered late: sent again
          parts.push_back(0);
          return absl::UnavailableError("away");
        }
        parts.push_back(request.device_uids_size());
        return pb::DeviceJob();
      });
  services_.On<pb::StartDeviceJobRequest, pb::DeviceJob>(
      "StartDeviceJob", [](const pb::StartDeviceJobRequest& request) {
        pb::DeviceJob job;
        job.set_name(request.name());
        return job;
      });
  EXPECT_EQ(
      Run({"device", "decommission", "--fleet", "acme", "--csv",
           Write("list.csv", csv), "--reason", "scrapped", "--job", "scrap"},
          "yes\n"),
      kExitOk);
  EXPECT_THAT(parts, ElementsAre(5000, 0, 1001));
  EXPECT_THAT(err_.str(), HasSubstr("to decommission 6001 devices?"));
  EXPECT_EQ(created_.device_job().filter(), "");
  EXPECT_EQ(services_.calls().back(), "GetDeviceJob");
}

TEST_F(DeviceCommandsTest, AListThatBreaksOffNamesTheJobThatIsLeft) {
  services_.On<pb::AddDeviceJobItemsRequest, pb::DeviceJob>(
      "AddDeviceJobItems", [](const pb::AddDeviceJobItemsRequest&) {
        return absl::StatusOr<pb::DeviceJob>(
            MakeError(absl::StatusCode::kFailedPrecondition,
                      birthmark::reasons::kDeviceJobState, "cancelled"));
      });
  EXPECT_EQ(Run({"device", "quarantine", "--fleet", "acme", "--csv",
                 Write("list.csv", absl::StrCat(kUid, "\n")), "--reason", "x",
                 "--job", "q", "--yes"}),
            kExitRefused);
  EXPECT_THAT(err_.str(), HasSubstr("birthmark device-job cancel acme/q"));
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
        return Parse<pb::Finding>(R"(
          state: FINDING_STATE_CLOSED effect: FINDING_EFFECT_QUARANTINE
          device: "fleets/acme/devices/u1")");
      });
  EXPECT_EQ(Run({"finding", "close", "acme/f1", "--note", "test device"}),
            kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("birthmark device release u1"));
}

}  // namespace
}  // namespace birthmark::cli
