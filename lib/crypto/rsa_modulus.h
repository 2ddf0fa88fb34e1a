#ifndef BIRTHMARK_LIB_CRYPTO_RSA_MODULUS_H_
#define BIRTHMARK_LIB_CRYPTO_RSA_MODULUS_H_

#include <string>

#include "lib/crypto/public_key.h"

namespace birthmark::crypto {

// RsaModulus returns the modulus of an RSA key, big-endian without leading
// zeros; "" for any other key. Pure function.
std::string RsaModulus(const PublicKey& key);

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_RSA_MODULUS_H_
