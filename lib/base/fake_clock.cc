#include "lib/base/fake_clock.h"

namespace birthmark {

FakeClock::FakeClock() : FakeClock(absl::FromUnixSeconds(1767225600)) {}

FakeClock::FakeClock(absl::Time start) : now_(start) {}

absl::Time FakeClock::Now() {
  std::lock_guard<std::mutex> lock(mutex_);
  return now_;
}

absl::Duration FakeClock::MonotonicNow() {
  std::lock_guard<std::mutex> lock(mutex_);
  return monotonic_;
}

void FakeClock::Set(absl::Time now) {
  std::lock_guard<std::mutex> lock(mutex_);
  now_ = now;
}

void FakeClock::Advance(absl::Duration step) {
  std::lock_guard<std::mutex> lock(mutex_);
  now_ += step;
  monotonic_ += step;
}

}  // namespace birthmark
