// For CPUs that crypto_mb is not made for.

#include "lib/crypto/p256_lanes.h"

namespace birthmark::crypto {

bool HasP256Lanes() { return false; }

uint8_t VerifyP256Lanes(absl::Span<const P256Lane>) { return 0; }

}  // namespace birthmark::crypto
