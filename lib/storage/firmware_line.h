// What one device reports of one component, and what is odd about it. Only for
// lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_FIRMWARE_LINE_H_
#define BIRTHMARK_LIB_STORAGE_FIRMWARE_LINE_H_

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/device_row.h"
#include "lib/storage/finding_store.h"
#include "lib/storage/registration_store.h"

namespace birthmark::storage {

// Release is a version of a component, as devices of a fleet and model run it:
// fleet, model, component, version.
using Release = std::tuple<absl::string_view, absl::string_view,
                           absl::string_view, absl::string_view>;

// FirstDigest is the digest that a release was reported with first.
struct FirstDigest {
  std::string digest;
  std::string device_uid;
  absl::Time time;
  bool is_new = false;
};

// FirmwareBefore is what a component was, if the device had reported it.
struct FirmwareBefore {
  bool known = false;
  std::string firmware_version;
  std::string digest;
  int64_t security_version = 0;
  int64_t highest = 0;
};

// FirmwareLine is the report of one component.
struct FirmwareLine {
  const FirmwareAttempt* attempt = nullptr;
  const DeviceRow* device = nullptr;
  const FirmwareRow* row = nullptr;
  FirmwareBefore before;

  bool Changed() const {
    return !before.known || before.firmware_version != row->firmware_version ||
           before.digest != row->digest ||
           before.security_version != row->security_version;
  }
  Release release() const {
    return {device->fleet_id, device->model, row->component,
            row->firmware_version};
  }
};

// FindOdd adds to `findings` what is odd about `line`, whose version was first
// reported with `first`: a security version that went down, another digest.
void FindOdd(const FirmwareLine& line, const FirstDigest& first,
             std::vector<FindingRow>& findings);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FIRMWARE_LINE_H_
