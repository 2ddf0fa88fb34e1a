#include "lib/storage/pg_finding_store.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/contact_sql.h"
#include "lib/storage/device_sql.h"
#include "lib/storage/finding_sql.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr Statement kGet = {"finding_get", "SELECT " BIRTHMARK_FINDING_COLUMNS
                                           R"(
    FROM findings g WHERE g.finding_id = $1 AND g.fleet_id = $2)"};
constexpr Statement kLock = {"finding_lock", "SELECT " BIRTHMARK_FINDING_COLUMNS
                                             R"(
    FROM findings g WHERE g.finding_id = $1 FOR UPDATE)"};
constexpr Statement kMove = {"finding_move", R"(
    UPDATE findings AS g
    SET state = $2, note = $3, acknowledge_actor = $4, acknowledge_time = $5,
        close_actor = $6, close_time = $7, version = version + 1
    WHERE g.finding_id = $1
    RETURNING )" BIRTHMARK_FINDING_COLUMNS};

// Each walks one index from the cursor on. $1 and $2 are the cursor, $3 how
// many, $4 whose.
#define AFTER                                              \
  "(g.create_time, g.finding_id) > ($1::timestamptz, $2) " \
  "ORDER BY g.create_time, g.finding_id LIMIT $3"
constexpr Statement kListOfDevice = {
    "finding_list_of_device", "SELECT " BIRTHMARK_FINDING_COLUMNS
                              " FROM findings g WHERE g.device_uid = $4 "
                              "AND ($5::text = '' OR g.fleet_id = $5::text) "
                              "AND ($6::boolean OR g.state <> 3) AND " AFTER};
constexpr Statement kListOfFleet = {
    "finding_list_of_fleet",
    "SELECT " BIRTHMARK_FINDING_COLUMNS
    " FROM findings g WHERE g.fleet_id = $4 AND " AFTER};
constexpr Statement kListOpenOfFleet = {
    "finding_list_open_of_fleet",
    "SELECT " BIRTHMARK_FINDING_COLUMNS
    " FROM findings g WHERE g.fleet_id = $4 AND g.state <> 3 AND " AFTER};
// Of all fleets: as many of each, of which the first are taken.
constexpr Statement kListAll = {
    "finding_list_all",
    "SELECT g.* FROM fleets f CROSS JOIN LATERAL ("
    "SELECT " BIRTHMARK_FINDING_COLUMNS
    " FROM findings g WHERE g.fleet_id = f.fleet_id AND " AFTER
    ") g ORDER BY g.create_time, g.finding_id LIMIT $3"};
constexpr Statement kListAllOpen = {
    "finding_list_all_open",
    "SELECT g.* FROM fleets f CROSS JOIN LATERAL ("
    "SELECT " BIRTHMARK_FINDING_COLUMNS
    " FROM findings g WHERE g.fleet_id = f.fleet_id AND g.state <> 3 AND " AFTER
    ") g ORDER BY g.create_time, g.finding_id LIMIT $3"};
#undef AFTER

constexpr char kFirstId[] = "00000000-0000-0000-0000-000000000000";

std::string NameOf(absl::string_view fleet_id, absl::string_view finding_id) {
  return absl::StrCat("fleets/", fleet_id, "/findings/", finding_id);
}

absl::Status NotFound(absl::string_view fleet_id,
                      absl::string_view finding_id) {
  return MakeError(absl::StatusCode::kNotFound, reasons::kFindingNotFound,
                   "there is no such finding",
                   {{"resource", NameOf(fleet_id, finding_id)}});
}

absl::StatusOr<FindingRow> Find(Session& session, absl::string_view fleet_id,
                                absl::string_view finding_id) {
  if (!IsUid(finding_id)) {
    return NotFound(fleet_id, finding_id);
  }
  const auto found = session.Exec(kGet, Text(finding_id), Text(fleet_id));
  if (found.empty()) {
    return NotFound(fleet_id, finding_id);
  }
  return ReadFinding(found[0]);
}

