#include "lib/storage/pg_device_feed.h"

#include <utility>

#include "absl/strings/string_view.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr char kLowestUuid[] = "00000000-0000-0000-0000-000000000000";

// The oldest transaction that runs, and may write events yet.
#define OLDEST "(SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint)"

constexpr Statement kHead = {"feed_head", R"(
    SELECT xid, event_id FROM device_events WHERE xid < )" OLDEST R"(
    ORDER BY xid DESC, event_id DESC LIMIT 1)"};
constexpr Statement kCheck = {"feed_check", R"(
    SELECT FROM device_events
    WHERE xid = $1 AND event_id = $2 AND xid < )" OLDEST R"( LIMIT 1)"};
constexpr Statement kRead = {"feed_read", R"(
    SELECT xid, device_uid, fleet_id, event_id, kind, from_state, to_state,
           actor, reason, details, create_time
    FROM device_events
    WHERE (xid, event_id) > ($1::bigint, $2::uuid) AND xid < )" OLDEST R"(
    ORDER BY xid, event_id LIMIT $3)"};

}  // namespace

absl::StatusOr<FeedPosition> PgDeviceFeed::Head() {
  FeedPosition head;
  BIRTHMARK_RETURN_IF_ERROR(database_.Read([&](Session& session) {
    head = {};
    for (const auto& row : session.Exec(kHead)) {
      head = {ReadInt(row[0]), ReadText(row[1])};
    }
    return absl::OkStatus();
  }));
  return head;
}

absl::Status PgDeviceFeed::Check(const FeedPosition& position) {
  if (position.event_id.empty()) {
    return absl::OkStatus();
  }
  bool known = false;
  if (IsUid(position.event_id)) {
    BIRTHMARK_RETURN_IF_ERROR(database_.Read([&](Session& session) {
      known = !session.Exec(kCheck, Int(position.xid), Text(position.event_id))
                   .empty();
      return absl::OkStatus();
    }));
  }
  return known ? absl::OkStatus()
               : MakeError(absl::StatusCode::kOutOfRange,
                           reasons::kResumeTokenUnknown,
                           "the resume_token belongs to another history; list "
                           "the devices and start over without one",
                           {{"field", "resume_token"}});
}

absl::StatusOr<std::vector<FeedEvent>> PgDeviceFeed::Read(
    const FeedPosition& after, int limit) {
  std::vector<FeedEvent> events;
  BIRTHMARK_RETURN_IF_ERROR(database_.Read([&](Session& session) {
    events.clear();
    const auto rows = session.Exec(
        kRead, Int(after.xid),
        Text(after.event_id.empty() ? kLowestUuid : after.event_id),
        Int(limit));
    events.reserve(rows.size());
    for (const auto& row : rows) {
      FeedEvent event = {
          .event = {.device_uid = ReadText(row[1]),
                    .fleet_id = ReadText(row[2]),
                    .event_id = ReadText(row[3]),
                    .kind = ReadText(row[4]),
                    .from_state = static_cast<int>(ReadInt(row[5])),
                    .to_state = static_cast<DeviceState>(ReadInt(row[6])),
                    .actor = ReadText(row[7]),
                    .reason = ReadText(row[8]),
                    .details = ReadJson(row[9]),
                    .create_time = ReadTime(row[10])}};
      event.position = {ReadInt(row[0]), event.event.event_id};
      events.push_back(std::move(event));
    }
    return absl::OkStatus();
  }));
  return events;
}

}  // namespace birthmark::storage
