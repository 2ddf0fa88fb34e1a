// WatchJob follows what a service does in the background until it is over.

#ifndef BIRTHMARK_SERVICES_CLI_JOB_WATCH_H_
#define BIRTHMARK_SERVICES_CLI_JOB_WATCH_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/cli/context.h"

namespace birthmark::cli {

struct WatchOptions {
  // Between two looks.
  absl::Duration interval = absl::Seconds(1);
  // How long a service that does not answer is asked again.
  absl::Duration patience = absl::Minutes(5);
};

// JobView is what can be seen of a job at one moment.
struct JobView {
  std::string state;  // for people: "running"
  bool is_running = false;
  bool is_over = false;
  int64_t done = 0;
  int64_t expected = 0;
  std::string done_word;   // "revoked": what `done` counts
  std::string last_error;  // what holds it up
  std::string next_step;   // what a person does about a job that stands
};

// WatchJob looks again and again, writes how far the job is to context.err (one
// line that changes on a terminal, a line every few seconds and at each change
// of its state elsewhere), and returns when it is over. Fails as `look` does,
// but for services that are away for less than the patience.
absl::Status WatchJob(const std::function<absl::StatusOr<JobView>()>& look,
                      const WatchOptions& options, Context& context);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_JOB_WATCH_H_
