#include "tests/bench/inventory_history.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/bench/copy_writer.h"
#include "tests/bench/month_writers.h"

namespace birthmark::bench {
namespace {

constexpr int64_t kHour = 3600;
constexpr int64_t kDay = 24 * kHour;
constexpr int kActive = 2;
constexpr char kOperator[] = "spiffe://birthmark.test/operator/admin";
// Transactions that made events; the database has had more by then.
constexpr int64_t kTransactions = 400;

// What ids are for; InventoryPast uses the lower numbers.
enum Purpose {
  kEvent = 100,
  kReport = 200,
  kFinding = 300,
  kQuarantine,
  kWipe,
};

class EventWriter {
 public:
  EventWriter(const std::string& host, const InventoryPast& past)
      : past_(past),
        events_(host, "device_events",
                "device_uid, event_id, kind, from_state, to_state, actor, "
                "reason, details, create_time, fleet_id, xid") {}

  void Write(const PastDevice& device) {
    Add(device, 0, "provisioned", 0, 1,
        absl::StrCat("spiffe://birthmark.test/fleet/", device.line->fleet,
                     "/line/", device.line->line),
        device.create_time);
    if (device.state == 1) {
      return;
    }
    const std::string own =
        absl::StrCat("idevid:", absl::BytesToHexString(device.birth_serial));
    Add(device, 1, "registered", 1, kActive, own, device.register_time);
    Add(device, 2, "firmware_reported", kActive, kActive, own,
        device.contact_time);
    if (device.state > kActive) {
      Add(device, 3,
          device.state == 3   ? "quarantined"
          : device.state == 4 ? "decommissioning"
                              : "decommissioned",
          kActive, device.state, kOperator, device.end_time);
    }
  }
  void Close() { events_.Close(); }

 private:
  void Add(const PastDevice& device, int which, absl::string_view kind,
           int from, int to, absl::string_view actor, int64_t time) {
    CopyWriter& writer = events_.At(time);
    const int64_t begin = past_.CreateTime(0);
    writer.Row(11);
    writer.Bytes(device.uid);
    writer.Bytes(InventoryPast::Id(time * 1000, device.number, kEvent + which));
    writer.Bytes(kind);
    writer.Small(from);
    writer.Small(to);
    writer.Bytes(actor);
    writer.Bytes("");
    writer.Json("{}");
    writer.Time(time);
    writer.Bytes(device.line->fleet);
    writer.Big(3 + kTransactions * (time - begin) / (past_.now() - begin));
  }

  const InventoryPast& past_;
  MonthWriters events_;
};

class FirmwareWriter {
 public:
  explicit FirmwareWriter(const std::string& host)
      : reports_(host, "firmware_reports",
                 "device_uid, report_id, component, firmware_version, digest, "
                 "security_version, boot_time, create_time, fleet_id"),
        firmware_(host, "device_firmware",
                  "device_uid, component, firmware_version, digest, "
                  "security_version, boot_time, report_time, fleet_id, "
                  "device_time, highest_security_version",
                  true) {}

  void Write(const PastDevice& device) {
    const int64_t middle =
        device.register_time +
        std::min(kHour, (device.contact_time - device.register_time) / 2);
    Report(device, 0, "application", device.application_before, middle);
    Report(device, 1, "application", device.application, device.contact_time);
    Current(device, "application", device.application);
    if (device.bootloader != nullptr) {
      Current(device, "bootloader", device.bootloader);
    }
  }
  void Close() {
    reports_.Close();
    firmware_.Close();
  }

 private:
  void Report(const PastDevice& device, int which, absl::string_view component,
              absl::string_view version, int64_t time) {
    CopyWriter& writer = reports_.At(time);
    writer.Row(9);
    writer.Bytes(device.uid);
    writer.Bytes(
        InventoryPast::Id(time * 1000, device.number, kReport + which));
    writer.Bytes(component);
    writer.Bytes(version);
    writer.Bytes(InventoryPast::Digest(device.model, component, version));
    writer.Big(InventoryPast::SecurityVersion(version));
    writer.Time(time - 60);
    writer.Time(time);
    writer.Bytes(device.line->fleet);
  }
  void Current(const PastDevice& device, absl::string_view component,
               absl::string_view version) {
    firmware_.Row(10);
    firmware_.Bytes(device.uid);
    firmware_.Bytes(component);
    firmware_.Bytes(version);
    firmware_.Bytes(InventoryPast::Digest(device.model, component, version));
    firmware_.Big(InventoryPast::SecurityVersion(version));
    firmware_.Time(device.contact_time - 60);
    firmware_.Time(device.contact_time);
    firmware_.Bytes(device.line->fleet);
    firmware_.Time(device.create_time);
    firmware_.Big(InventoryPast::SecurityVersion(version));
  }

