#include "tests/bench/inventory_past.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace birthmark::bench {
namespace {

constexpr int64_t kHour = 3600;
constexpr int64_t kDay = 24 * kHour;
// 2026-10-01, the first monthly partition.
constexpr int64_t kFirstPartition = 1790812800;

// What noise is for; a purpose of its own each.
enum Purpose {
  kUid = 1,
  kBirthSerial,
  kSerial,
  kBirthKey,
  kKey,
  kTraits,
  kLabels,
  kFirmware,
  kContact,
  kBatch,
  kDigest,
};

uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t Chance(int64_t number, int purpose) {
  return Mix(static_cast<uint64_t>(number) * 1024 +
             static_cast<uint64_t>(purpose));
}

void PutMs(int64_t ms, std::string& id) {
  for (int i = 0; i < 6; ++i) {
    id[static_cast<size_t>(i)] = static_cast<char>(ms >> (8 * (5 - i)));
  }
}

std::string SerialOf(int64_t ms, int64_t number, int purpose) {
  std::string serial = InventoryPast::Noise(number, purpose, 16);
  PutMs(ms, serial);
  return serial;
}

int StateOf(uint64_t chance) {
  const uint64_t part = chance % 100000;
  return part < 100    ? 3
         : part < 150  ? 4
         : part < 1150 ? 5
         : part < 4150 ? 1
                       : 2;
}

// Some values are rare: one device in five thousand has them.
bool IsRare(uint64_t chance) { return chance % 5000 == 7; }

void SetFirmware(PastDevice& device) {
  const uint64_t chance = Chance(device.number, kFirmware);
  const uint64_t part = chance % 10000;
  device.application = part < 5500   ? "2.4.1"
                       : part < 8000 ? "2.4.0"
                       : part < 9500 ? "2.3.7"
                       : part < 9998 ? "1.9.0"
                                     : "2.5.0-rc.1";
  device.application_before = part < 8000 ? "2.3.7" : "1.9.0";
  if ((chance >> 32) % 5 == 0) {
    // The old one never runs with the newest application.
    device.bootloader = part >= 5500 && part < 8000 ? "1.0" : "1.2";
  }
}

void SetLabels(PastDevice& device) {
  const uint64_t chance = Chance(device.number, kLabels);
  const uint64_t part = chance % 100;
  if (IsRare(chance >> 8)) {
    device.site = "reykjavik";
  } else if (part < 20) {
    // Cameras are never there.
    device.site = strcmp(device.model, "cam-9") == 0 ? "oslo" : "berlin";
  } else if (part < 40) {
    device.site = "paris";
  }
  constexpr const char* kRings[] = {"1", "2", "3", "4", "5"};
  if ((chance >> 32) % 10 == 0) {
    device.ring = kRings[(chance >> 40) % 5];
  }
  device.has_owner = (chance >> 48) % 100 == 0;
}

}  // namespace

std::string UuidText(absl::string_view octets) {
  const std::string hex = absl::BytesToHexString(octets);
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-",
                      hex.substr(12, 4), "-", hex.substr(16, 4), "-",
                      hex.substr(20));
}

InventoryPast::InventoryPast(int64_t devices, int64_t now)
    : devices_(devices),
      now_(now),
      start_(
          std::max(now - 365 * kDay, std::min(kFirstPartition, now - kDay))) {}

const std::vector<PastLine>& InventoryPast::Lines() {
  static const auto& lines = *new std::vector<PastLine>{
      {"home", "l-1", {"gw-7"}},
      {"home", "l-2", {"gw-7"}},
      {"home", "l-3", {"gw-7", "sensor-2"}},
      {"home", "l-4", {"sensor-2"}},
      {"home", "l-5", {"sensor-2"}},
      {"home", "l-6", {"cam-9"}},
      {"home", "l-7", {"meter-3"}},
      {"home", "l-8", {"meter-3", "sensor-2", "cam-9"}},
      {"city", "l-1", {"gw-7", "cam-9"}},
      {"lab", "l-1", {"proto-1"}}};
  return lines;
}

