// ParseDeviceFilter reads the filter of ListDevices, of CountDevices and of
// device jobs: a subset of AIP-160.
//
//   filter = term *( "AND" term )
//   term   = field "=" value / time ( "=" / "<" / "<=" / ">" / ">=" ) value
//          / "labels." key ":*"
//   field  = "state" / "model" / "hardware_revision" / "line" / "batch"
//          / "serial_number" / "firmware." component / "labels." key
//          / "key" / "certificate" / time
//   time   = "create_time" / "last_contact_time"
//   value  = bare word of A-Z a-z 0-9 _ - . / : + *
//          / "quoted; \" and \\ and \* are escaped"
//
// A serial number that ends in an asterisk is a prefix. `state` takes the names
// of DeviceState, with or without DEVICE_STATE_; `line` and `batch` take ids or
// resource names; `key` takes the hexadecimal SHA-256 of an SPKI, `certificate`
// the hexadecimal serial number; times are RFC 3339. A field comes once, times
// once with a lower and once with an upper bound.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DEVICE_FILTER_H_
#define BIRTHMARK_SERVICES_INVENTORY_DEVICE_FILTER_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/storage/device_search_store.h"

namespace birthmark::inventory {

inline constexpr size_t kMaxFilterLength = 2048;
inline constexpr size_t kMaxFilterValue = 256;
// Terms about labels, and terms about firmware.
inline constexpr size_t kMaxFilterMembers = 8;

// ParseDeviceFilter returns what `text` selects; all devices if it is blank.
// `fleet_id` is the fleet of the request's parent, or "" for all. A whole name
// of a line or batch names whose line made the device, which may be another
// fleet's by now. kInvalidArgument / FILTER_INVALID, metadata field and
// position (in octets, from 1). Pure function.
absl::StatusOr<storage::DeviceFilter> ParseDeviceFilter(
    absl::string_view text, absl::string_view fleet_id);

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DEVICE_FILTER_H_
