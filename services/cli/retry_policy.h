// Which errors pass by themselves, and how long to wait for that.

#ifndef BIRTHMARK_SERVICES_CLI_RETRY_POLICY_H_
#define BIRTHMARK_SERVICES_CLI_RETRY_POLICY_H_

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace birthmark::cli {

// IsPassing tells whether the same request may succeed later without anybody
// doing anything. A quota that is spent does not come back. A pure function.
bool IsPassing(const absl::Status& status);

// IsBusy tells whether the service is there but has no room now. A pure
// function.
bool IsBusy(const absl::Status& status);

// IsFault tells whether `status` is a fault in the service or in between that
// was not announced as passing: worth a few more attempts. A pure function.
bool IsFault(const absl::Status& status);

// RetryAfter is how long the service asked to wait, zero if it did not. A pure
// function.
absl::Duration RetryAfter(const absl::Status& status);

// Backoff gives the pauses between attempts: a random part of a bound that
// doubles, so that the lines of a factory do not come back all at once. Not
// thread-safe.
class Backoff {
 public:
  Backoff(absl::Duration min, absl::Duration max) : min_(min), max_(max) {}

  // Next returns the pause after `why`: between half of the bound and the
  // bound, but no less than the service asked for, and up to a quarter more.
  absl::Duration Next(const absl::Status& why);

  // Reset is for after a success.
  void Reset() { attempts_ = 0; }

 private:
  const absl::Duration min_;
  const absl::Duration max_;
  int attempts_ = 0;
  absl::BitGen random_;
};

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_RETRY_POLICY_H_
