// SpreadDelay keeps those who were sent away together from coming back
// together.

#ifndef BIRTHMARK_LIB_BASE_SPREAD_DELAY_H_
#define BIRTHMARK_LIB_BASE_SPREAD_DELAY_H_

#include "absl/time/time.h"

namespace birthmark {

// SpreadDelay returns a random delay from `least` to twice as much.
// Thread-safe.
absl::Duration SpreadDelay(absl::Duration least);

}  // namespace birthmark

#endif  // BIRTHMARK_LIB_BASE_SPREAD_DELAY_H_
