#include "tests/bench/inventory_tables.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "tests/bench/copy_writer.h"
#include "tests/bench/month_writers.h"

namespace birthmark::bench {
namespace {

constexpr int64_t kDay = 86400;
constexpr int64_t kForever = 253402300799;  // RFC 5280: no end
constexpr size_t kCertificateBytes = 160;
constexpr char kOperator[] = "spiffe://birthmark.test/operator/admin";

// What ids are for; InventoryPast uses the lower numbers.
enum Purpose {
  kDer = 400,
  kSalt,
};

bool IsGone(const PastDevice& device) { return device.state >= 4; }

// Counts of devices as device_counts has them.
class Counts {
 public:
  void Add(const PastDevice& device, const char* component,
           const char* version) {
    ++counts_[{device.line->fleet, device.model, device.hardware_revision,
               device.state, component, version}];
  }
  void Write(CopyWriter& writer) const {
    for (const auto& [key, count] : counts_) {
      const auto& [fleet, model, revision, state, component, version] = key;
      writer.Row(7);
      writer.Bytes(fleet);
      writer.Bytes(model);
      writer.Bytes(revision);
      writer.Small(state);
      writer.Bytes(component);
      writer.Bytes(version);
      writer.Big(count);
    }
  }

 private:
  std::map<std::tuple<absl::string_view, absl::string_view, absl::string_view,
                      int, absl::string_view, absl::string_view>,
           int64_t>
      counts_;
};

int ShardOf(int64_t number) {
  return static_cast<int>(1 + number / InventoryPast::kShardSize);
}

// As long as a certificate, and as hard to compress.
std::string Der(int64_t number, int which) {
  std::string der =
      InventoryPast::Noise(number * 2 + which, kDer, kCertificateBytes);
  constexpr size_t kRest = kCertificateBytes - 4;
  der[0] = 0x30;
  der[1] = static_cast<char>(0x82);
  der[2] = static_cast<char>(kRest >> 8);
  der[3] = static_cast<char>(kRest & 0xff);
  return der;
}

}  // namespace

void WriteDevices(const std::string& host, const InventoryPast& past) {
  CopyWriter devices(
      host, "devices",
      "device_uid, fleet_id, state, model, serial_number, hardware_revision, "
      "line_id, batch_id, current_serial, version, create_time, update_time, "
      "last_contact_time, decommission_time, contact_day",
      true);
  past.ForAll([&](const PastDevice& device) {
    devices.Row(15);
    devices.Bytes(device.uid);
    devices.Bytes(device.line->fleet);
    devices.Small(device.state);
    devices.Bytes(device.model);
    devices.Bytes(device.serial_number);
    devices.Bytes(device.hardware_revision);
    devices.Bytes(device.line->line);
    devices.Bytes(device.batch);
    if (device.serial.empty()) {
      devices.Null();
    } else {
      devices.Bytes(device.serial);
    }
    devices.Big(device.state);
    devices.Time(device.create_time);
    devices.Time(std::max(device.create_time, device.contact_time));
    devices.Time(device.contact_time);
    devices.Time(device.state == 5 ? device.end_time : -1);
    devices.Day(device.contact_time);
  });
  devices.Close();
}

void WriteKeys(const std::string& host, const InventoryPast& past) {
  CopyWriter keys(host, "keys",
                  "spki_sha256, device_uid, owner, usage, state, algorithm, "
                  "bits, serial, profile, create_time, retire_time, "
                  "protection, first_use_time, last_use_time",
                  false);
  past.ForAll([&](const PastDevice& device) {
    const std::string owner = absl::StrCat("fleets/", device.line->fleet,
                                           "/devices/", UuidText(device.uid));
    const int64_t retire_time = IsGone(device) ? device.end_time : -1;
    for (int which = 0; which < (device.serial.empty() ? 1 : 2); ++which) {
      keys.Row(14);
      keys.Bytes(InventoryPast::SpkiHash(device.number, which));
      keys.Bytes(device.uid);
      keys.Bytes(owner);
      keys.Small(1 + which);
      keys.Small(IsGone(device) ? 2 : 1);
      keys.Small(1);
      keys.Int(256);
      keys.Bytes(which == 0 ? device.birth_serial : device.serial);
      keys.Bytes(which == 0 ? "idevid" : "ldevid");
      keys.Time(which == 0 ? device.create_time : device.register_time);
      keys.Time(retire_time);
      keys.Small(which == 0 ? 2 : 1);
      keys.Time(device.register_time);
      keys.Time(which == 0 ? device.register_time : device.contact_time);
    }
  });
  keys.Close();
}

void WriteCertificates(const std::string& host, const InventoryPast& past) {
  MonthWriters certificates(
      host, "certificates",
      "serial, issuer_id, profile, profile_version, spki_sha256, device_uid, "
      "fleet_id, crl_shard, not_before, not_after, certificate_der, "
      "create_time");
  past.ForAll([&](const PastDevice& device) {
    for (int which = 0; which < (device.serial.empty() ? 1 : 2); ++which) {
      const char* const name = which == 0 ? "idevid" : "ldevid";
      const int64_t time =
          which == 0 ? device.create_time : device.register_time;
      CopyWriter& writer = certificates.At(time);
      writer.Row(12);
      writer.Bytes(which == 0 ? device.birth_serial : device.serial);
      writer.Bytes(name);
      writer.Bytes(name);
      writer.Int(1);
      writer.Bytes(InventoryPast::SpkiHash(device.number, which));
      writer.Bytes(device.uid);
      writer.Bytes(device.line->fleet);
      writer.Int(ShardOf(device.number));
      writer.Time(time);
      writer.Time(which == 0 ? kForever : time + 90 * kDay);
      writer.Bytes(Der(device.number, which));
      writer.Time(time);
    }
  });
  certificates.Close();
}

// What became of the certificates of devices that are isolated or gone.
void WriteRevocations(const std::string& host, const InventoryPast& past) {
  CopyWriter revocations(host, "revocations",
                         "serial, issuer_id, crl_shard, not_after, state, "
                         "reason, actor, revoke_time, update_time",
                         true);
  past.ForAll([&](const PastDevice& device) {
    if (device.state < 3) {
      return;
    }
    for (int which = 0; which < 2; ++which) {
      revocations.Row(9);
      revocations.Bytes(which == 0 ? device.birth_serial : device.serial);
      revocations.Bytes(which == 0 ? "idevid" : "ldevid");
      revocations.Int(ShardOf(device.number));
      revocations.Time(which == 0 ? kForever
                                  : device.register_time + 90 * kDay);
      revocations.Small(device.state == 3 ? 1 : 2);
      revocations.Small(device.state == 3 ? 6 : 5);
      revocations.Bytes(kOperator);
      revocations.Time(device.end_time);
      revocations.Time(device.end_time);
    }
  });
  revocations.Close();
}

void WriteLabels(const std::string& host, const InventoryPast& past) {
  CopyWriter labels(host, "device_labels",
                    "device_uid, label_key, label_type, value, personal, salt, "
                    "fleet_id, create_time",
                    true);
  const auto add = [&](const PastDevice& device, absl::string_view key,
                       int type, absl::string_view value, bool personal) {
    labels.Row(8);
    labels.Bytes(device.uid);
    labels.Bytes(key);
    labels.Small(type);
    labels.Bytes(value);
    labels.Flag(personal);
    if (personal) {
      labels.Bytes(InventoryPast::Noise(device.number, kSalt, 32));
    } else {
      labels.Null();
    }
    labels.Bytes(device.line->fleet);
    labels.Time(device.create_time);
  };
  past.ForAll([&](const PastDevice& device) {
    if (device.has_owner && device.state != 5) {
      add(device, "owner", 1, absl::StrCat("customer ", device.number), true);
    }
    if (device.ring != nullptr) {
      add(device, "ring", 2, device.ring, false);
    }
    if (device.site != nullptr) {
      add(device, "site", 1, device.site, false);
    }
  });
  labels.Close();
}

void WriteCounts(const std::string& host, const InventoryPast& past) {
  Counts counts;
  // The first who reported: fleet, model, component, version.
  std::map<std::tuple<std::string, std::string, std::string, std::string>,
           PastDevice>
      first;
  const auto note = [&](const PastDevice& device, const char* component,
                        const char* version) {
    first.emplace(
        std::tuple(device.line->fleet, device.model, component, version),
        device);
  };
  past.ForAll([&](const PastDevice& device) {
    counts.Add(device, "", "");
    if (device.application != nullptr) {
      counts.Add(device, "application", device.application);
      note(device, "application", device.application);
      note(device, "application", device.application_before);
    }
    if (device.bootloader != nullptr) {
      counts.Add(device, "bootloader", device.bootloader);
      note(device, "bootloader", device.bootloader);
    }
  });
  CopyWriter writer(host, "device_counts",
                    "fleet_id, model, hardware_revision, state, component, "
                    "firmware_version, devices",
                    true);
  counts.Write(writer);
  writer.Close();
  CopyWriter digests(host, "firmware_digests",
                     "fleet_id, model, component, firmware_version, digest, "
                     "device_uid, create_time",
                     true);
  for (const auto& [key, device] : first) {
    const auto& [fleet, model, component, version] = key;
    digests.Row(7);
    digests.Bytes(fleet);
    digests.Bytes(model);
    digests.Bytes(component);
    digests.Bytes(version);
    digests.Bytes(InventoryPast::Digest(model, component, version));
    digests.Bytes(device.uid);
    digests.Time(device.contact_time);
  }
  digests.Close();
}

}  // namespace birthmark::bench
