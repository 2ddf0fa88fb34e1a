// P256 lanes: up to eight ECDSA signatures on P-256 in one pass, each in its
// lane of the vector registers. The arithmetic is crypto_mb's. Private to
// lib/crypto; others use batch_verifier.h.

#ifndef BIRTHMARK_LIB_CRYPTO_P256_LANES_H_
#define BIRTHMARK_LIB_CRYPTO_P256_LANES_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace birthmark::crypto {

inline constexpr size_t kP256Lanes = 8;

inline constexpr size_t kP256Octets = 32;

// P256Lane is one signature. All numbers are big-endian.
struct P256Lane {
  uint8_t digest[kP256Octets];
  uint8_t r[kP256Octets];
  uint8_t s[kP256Octets];
  // The public key, a point of the curve.
  uint8_t x[kP256Octets];
  uint8_t y[kP256Octets];
};

// HasP256Lanes tells whether CPU and operating system can do this at all.
// Thread-safe, like everything here.
bool HasP256Lanes();

// VerifyP256Lanes looks at no more than kP256Lanes lanes and returns a bit for
// each, the first one's lowest: 1 if its signature is valid. A 0 is not a
// verdict: crypto_mb also refuses what it is not made for (a digest that is
// zero or not below the order, a point with a coordinate of zero, sums of equal
// points), so BoringSSL decides about those. Call it only if HasP256Lanes().
uint8_t VerifyP256Lanes(absl::Span<const P256Lane> lanes);

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_P256_LANES_H_
