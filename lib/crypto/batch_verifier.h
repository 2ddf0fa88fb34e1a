// BatchVerifier verifies many signatures at once. BoringSSL is the reference.
// Where the CPU has AVX-512 IFMA, crypto_mb verifies ECDSA with SHA-256 on
// P-256 eight at a time, in less than a third of the time each.

#ifndef BIRTHMARK_LIB_CRYPTO_BATCH_VERIFIER_H_
#define BIRTHMARK_LIB_CRYPTO_BATCH_VERIFIER_H_

#include <cstddef>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/crypto/verify_job.h"

namespace birthmark::crypto {

// Arithmetic names who computes.
enum class Arithmetic { kBoringSsl, kCryptoMb };

// BestArithmetic returns the fastest one that this machine can run.
Arithmetic BestArithmetic();

// ArithmeticName returns "boringssl" or "crypto_mb", for logs and labels.
absl::string_view ArithmeticName(Arithmetic arithmetic);

// BatchVerifier is immutable and thread-safe.
class BatchVerifier {
 public:
  // kGroup is how many jobs crypto_mb takes in one pass: divide work among
  // threads in multiples of it.
  static constexpr size_t kGroup = 8;

  // What this machine cannot run becomes kBoringSsl.
  explicit BatchVerifier(Arithmetic arithmetic = BestArithmetic());

  Arithmetic arithmetic() const { return arithmetic_; }

  // Verify returns for each job, in order, what its key's Verify would return.
  // All arithmetics agree: crypto_mb says what is valid, and BoringSSL decides
  // about all that it does not, so that forgeries cost more, not less. One
  // job's outcome never depends on the others.
  [[nodiscard]] std::vector<bool> Verify(
      absl::Span<const VerifyJob> jobs) const;

 private:
  const Arithmetic arithmetic_;
};

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_BATCH_VERIFIER_H_
