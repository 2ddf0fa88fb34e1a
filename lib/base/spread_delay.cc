#include "lib/base/spread_delay.h"

#include "absl/random/random.h"

namespace birthmark {

absl::Duration SpreadDelay(absl::Duration least) {
  absl::InsecureBitGen random;
  return least * absl::Uniform(random, 1.0, 2.0);
}

}  // namespace birthmark
