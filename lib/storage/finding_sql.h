// Findings, as several stores read and raise them. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_FINDING_SQL_H_
#define BIRTHMARK_LIB_STORAGE_FINDING_SQL_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/storage/device_row.h"
#include "lib/storage/finding_store.h"
#include "lib/storage/session.h"
#include "pqxx/row"

namespace birthmark::storage {

// Who acts when a fleet's policy does.
inline constexpr char kPolicyActor[] = "birthmark:policy";

// The columns that ReadFinding expects, from `findings` called g.
#define BIRTHMARK_FINDING_COLUMNS                                        \
  "g.finding_id, g.fleet_id, g.device_uid, g.kind, g.subject, g.state, " \
  "g.effect, g.details, g.times, g.note, g.acknowledge_actor, "          \
  "g.acknowledge_time, g.close_actor, g.close_time, g.version, "         \
  "g.create_time, g.last_time"
FindingRow ReadFinding(const pqxx::row& row);

// FindingName returns the resource name.
std::string FindingName(const FindingRow& row);

// RaisedEntry is the audit entry of a finding that is raised.
audit::Entry RaisedEntry(const FindingRow& row, absl::string_view actor,
                         std::string id);

// RaiseFindings does what FindingStore::Raise documents, for devices that the
// transaction has locked.
std::vector<FindingRow> RaiseFindings(
    Session& session, absl::Span<const FindingRow> findings,
    absl::string_view actor, const std::function<std::string()>& new_id,
    const FindingStore::EntryMaker& entry_for);

// DeniedByFindings is kFailedPrecondition / FINDING_DENIES_RENEWAL, with the
// names of the device's findings that do so.
absl::Status DeniedByFindings(Session& session, const DeviceRow& device);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FINDING_SQL_H_
