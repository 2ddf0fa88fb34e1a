// Randomness from BoringSSL's generator, seeded by the kernel. Thread-safe.
// Cannot fail: a process without randomness ends itself.

#ifndef BIRTHMARK_LIB_CRYPTO_RANDOM_H_
#define BIRTHMARK_LIB_CRYPTO_RANDOM_H_

#include <cstddef>
#include <string>

namespace birthmark::crypto {

// RandomBytes returns `size` unpredictable bytes. For secrets use
// SecretBytes::Random.
std::string RandomBytes(size_t size);

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_RANDOM_H_