std::string InventoryPast::Noise(int64_t number, int purpose, size_t size) {
  std::string noise(size, '\0');
  uint64_t word = Chance(number, purpose);
  for (size_t i = 0; i < size; i += 8) {
    memcpy(&noise[i], &word, std::min<size_t>(8, size - i));
    word = Mix(word);
  }
  return noise;
}

std::string InventoryPast::SpkiHash(int64_t number, int which) {
  return Noise(number, which == 0 ? kBirthKey : kKey, 32);
}

std::string InventoryPast::Id(int64_t ms, int64_t number, int purpose) {
  std::string id = SerialOf(ms, number, purpose);
  id[6] = static_cast<char>((id[6] & 0x0f) | 0x70);
  id[8] = static_cast<char>((id[8] & 0x3f) | 0x80);
  return id;
}

std::string InventoryPast::Digest(absl::string_view model,
                                  absl::string_view component,
                                  absl::string_view version) {
  uint64_t seed = 0;
  for (const char c : absl::StrCat(model, "/", component, "/", version)) {
    seed = Mix(seed ^ static_cast<uint8_t>(c));
  }
  return Noise(static_cast<int64_t>(seed >> 1), kDigest, 32);
}

int64_t InventoryPast::SecurityVersion(absl::string_view version) {
  return (version[0] - '0') * 10 + (version[2] - '0');
}

int64_t InventoryPast::CreateMs(int64_t number) const {
  const double part =
      static_cast<double>(number) / static_cast<double>(devices_);
  const double span = static_cast<double>(now_ - kHour - start_) * 1000;
  return start_ * 1000 + static_cast<int64_t>(span * part);
}

int64_t InventoryPast::CreateTime(int64_t number) const {
  return CreateMs(number) / 1000;
}

PastDevice InventoryPast::At(int64_t number) const {
  const auto lines = static_cast<int64_t>(Lines().size());
  const int64_t ms = CreateMs(number);
  const int64_t batch = number / lines / kBatchSize;
  const uint64_t traits = Chance(number, kTraits);
  PastDevice device;
  device.number = number;
  device.uid = Id(ms, number, kUid);
  device.line = &Lines()[static_cast<size_t>(number % lines)];
  device.batch = absl::StrFormat("b-%05d", batch);
  const auto& models = device.line->models;
  device.model = models[static_cast<size_t>(batch) % models.size()];
  const uint64_t of_batch =
      Chance(batch * lines + number % lines, kBatch) % 100;
  device.hardware_revision = of_batch < 70 ? "a" : of_batch < 95 ? "b" : "c";
  if (IsRare(traits >> 20)) {
    device.hardware_revision = "x";
  } else if (IsRare(traits >> 40)) {
    device.model = "gw-7-dev";
  }
  device.serial_number = absl::StrFormat("SN-%010d", number);
  device.state = StateOf(traits);
  device.create_time = ms / 1000;
  device.birth_serial = SerialOf(ms, number, kBirthSerial);
  SetLabels(device);
  if (device.state == 1) {
    return device;
  }
  const int64_t register_ms =
      ms + std::min((now_ * 1000 - ms) / 2, 1000 * kDay);
  device.register_time = register_ms / 1000;
  device.serial = SerialOf(register_ms, number, kSerial);
  // Most have called lately.
  const double chance =
      static_cast<double>(Chance(number, kContact) >> 11) / (1LL << 53);
  device.contact_time =
      now_ -
      static_cast<int64_t>(chance * chance * chance *
                           static_cast<double>(now_ - device.register_time));
  if (device.state > 2) {
    device.end_time = device.contact_time;
  }
  SetFirmware(device);
  return device;
}

void InventoryPast::ForAll(
    const std::function<void(const PastDevice&)>& visit) const {
  for (int64_t number = 0; number < devices_; ++number) {
    visit(At(number));
  }
}

}  // namespace birthmark::bench
