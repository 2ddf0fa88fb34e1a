// What is done to devices, many at a time, inside a transaction. Only for
// lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_ACTS_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_ACTS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/storage/device_act.h"
#include "lib/storage/session.h"

namespace birthmark::storage {

// ActOnDevices does `act` to devices of `fleet_id` (empty: of any fleet), all
// of what it means: state, quarantine or decommission row, certificates, keys,
// events (with ids that `new_id` makes) and, for each device that is changed,
// the audit entries that `entries_for` makes of its result. A fixed number of
// statements, whatever the number of devices. Locks in the order that all
// share: devices by uid, keys by hash, revocations by serial number. Devices
// that are named twice are acted on once. Returns one result for each uid, in
// their order. Throws as Session does.
using DeviceEntryMaker =
    std::function<std::vector<audit::Entry>(const DeviceActResult& result)>;
std::vector<DeviceActResult> ActOnDevices(
    Session& session, absl::string_view fleet_id,
    absl::Span<const std::string> device_uids, const DeviceAct& act,
    const std::function<std::string()>& new_id,
    const DeviceEntryMaker& entries_for);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_ACTS_H_
