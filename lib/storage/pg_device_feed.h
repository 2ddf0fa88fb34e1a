#ifndef BIRTHMARK_LIB_STORAGE_PG_DEVICE_FEED_H_
#define BIRTHMARK_LIB_STORAGE_PG_DEVICE_FEED_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/storage/database.h"
#include "lib/storage/device_feed.h"

namespace birthmark::storage {

// PgDeviceFeed is DeviceFeed on PostgreSQL. A read goes along one index in
// every partition of device_events: which month an event is in depends on the
// clock of who wrote it, so that no partition may be left out, and an index
// without anything new costs some microseconds.
class PgDeviceFeed : public DeviceFeed {
 public:
  // `database` must outlive the feed.
  explicit PgDeviceFeed(Database& database) : database_(database) {}

  absl::StatusOr<FeedPosition> Head() override;
  absl::Status Check(const FeedPosition& position) override;
  absl::StatusOr<std::vector<FeedEvent>> Read(const FeedPosition& after,
                                              int limit) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_DEVICE_FEED_H_
