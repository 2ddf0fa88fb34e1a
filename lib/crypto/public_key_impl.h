// PublicKey::Impl: the BoringSSL side of a PublicKey. Private to lib/crypto.

#ifndef BIRTHMARK_LIB_CRYPTO_PUBLIC_KEY_IMPL_H_
#define BIRTHMARK_LIB_CRYPTO_PUBLIC_KEY_IMPL_H_

#include <cstddef>
#include <string>

#include "lib/crypto/public_key.h"
#include "openssl/ec_key.h"
#include "openssl/rsa.h"

namespace birthmark::crypto {

struct PublicKey::Impl {
  KeyAlgorithm algorithm;
  int bits = 0;
  std::string spki;
  size_t key_offset = 0;  // where the content of the BIT STRING starts

  // The one that the algorithm needs is set; Ed25519 needs none.
  bssl::UniquePtr<EC_KEY> ec;
  bssl::UniquePtr<RSA> rsa;
};

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_PUBLIC_KEY_IMPL_H_
