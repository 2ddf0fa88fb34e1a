// CheckKeyHygiene refuses keys whose private half can be found out. It runs
// once for every key that is to be certified. Thread-safe.

#ifndef BIRTHMARK_LIB_CRYPTO_KEY_HYGIENE_H_
#define BIRTHMARK_LIB_CRYPTO_KEY_HYGIENE_H_

#include "absl/status/status.h"
#include "lib/crypto/public_key.h"

namespace birthmark::crypto {

inline constexpr int kMinRsaBits = 2048;
inline constexpr int kMaxRsaBits = 4096;

// CheckKeyHygiene returns OK for every elliptic curve key, since PublicKey
// refuses points that are invalid or of small order, and examines RSA keys. It
// fails with kFailedPrecondition / KEY_WEAK and metadata `rule`, in this order:
//   rsa_modulus_size      not 2048 to 4096 bits, or not a multiple of 8: below
//                         is too weak, above costs verifiers more than it
//                         gives.
//   rsa_exponent          not odd in [65537, 2^32-1]. CA/B Forum asks 65537 or
//                         more; a small one breaks with careless padding, and
//                         larger ones than 32 bits are refused by many stacks.
//   rsa_even_modulus      divisible by two.
//   rsa_small_factor      divisible by one of the first 2000 odd primes.
//   rsa_roca              has the fingerprint of CVE-2017-15361: modulo each of
//                         its 38 marker primes it is a power of 65537.
//   rsa_close_primes      the two primes differ so little that 100 rounds of
//                         Fermat's method find them.
// A repeated or shared key is for the database to find, not for this function.
absl::Status CheckKeyHygiene(const PublicKey& key);

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_KEY_HYGIENE_H_
