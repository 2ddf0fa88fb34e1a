// Upkeep does what the inventory does of its own accord, besides jobs.

#ifndef BIRTHMARK_SERVICES_INVENTORY_UPKEEP_H_
#define BIRTHMARK_SERVICES_INVENTORY_UPKEEP_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/loop_thread.h"
#include "lib/storage/decommission_store.h"
#include "lib/storage/device_search_store.h"
#include "lib/storage/request_pruner.h"
#include "services/inventory/ca_client.h"
#include "services/inventory/metrics.h"

namespace birthmark::inventory {

// Upkeep works from its construction on, in threads of its own; its destruction
// waits for what is in work. Any number of them may work on one database.
// Tasks, each of which goes on whatever becomes of the others:
//
//   fold     adds up the counts of devices
//   end      ends decommissions whose wipe is confirmed, or too late
//   certify  has `ca` sign certificates of decommission for those that ended
//   prune    forgets the answers of requests after 7 days
//
// Thread-safe. What its constructor takes must outlive it.
class Upkeep {
 public:
  static constexpr absl::Duration kFoldInterval = absl::Seconds(1);
  static constexpr absl::Duration kEndInterval = absl::Milliseconds(250);
  static constexpr absl::Duration kPruneInterval = absl::Minutes(1);
  // How long a task rests that failed.
  static constexpr absl::Duration kErrorInterval = absl::Seconds(2);
  // How long requests are remembered: AIP-155.
  static constexpr absl::Duration kRequestAge = absl::Hours(24 * 7);
  // In one transaction each.
  static constexpr int kEndSize = 200;
  static constexpr int kCertifySize = 500;
  static constexpr int kPruneSize = 1000;
  // `ca` answers sooner, or is away. It bounds how long the end of the process
  // may take.
  static constexpr absl::Duration kSignTimeout = absl::Seconds(5);

  struct Dependencies {
    storage::DeviceSearchStore& search;
    storage::DecommissionStore& decommissions;
    storage::RequestPruner& requests;
    CaClient& ca;
    Clock& clock;
    Metrics& metrics;
  };
  explicit Upkeep(const Dependencies& dependencies);

 private:
  // What a task returns: whether there is more to do at once.
  using Task = std::function<absl::StatusOr<bool>()>;
  // Does a task once and says when the next time is.
  absl::Duration Run(absl::string_view name, absl::Duration interval,
                     const Task& task);

  absl::StatusOr<bool> Fold();
  absl::StatusOr<bool> End();
  absl::StatusOr<bool> Certify();
  absl::StatusOr<bool> Prune();

  const Dependencies with_;
  // The last: they use the others.
  LoopThread fold_;
  LoopThread end_;
  LoopThread certify_;
  LoopThread prune_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_UPKEEP_H_
