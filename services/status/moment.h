// Moment is a point in time by both clocks, so that a step of the wall clock
// makes nothing look younger than it is.

#ifndef BIRTHMARK_SERVICES_STATUS_MOMENT_H_
#define BIRTHMARK_SERVICES_STATUS_MOMENT_H_

#include <algorithm>

#include "absl/time/time.h"
#include "lib/base/clock.h"

namespace birthmark::status {

// Moment is a value type. The default one is older than any other.
struct Moment {
  absl::Time wall = absl::InfinitePast();
  absl::Duration monotonic = -absl::InfiniteDuration();

  static Moment Now(Clock& clock) {
    return {clock.Now(), clock.MonotonicNow()};
  }

  // SeenFrom returns this moment as wall time for whoever reads the clock at
  // `now`: the older of what the two clocks say.
  absl::Time SeenFrom(const Moment& now) const {
    return std::min(wall, now.wall - (now.monotonic - monotonic));
  }
};

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_MOMENT_H_