  MonthWriters reports_;
  CopyWriter firmware_;
};

}  // namespace

void WriteEvents(const std::string& host, const InventoryPast& past) {
  EventWriter events(host, past);
  past.ForAll([&](const PastDevice& device) { events.Write(device); });
  events.Close();
}

void WriteFirmware(const std::string& host, const InventoryPast& past) {
  FirmwareWriter firmware(host);
  past.ForAll([&](const PastDevice& device) {
    if (device.application != nullptr) {
      firmware.Write(device);
    }
  });
  firmware.Close();
}

// What is left of devices that were isolated or retired.
void WriteActs(const std::string& host, const InventoryPast& past) {
  CopyWriter quarantines(host, "quarantines",
                         "device_uid, quarantine_id, reason, playbook, actor, "
                         "held, create_time",
                         true);
  CopyWriter decommissions(
      host, "decommissions",
      "device_uid, fleet_id, reason, actor, create_time, revoked, keys, "
      "wipe_outcome, wipe_instruction, wipe_deadline, end_time, certificate, "
      "certificate_time",
      true);
  CopyWriter findings(host, "findings",
                      "finding_id, fleet_id, device_uid, kind, subject, state, "
                      "effect, details, close_actor, close_time, create_time, "
                      "last_time",
                      true);
  past.ForAll([&](const PastDevice& device) {
    const int64_t number = device.number;
    if (device.state == 3) {
      quarantines.Row(7);
      quarantines.Bytes(device.uid);
      quarantines.Bytes(
          InventoryPast::Id(device.end_time * 1000, number, kQuarantine));
      quarantines.Bytes("suspicious traffic");
      quarantines.Bytes("playbook-7");
      quarantines.Bytes(kOperator);
      quarantines.BytesArray({device.birth_serial, device.serial});
      quarantines.Time(device.end_time);
    } else if (device.state > 3) {
      const bool over = device.state == 5;
      decommissions.Row(13);
      decommissions.Bytes(device.uid);
      decommissions.Bytes(device.line->fleet);
      decommissions.Bytes("end of life");
      decommissions.Bytes(kOperator);
      decommissions.Time(device.end_time);
      decommissions.Int(2);
      decommissions.Int(2);
      decommissions.Small(over ? 3 : 1);
      decommissions.Bytes(
          InventoryPast::Id(device.end_time * 1000, number, kWipe));
      decommissions.Time(over ? device.end_time : past.now() + 365 * kDay);
      decommissions.Time(over ? device.end_time : -1);
      if (over) {
        decommissions.Bytes(absl::WebSafeBase64Escape(
            InventoryPast::Noise(number, kWipe, 1200)));
      } else {
        decommissions.Null();
      }
      decommissions.Time(over ? device.end_time : -1);
    }
    if (number % 2000 == 999 && device.application != nullptr) {
      const bool closed = number % 8000 == 999;
      findings.Row(12);
      findings.Bytes(
          InventoryPast::Id(device.contact_time * 1000, number, kFinding));
      findings.Bytes(device.line->fleet);
      findings.Bytes(device.uid);
      findings.Small(1);
      findings.Bytes("application");
      findings.Small(closed ? 3 : 1);
      findings.Small(1);
      findings.Json(R"({"reported": "23", "highest": "24"})");
      if (closed) {
        findings.Bytes(kOperator);
      } else {
        findings.Null();
      }
      findings.Time(closed ? device.contact_time : -1);
      findings.Time(device.contact_time);
      findings.Time(device.contact_time);
    }
  });
  quarantines.Close();
  decommissions.Close();
  findings.Close();
}

}  // namespace birthmark::bench
