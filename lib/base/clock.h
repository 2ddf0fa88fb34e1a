// Clock is where the time comes from. Only this library asks the operating
// system; everything else takes a Clock&, so that tests choose the time.

#ifndef BIRTHMARK_LIB_BASE_CLOCK_H_
#define BIRTHMARK_LIB_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace birthmark {

// Clock tells wall time and monotonic time. Implementations are thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Now is wall time: validity, timestamps. It may jump in either direction.
  virtual absl::Time Now() = 0;

  // MonotonicNow is the time since an arbitrary start and never goes back:
  // time-outs, rates, latencies.
  virtual absl::Duration MonotonicNow() = 0;

  // Real returns the machine's clock. It lives until the process ends.
  static Clock& Real();
};

// NowSeconds is clock.Now() cut to whole seconds: what certificates and the
// database hold.
absl::Time NowSeconds(Clock& clock);

}  // namespace birthmark

#endif  // BIRTHMARK_LIB_BASE_CLOCK_H_
