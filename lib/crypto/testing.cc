#include "lib/crypto/testing.h"

#include <cstdint>

#include "gtest/gtest.h"
#include "lib/crypto/byte_casts.h"
#include "openssl/bytestring.h"
#include "openssl/ec_key.h"
#include "openssl/mem.h"
#include "openssl/nid.h"
#include "openssl/rsa.h"

namespace birthmark::crypto {
namespace {

EvpKey NewKey(int type, int curve_or_bits) {
  bssl::UniquePtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_id(type, nullptr));
  EVP_PKEY* key = nullptr;
  EXPECT_TRUE(EVP_PKEY_keygen_init(context.get()));
  if (type == EVP_PKEY_EC) {
    EXPECT_TRUE(
        EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context.get(), curve_or_bits));
  } else if (type == EVP_PKEY_RSA) {
    EXPECT_TRUE(EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), curve_or_bits));
  }
  EXPECT_TRUE(EVP_PKEY_keygen(context.get(), &key));
  return EvpKey(key);
}

}  // namespace

EvpKey NewP256() { return NewKey(EVP_PKEY_EC, NID_X9_62_prime256v1); }
EvpKey NewP384() { return NewKey(EVP_PKEY_EC, NID_secp384r1); }
EvpKey NewEd25519() { return NewKey(EVP_PKEY_ED25519, 0); }
EvpKey NewRsa() { return NewKey(EVP_PKEY_RSA, 2048); }

std::string SpkiOf(const EVP_PKEY* key) {
  bssl::ScopedCBB cbb;
  uint8_t* der = nullptr;
  size_t size = 0;
  EXPECT_TRUE(CBB_init(cbb.get(), 64));
  EXPECT_TRUE(EVP_marshal_public_key(cbb.get(), key));
  EXPECT_TRUE(CBB_finish(cbb.get(), &der, &size));
  bssl::UniquePtr<uint8_t> owned(der);
  return std::string(AsChars(der, size));
}

std::string SignWith(EVP_PKEY* key, const EVP_MD* digest, bool pss,
                     absl::string_view message) {
  bssl::ScopedEVP_MD_CTX context;
  EVP_PKEY_CTX* options = nullptr;
  EXPECT_TRUE(
      EVP_DigestSignInit(context.get(), &options, digest, nullptr, key));
  if (pss) {
    EXPECT_TRUE(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING));
    EXPECT_TRUE(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, -1));
  }
  std::string signature(EVP_PKEY_size(key), '\0');
  size_t size = signature.size();
  EXPECT_TRUE(EVP_DigestSign(context.get(), AsBytes(signature), &size,
                             AsBytes(message), message.size()));
  signature.resize(size);
  return signature;
}

}  // namespace birthmark::crypto
