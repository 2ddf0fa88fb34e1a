// Provisioner has the items of a plan issued over IssueBatch streams, through
// lost connections and restarts of the service, until every one is settled.

#ifndef BIRTHMARK_SERVICES_CLI_PROVISIONER_H_
#define BIRTHMARK_SERVICES_CLI_PROVISIONER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "lib/base/clock.h"
#include "lib/rpc/client_stream.h"
#include "services/cli/item_files.h"
#include "services/cli/provision_plan.h"

namespace birthmark::cli {

using IssueStream = rpc::ClientStream<provisioning::v1::IssueBatchRequest,
                                      provisioning::v1::IssueBatchResponse>;

// StreamOpener makes sure that the batch exists and opens a stream. It may be
// called again after an error.
using StreamOpener =
    std::function<absl::StatusOr<std::unique_ptr<IssueStream>>()>;

struct ProvisionProgress {
  size_t total = 0;
  size_t issued = 0;
  size_t already_there = 0;
  size_t failed = 0;
  // How often the service was busy and asked to come back later, and how long
  // that took.
  size_t busy = 0;
  absl::Duration waited;
  absl::Duration elapsed;
};

// ProvisionObserver hears what goes on, from several threads but one at a time.
class ProvisionObserver {
 public:
  virtual ~ProvisionObserver() = default;
  // Called about five times a second.
  virtual void OnProgress(const ProvisionProgress& progress) = 0;
  // The connection is lost, or was not made; it is tried again after `delay`.
  virtual void OnRetry(const absl::Status& why, absl::Duration delay) = 0;
};

struct ProvisionOptions {
  // Format: fleets/{fleet}/lines/{line}/batches/{batch}
  std::string batch;
  // How long without any progress before it gives up.
  absl::Duration retry_for = absl::Minutes(10);
  // Threads that write files: each write waits for the disk.
  int store_threads = 8;
  // First pause before a new connection; it doubles up to max_backoff.
  absl::Duration min_backoff = absl::Milliseconds(250);
  absl::Duration max_backoff = absl::Seconds(10);
  // How long answers are awaited after an interruption.
  absl::Duration drain_timeout = absl::Seconds(30);
  // How many times the user has interrupted: once drains, twice gives up what
  // is in flight. Polled. May be empty.
  std::function<int()> interruptions;
};

struct ItemFailure {
  size_t item = 0;  // index into the plan
  absl::Status status;
};

struct ProvisionOutcome {
  ProvisionProgress progress;
  // In the order of the plan.
  std::vector<ItemFailure> failures;
  // Not OK if the run ended before every item was settled: a full disk, a
  // disabled line, a service that did not come back, CANCELLED / INTERRUPTED.
  absl::Status status;
};

// Provision runs to the end and returns what came of it. Everything passed must
// outlive the call.
ProvisionOutcome Provision(const ProvisionOptions& options,
                           const std::vector<PlannedItem>& plan,
                           const ItemFiles& files, const StreamOpener& open,
                           Clock& clock, ProvisionObserver& observer);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_PROVISIONER_H_
