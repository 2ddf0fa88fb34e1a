#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_FEED_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_FEED_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/device_row.h"

namespace birthmark::storage {

// FeedPosition is a place in the order of commits: after this event. Who has
// read up to a position that Head or Read returned has missed nothing before
// it.
struct FeedPosition {
  int64_t xid = 0;       // of the transaction
  std::string event_id;  // of the event; empty: after all of xid - 1
  // No event before this is after the position, but for a day: for pruning.
  absl::Time time;
};

// FeedPart is what happened after a position.
struct FeedPart {
  std::vector<DeviceEventRow> events;  // in the order of transactions
  FeedPosition position;               // after them, or newer
  bool more = false;                   // at once, if Read is called again
};

// DeviceFeed reads what happens to devices, in the order of transactions.
// Thread-safe.
class DeviceFeed {
 public:
  virtual ~DeviceFeed() = default;
  // Head returns the newest position.
  virtual absl::StatusOr<FeedPosition> Head() = 0;
  // Read returns at most `limit` events of `fleet_id` (empty: all fleets) after
  // `after`. Reads a bounded number of rows.
  virtual absl::StatusOr<FeedPart> Read(absl::string_view fleet_id,
                                        const FeedPosition& after,
                                        int limit) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_FEED_H_
