// BatchGcd finds RSA moduli that share a prime: whoever sees two such can
// compute both private keys (Heninger, Durumeric, Wustrow, Halderman: "Mining
// Your Ps and Qs", 2012).

#ifndef BIRTHMARK_LIB_CRYPTO_BATCH_GCD_H_
#define BIRTHMARK_LIB_CRYPTO_BATCH_GCD_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace birthmark::crypto {

struct BatchGcdOptions {
  // How many moduli have their whole trees in memory at a time. Of the rest
  // only the products of so many are kept, one above the other: memory is some
  // log2(moduli / chunk) + 4 times the moduli.
  size_t chunk = 8192;
  // Told now and then what is being done and which share of it is; returns
  // false to give up.
  std::function<bool(absl::string_view phase, double share)> progress;
};

struct SharedFactor {
  std::string factor;           // big-endian, without leading zeros
  std::vector<size_t> members;  // at least two, rising
};

struct BatchGcdResult {
  // For each modulus its common factor with the product of all others,
  // big-endian without leading zeros; empty: 1, as it should be.
  std::vector<std::string> factors;
  // Who shares what: a prime, or the whole modulus where it is there twice and
  // cannot be taken apart.
  std::vector<SharedFactor> shared;
  // 64-bit words of all operands of the trees, to judge growth by.
  uint64_t words = 0;
};

// BatchGcd computes by a product tree and a remainder tree of squares
// (Bernstein, "How to find smooth parts of integers", 2004): quasi-linear in
// the number of moduli, each big-endian and above 1. kInvalidArgument if one is
// not, kCancelled.
absl::StatusOr<BatchGcdResult> BatchGcd(absl::Span<const std::string> moduli,
                                        const BatchGcdOptions& options = {});

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_BATCH_GCD_H_
