#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_FEED_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_FEED_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/storage/device_row.h"

namespace birthmark::storage {

// FeedPosition is a place in the order of transactions: after this event. Who
// has read up to a position that Head or Read returned has missed nothing
// before it.
struct FeedPosition {
  int64_t xid = 0;       // of the transaction
  std::string event_id;  // of the event; empty: before all events

  friend bool operator==(const FeedPosition& a, const FeedPosition& b) {
    return a.xid == b.xid && a.event_id == b.event_id;
  }
  friend bool operator<(const FeedPosition& a, const FeedPosition& b) {
    return a.xid != b.xid ? a.xid < b.xid : a.event_id < b.event_id;
  }
};

// FeedEvent is what happened, and where in the feed.
struct FeedEvent {
  FeedPosition position;
  DeviceEventRow event;
};

// DeviceFeed reads what happens to devices, of all fleets, in the order of
// transactions. An event shows once no transaction that is older runs any more.
// Thread-safe.
class DeviceFeed {
 public:
  virtual ~DeviceFeed() = default;
  // Head returns the newest position.
  virtual absl::StatusOr<FeedPosition> Head() = 0;
  // Check fails with kOutOfRange / RESUME_TOKEN_UNKNOWN unless this database
  // has the event of `position`: one that was restored may not.
  virtual absl::Status Check(const FeedPosition& position) = 0;
  // Read returns at most `limit` events after `after`, in order.
  virtual absl::StatusOr<std::vector<FeedEvent>> Read(const FeedPosition& after,
                                                      int limit) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_FEED_H_
