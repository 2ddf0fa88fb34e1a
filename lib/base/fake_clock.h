// FakeClock is a Clock that stands still until it is told to move. Thread-safe.

#ifndef BIRTHMARK_LIB_BASE_FAKE_CLOCK_H_
#define BIRTHMARK_LIB_BASE_FAKE_CLOCK_H_

#include <mutex>

#include "absl/time/time.h"
#include "lib/base/clock.h"

namespace birthmark {

class FakeClock : public Clock {
 public:
  // The default start is 2026-01-01T00:00:00Z: a round, recent time.
  FakeClock();
  explicit FakeClock(absl::Time start);

  absl::Time Now() override;
  absl::Duration MonotonicNow() override;

  // Set moves wall time to `now`, backwards too; monotonic time stays.
  void Set(absl::Time now);

  // Advance moves both clocks by `step`, which must not be negative.
  void Advance(absl::Duration step);

 private:
  std::mutex mutex_;
  absl::Time now_;
  absl::Duration monotonic_ = absl::ZeroDuration();
};

}  // namespace birthmark

#endif  // BIRTHMARK_LIB_BASE_FAKE_CLOCK_H_
