// testing makes keys and signatures for the tests of lib/crypto. Everything
// here fails the test if it fails.

#ifndef BIRTHMARK_LIB_CRYPTO_TESTING_H_
#define BIRTHMARK_LIB_CRYPTO_TESTING_H_

#include <string>

#include "absl/strings/string_view.h"
#include "openssl/digest.h"
#include "openssl/evp.h"

namespace birthmark::crypto {

using EvpKey = bssl::UniquePtr<EVP_PKEY>;

// Each makes a fresh key.
EvpKey NewP256();
EvpKey NewP384();
EvpKey NewEd25519();
EvpKey NewRsa();  // 2048 bits

// SpkiOf returns the SubjectPublicKeyInfo of `key`.
std::string SpkiOf(const EVP_PKEY* key);

// SignWith signs `message`; `pss` matters for RSA alone. `digest` is null for
// Ed25519.
std::string SignWith(EVP_PKEY* key, const EVP_MD* digest, bool pss,
                     absl::string_view message);

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_TESTING_H_
