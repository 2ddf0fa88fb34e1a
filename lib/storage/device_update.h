// What UpdateDevice makes of a device's labels and name. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_UPDATE_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_UPDATE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/storage/device_row.h"
#include "lib/storage/device_store.h"
#include "lib/storage/session.h"

namespace birthmark::storage {

// ApplyUpdate applies `update` to `device`, which the transaction has locked,
// and adds to `details` what has changed: label.{key}: `set`, `removed` or the
// commitment to a personal value, and display_name: likewise. Nothing has if it
// adds nothing. kInvalidArgument / TOO_MANY_LABELS.
absl::Status ApplyUpdate(Session& session, const DeviceRow& device,
                         const DeviceUpdate& update,
                         std::map<std::string, std::string>& details);

// ReadLabels returns the labels of one device, in order of their keys.
std::vector<LabelRow> ReadLabels(Session& session, const DeviceRow& device);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_UPDATE_H_
