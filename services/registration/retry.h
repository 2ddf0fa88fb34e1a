// RetryTransient repeats a step that the database or the CA could not do now.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_RETRY_H_
#define BIRTHMARK_SERVICES_REGISTRATION_RETRY_H_

#include <algorithm>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace birthmark::registration {

// RetryPolicy says how long to go on. The defaults add up to about six seconds:
// enough for a restart, short enough that a client learns of a real outage.
struct RetryPolicy {
  int retries = 7;
  absl::Duration first_delay = absl::Milliseconds(50);
  absl::Duration max_delay = absl::Seconds(2);
};

// IsTransient tells whether the same idempotent step may succeed in a moment:
// kUnavailable, kAborted (a conflict), kUnknown (a commit in doubt).
inline bool IsTransient(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kAborted ||
         status.code() == absl::StatusCode::kUnknown;
}

inline const absl::Status& StatusOf(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

// RetryTransient returns what `step()` returns, calling it again with growing
// delays while that is transient, there are retries left and `stopped()` is
// false. Blocks; `step` must be idempotent.
template <typename Step>
auto RetryTransient(const RetryPolicy& policy,
                    const std::function<bool()>& stopped, const Step& step)
    -> decltype(step()) {
  auto result = step();
  absl::Duration delay = policy.first_delay;
  for (int i = 0;
       i < policy.retries && IsTransient(StatusOf(result)) && !stopped(); ++i) {
    absl::SleepFor(delay);
    delay = std::min(2 * delay, policy.max_delay);
    result = step();
  }
  return result;
}

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_RETRY_H_