pqxx::result ExecList(Session& session, const FindingFilter& filter,
                      Param after_time, Param after_id, int limit) {
  if (!filter.device_uid.empty()) {
    return session.Exec(kListOfDevice, std::move(after_time),
                        std::move(after_id), Int(limit),
                        Text(filter.device_uid), Text(filter.fleet_id),
                        Text(filter.closed ? "t" : "f"));
  }
  if (!filter.fleet_id.empty()) {
    return session.Exec(filter.closed ? kListOfFleet : kListOpenOfFleet,
                        std::move(after_time), std::move(after_id), Int(limit),
                        Text(filter.fleet_id));
  }
  return session.Exec(filter.closed ? kListAll : kListAllOpen,
                      std::move(after_time), std::move(after_id), Int(limit));
}

DeviceEventRow MovedEvent(const FindingRow& row, const DeviceRow& device,
                          absl::string_view event_id) {
  const bool closed = row.state == FindingState::kClosed;
  DeviceEventRow event;
  event.device_uid = row.device_uid;
  event.fleet_id = row.fleet_id;
  event.event_id = std::string(event_id);
  event.kind = closed ? "finding_closed" : "finding_acknowledged";
  event.from_state = static_cast<int>(device.state);
  event.to_state = device.state;
  event.actor = closed ? row.close_actor : row.acknowledge_actor;
  event.reason = row.note;
  event.details = {{"finding", FindingName(row)}};
  event.create_time = closed ? row.close_time.value_or(row.last_time)
                             : row.acknowledge_time.value_or(row.last_time);
  return event;
}

}  // namespace

absl::StatusOr<FindingRow> PgFindingStore::Get(absl::string_view fleet_id,
                                               absl::string_view finding_id) {
  FindingRow row;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(row, Find(session, fleet_id, finding_id));
        return absl::OkStatus();
      }));
  return row;
}

absl::StatusOr<std::vector<FindingRow>> PgFindingStore::List(
    const FindingFilter& filter, const std::optional<FindingCursor>& after,
    int limit) {
  std::vector<FindingRow> rows;
  if (!filter.device_uid.empty() && !IsUid(filter.device_uid)) {
    return rows;
  }
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        rows.clear();
        for (const auto& row : ExecList(
                 session, filter,
                 after.has_value() ? At(after->create_time) : BeforeAllTime(),
                 Text(after.has_value() ? after->finding_id : kFirstId),
                 limit)) {
          rows.push_back(ReadFinding(row));
        }
        return absl::OkStatus();
      }));
  return rows;
}

absl::StatusOr<std::vector<FindingRow>> PgFindingStore::Raise(
    absl::Span<const FindingRow> findings, absl::string_view actor,
    const std::function<std::string()>& new_id, const EntryMaker& entry_for) {
  std::vector<FindingRow> raised;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        std::vector<absl::string_view> devices;
        for (const FindingRow& finding : findings) {
          devices.push_back(finding.device_uid);
        }
        LockDevices(session, devices);
        raised = RaiseFindings(session, findings, actor, new_id, entry_for);
        return absl::OkStatus();
      }));
  return raised;
}

absl::StatusOr<FindingRow> PgFindingStore::Move(
    absl::string_view fleet_id, absl::string_view finding_id, int64_t version,
    absl::string_view event_id, const Change& change,
    const MutationMaker& mutation_for) {
  FindingRow row;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(const FindingRow found,
                                   Find(session, fleet_id, finding_id));
        BIRTHMARK_ASSIGN_OR_RETURN(const DeviceRow device,
                                   LockDevice(session, "", found.device_uid));
        row = ReadFinding(session.Exec(kLock, Text(finding_id))[0]);
        if (version != 0 && version != row.version) {
          return MakeError(absl::StatusCode::kAborted, reasons::kEtagMismatch,
                           "the finding has changed",
                           {{"resource", FindingName(row)}});
        }
        const FindingState before = row.state;
        BIRTHMARK_RETURN_IF_ERROR(change(row));
        if (row.state == before) {
          return absl::OkStatus();
        }
        row = ReadFinding(session.Exec(
            kMove, Text(finding_id), Int(static_cast<int>(row.state)),
            Text(row.note), TextOrNull(row.acknowledge_actor),
            AtOrNull(row.acknowledge_time), TextOrNull(row.close_actor),
            AtOrNull(row.close_time))[0]);
        const DeviceEventRow event = MovedEvent(row, device, event_id);
        RecordEvents(session, {&event});
        return RecordMutation(session, mutation_for(row));
      }));
  return row;
}

}  // namespace birthmark::storage
