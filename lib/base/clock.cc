#include "lib/base/clock.h"

#include <chrono>

#include "absl/time/clock.h"

namespace birthmark {
namespace {

class RealClock : public Clock {
 public:
  absl::Time Now() override { return absl::Now(); }

  absl::Duration MonotonicNow() override {
    return absl::FromChrono(
        std::chrono::steady_clock::now().time_since_epoch());
  }
};

}  // namespace

Clock& Clock::Real() {
  // Never destroyed: threads may still ask while the process ends.
  static Clock* const clock = new RealClock();
  return *clock;
}

absl::Time NowSeconds(Clock& clock) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(clock.Now()));
}

}  // namespace birthmark
