// The services and the device that tests of the commands about devices play.

#ifndef BIRTHMARK_SERVICES_CLI_DEVICE_TESTING_H_
#define BIRTHMARK_SERVICES_CLI_DEVICE_TESTING_H_

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
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "lib/base/fake_clock.h"
#include "lib/base/file.h"
#include "lib/base/testing.h"
#include "services/cli/command.h"
#include "services/cli/commands.h"
#include "services/cli/fake_services.h"

namespace birthmark::cli {

inline constexpr char kUid[] = "019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8";
inline constexpr char kName[] =
    "fleets/acme/devices/019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8";
// 2026-01-31T12:00:00Z
inline constexpr int64_t kNow = 1769860800;

template <typename Message>
Message ParseText(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

inline const std::vector<Command>& DeviceTestCommands() {
  static const auto& commands = *new std::vector<Command>([] {
    std::vector<Command> all;
    for (std::vector<Command> family :
         {DeviceCommands(), DeviceListCommands(), DeviceActCommands(),
          DeviceEndCommands(), DeviceWipeCommands(), DeviceJobCommands(),
          DeviceStreamCommands(), FindingCommands(), KeyCommands(),
          TransferCommands(), ReplacementCommands(), PrivacyCommands(),
          FleetCommands()}) {
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
    device_ = ParseText<device::v1::Device>(R"(
      name: "fleets/acme/devices/019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8"
      uid: "019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8"
      state: DEVICE_STATE_ACTIVE
      model: "gateway-7" serial_number: "GW7-000001" hardware_revision: "C"
      etag: "\"5\"")");
    services_.On<device::v1::GetDeviceRequest, device::v1::Device>(
        "GetDevice", [this](const device::v1::GetDeviceRequest& request) {
          asked_ = request.name();
          return device_;
        });
    services_
        .On<device::v1::ListDevicesRequest, device::v1::ListDevicesResponse>(
            "ListDevices",
            [this](const device::v1::ListDevicesRequest& request) {
              listed_.push_back(request);
              return found_;
            });
    services_.On<device::v1::CreateDeviceJobRequest, device::v1::DeviceJob>(
        "CreateDeviceJob",
        [this](const device::v1::CreateDeviceJobRequest& request) {
          device::v1::DeviceJob job = request.device_job();
          job.set_device_count(selected_);
          job.set_needs_approval(needs_approval_);
          job.set_expected_certificates(2 * selected_);
          auto& count = *job.add_preview();
          count.set_state(device::v1::DEVICE_STATE_ACTIVE);
          count.set_devices(selected_);
          if (!request.validate_only()) {
            created_ = request;
            job.clear_preview();
            job.set_name(absl::StrCat(request.parent(), "/deviceJobs/",
                                      request.device_job_id()));
            // Whether it needs approval shows when it has collected.
            job.set_needs_approval(false);
            job.set_state(device::v1::DEVICE_JOB_STATE_COLLECTING);
          }
          return job;
        });
    services_.On<device::v1::GetDeviceJobRequest, device::v1::DeviceJob>(
        "GetDeviceJob", [this](const device::v1::GetDeviceJobRequest& request) {
          device::v1::DeviceJob job = created_.device_job();
          job.set_name(request.name());
          job.set_create_actor("spiffe://birthmark.test/operator/admin");
          job.set_device_count(selected_);
          if (needs_approval_) {
            job.set_state(device::v1::DEVICE_JOB_STATE_PENDING_APPROVAL);
            return job;
          }
          job.set_state(device::v1::DEVICE_JOB_STATE_DONE);
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
    return RunLine(DeviceTestCommands(), words, context);
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
  device::v1::Device device_;
  device::v1::ListDevicesResponse found_;
  std::string asked_;
  std::vector<device::v1::ListDevicesRequest> listed_;
  device::v1::CreateDeviceJobRequest created_;
  int64_t selected_ = 3;
  int64_t failed_ = 0;
  bool needs_approval_ = false;
};

// A device with everything, in quarantine.
class DeviceGetTest : public DeviceCommandsTest {
 protected:
  DeviceGetTest() {
    device_ = ParseText<device::v1::Device>(R"(
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
    services_.On<device::v1::ListDeviceKeysRequest,
                 device::v1::ListDeviceKeysResponse>(
        "ListDeviceKeys", [](const device::v1::ListDeviceKeysRequest&) {
          return ParseText<device::v1::ListDeviceKeysResponse>(R"(
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
        "ListCertificates",
        [](const certificate::v1::ListCertificatesRequest&) {
          return ParseText<certificate::v1::ListCertificatesResponse>(R"(
            certificates {
              name: "issuers/idevid/certificates/1a00000000000000000000000000"
              profile: "profiles/idevid" state: CERTIFICATE_STATE_HELD
              not_before_time { seconds: 1767225600 }
              not_after_time { seconds: 253402300799 }
            })");
        });
    services_
        .On<device::v1::ListFindingsRequest, device::v1::ListFindingsResponse>(
            "ListFindings", [](const device::v1::ListFindingsRequest& request) {
              EXPECT_EQ(request.parent(), "fleets/acme");
              EXPECT_EQ(request.device(), kName);
              return ParseText<device::v1::ListFindingsResponse>(R"(
            findings {
              name: "fleets/acme/findings/f1"
              kind: FINDING_KIND_FIRMWARE_ROLLBACK state: FINDING_STATE_OPEN
              subject: "application" effect: FINDING_EFFECT_QUARANTINE
              details { key: "security_version" value: "1" }
              details { key: "highest" value: "2" }
              times: 2 last_time { seconds: 1769857200 }
            })");
            });
    services_.On<device::v1::ListDeviceEventsRequest,
                 device::v1::ListDeviceEventsResponse>(
        "ListDeviceEvents",
        [](const device::v1::ListDeviceEventsRequest& request) {
          EXPECT_TRUE(request.newest_first());
          return ParseText<device::v1::ListDeviceEventsResponse>(R"(
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
    services_.On<device::v1::GetDecommissionRequest, device::v1::Decommission>(
        "GetDecommission",
        [this](const device::v1::GetDecommissionRequest&) { return end_; });
  }

  device::v1::Decommission end_;
};

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DEVICE_TESTING_H_
