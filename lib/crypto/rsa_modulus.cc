#include "lib/crypto/rsa_modulus.h"

#include "lib/crypto/byte_casts.h"
#include "lib/crypto/public_key_impl.h"
#include "openssl/bn.h"
#include "openssl/rsa.h"

namespace birthmark::crypto {

std::string RsaModulus(const PublicKey& key) {
  if (key.algorithm() != KeyAlgorithm::kRsa) {
    return "";
  }
  const BIGNUM* const modulus = RSA_get0_n(key.impl().rsa.get());
  std::string bytes(BN_num_bytes(modulus), '\0');
  BN_bn2bin(modulus, AsBytes(bytes));
  return bytes;
}

}  // namespace birthmark::crypto
