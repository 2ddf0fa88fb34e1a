// InventoryPast says what each device of a synthetic inventory is and was.
#ifndef BIRTHMARK_TESTS_BENCH_INVENTORY_PAST_H_
#define BIRTHMARK_TESTS_BENCH_INVENTORY_PAST_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace birthmark::bench {

// Lines work in turns: device N is made by line N modulo their number.
struct PastLine {
  const char* fleet;
  const char* line;
  std::vector<const char*> models;  // batch by batch
};

// PastDevice is a device and what happened to it. Times are whole seconds since
// 1970, -1: never.
struct PastDevice {
  int64_t number = 0;
  std::string uid;  // 16 octets
  const PastLine* line = nullptr;
  std::string batch;
  const char* model = nullptr;
  const char* hardware_revision = nullptr;
  std::string serial_number;
  int state = 0;  // as in the table `devices`
  int64_t create_time = 0;
  int64_t register_time = -1;
  int64_t contact_time = -1;
  int64_t end_time = -1;       // quarantined or decommissioned
  std::string birth_serial;    // of certificates: 16 octets
  std::string serial;          // empty: none
  const char* site = nullptr;  // labels; null: it has none
  const char* ring = nullptr;
  bool has_owner = false;
  const char* application = nullptr;  // firmware versions; null: none reported
  const char* application_before = nullptr;
  const char* bootloader = nullptr;
};

// InventoryPast derives everything from a device's number, 0 to devices() - 1,
// so that whoever measures knows what to ask for. Thread-safe.
class InventoryPast {
 public:
  static constexpr int64_t kBatchSize = 2000;
  static constexpr int kShardSize = 20000;

  // Devices are evenly spread over the time before `now` (seconds since 1970)
  // for which there are monthly partitions, a year at most.
  InventoryPast(int64_t devices, int64_t now);

  static const std::vector<PastLine>& Lines();

  int64_t devices() const { return devices_; }
  int64_t now() const { return now_; }

  PastDevice At(int64_t number) const;
  // ForAll visits all devices, oldest first.
  void ForAll(const std::function<void(const PastDevice&)>& visit) const;
  // CreateTime is that of the device, in seconds.
  int64_t CreateTime(int64_t number) const;

  // Noise is `size` octets that belong to a number and a purpose.
  static std::string Noise(int64_t number, int purpose, size_t size);
  // SpkiHash is that of the birth key (0) or the operational key (1).
  static std::string SpkiHash(int64_t number, int which);
  // Id is a UUIDv7 (16 octets) of a moment.
  static std::string Id(int64_t ms, int64_t number, int purpose);
  // Digest of a firmware image.
  static std::string Digest(absl::string_view model,
                            absl::string_view component,
                            absl::string_view version);
  static int64_t SecurityVersion(absl::string_view version);

 private:
  int64_t CreateMs(int64_t number) const;

  const int64_t devices_;
  const int64_t now_;
  const int64_t start_;
};

// UuidText writes 16 octets as a UUID.
std::string UuidText(absl::string_view octets);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_INVENTORY_PAST_H_
