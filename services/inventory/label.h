// label turns labels of the API into rows and back. Pure functions, but for the
// chance in salts.

#ifndef BIRTHMARK_SERVICES_INVENTORY_LABEL_H_
#define BIRTHMARK_SERVICES_INVENTORY_LABEL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/storage/device_row.h"

namespace birthmark::inventory {

// IsLabelKey says whether `key` is [a-z][a-z0-9_-]{0,62}.
bool IsLabelKey(absl::string_view key);

// ReadLabel returns the row for a label: its value in the canonical form of its
// type, a fresh salt if it is personal. kInvalidArgument / INVALID_FIELD,
// metadata field: a key or value that is not allowed.
absl::StatusOr<storage::LabelRow> ReadLabel(absl::string_view key,
                                            const device::v1::Label& label,
                                            absl::string_view field);

// ToProto returns the label that a row keeps.
device::v1::Label ToProto(const storage::LabelRow& row);

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_LABEL_H_
