// ParseDeviceFilter reads the filter of ListDevices: a subset of AIP-160.
//
//   filter = term *( "AND" term )
//   term   = field "=" value
//   field  = "state" / "model" / "serial_number" / "line" / "batch"
//   value  = bare word of A-Z a-z 0-9 _ - . / : + / "quoted, \" and \\ escaped"
//
// `state` takes the names of DeviceState, with or without DEVICE_STATE_; `line`
// and `batch` take ids or resource names.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DEVICE_FILTER_H_
#define BIRTHMARK_SERVICES_INVENTORY_DEVICE_FILTER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/storage/device_store.h"

namespace birthmark::inventory {

inline constexpr size_t kMaxFilterLength = 1024;

// ParseDeviceFilter returns what `text` selects; all devices if it is blank.
// The resource name of a line or batch names the fleet too, which must not
// differ from `fleet_id`, the fleet of the request's parent or "" for all.
// kInvalidArgument / FILTER_INVALID, metadata field and position (from 1). Pure
// function.
absl::StatusOr<storage::DeviceFilter> ParseDeviceFilter(
    absl::string_view text, absl::string_view fleet_id);

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DEVICE_FILTER_H_
