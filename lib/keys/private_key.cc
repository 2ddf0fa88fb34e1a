#include "lib/keys/private_key.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/byte_casts.h"
#include "openssl/bn.h"
#include "openssl/bytestring.h"
#include "openssl/ec_key.h"
#include "openssl/ecdsa.h"
#include "openssl/err.h"
#include "openssl/mem.h"
#include "openssl/nid.h"
#include "openssl/rsa.h"
#include "openssl/sha.h"

namespace birthmark::keys {
namespace {

using crypto::AsBytes;
using crypto::AsChars;
using crypto::KeyAlgorithm;

absl::Status Failed(absl::string_view text) {
  ERR_clear_error();
  return absl::InternalError(text);
}

bssl::UniquePtr<EVP_PKEY> GenerateEc(int nid) {
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(nid));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (ec == nullptr || key == nullptr || !EC_KEY_generate_key(ec.get()) ||
      !EVP_PKEY_set1_EC_KEY(key.get(), ec.get())) {
    return nullptr;
  }
  return key;
}

bssl::UniquePtr<EVP_PKEY> GenerateRsa(int bits) {
  bssl::UniquePtr<RSA> rsa(RSA_new());
  bssl::UniquePtr<BIGNUM> exponent(BN_new());
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (rsa == nullptr || exponent == nullptr || key == nullptr ||
      !BN_set_word(exponent.get(), RSA_F4) ||
      !RSA_generate_key_ex(rsa.get(), bits, exponent.get(), nullptr) ||
      !EVP_PKEY_set1_RSA(key.get(), rsa.get())) {
    return nullptr;
  }
  return key;
}

bssl::UniquePtr<EVP_PKEY> GenerateEd25519() {
  bssl::UniquePtr<EVP_PKEY_CTX> context(
      EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr));
  EVP_PKEY* key = nullptr;
  if (context == nullptr || !EVP_PKEY_keygen_init(context.get()) ||
      !EVP_PKEY_keygen(context.get(), &key)) {
    return nullptr;
  }
  return bssl::UniquePtr<EVP_PKEY>(key);
}

absl::StatusOr<std::string> SignEcdsa(const EC_KEY* key, KeyAlgorithm algorithm,
                                      absl::string_view message) {
  uint8_t digest[SHA384_DIGEST_LENGTH];
  size_t digest_size = 0;
  if (algorithm == KeyAlgorithm::kP384) {
    SHA384(AsBytes(message), message.size(), digest);
    digest_size = SHA384_DIGEST_LENGTH;
  } else {
    SHA256(AsBytes(message), message.size(), digest);
    digest_size = SHA256_DIGEST_LENGTH;
  }
  std::string signature(ECDSA_size(key), '\0');
  unsigned int size = 0;
  if (!ECDSA_sign(0, digest, digest_size, AsBytes(signature), &size, key)) {
    return Failed("cannot make an ECDSA signature");
  }
  signature.resize(size);
  return signature;
}

absl::StatusOr<std::string> SignRsa(RSA* key, absl::string_view message) {
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(AsBytes(message), message.size(), digest);
  std::string signature(RSA_size(key), '\0');
  unsigned int size = 0;
  if (!RSA_sign(NID_sha256, digest, sizeof(digest), AsBytes(signature), &size,
                key)) {
    return Failed("cannot make an RSA signature");
  }
  signature.resize(size);
  return signature;
}

absl::StatusOr<std::string> SignEd25519(EVP_PKEY* key,
                                        absl::string_view message) {
  bssl::ScopedEVP_MD_CTX context;
  std::string signature(64, '\0');
  size_t size = signature.size();
  if (!EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) ||
      !EVP_DigestSign(context.get(), AsBytes(signature), &size,
                      AsBytes(message), message.size())) {
    return Failed("cannot make an Ed25519 signature");
  }
  return signature;
}

}  // namespace

PrivateKey::PrivateKey(bssl::UniquePtr<EVP_PKEY> key,
                       crypto::PublicKey public_key)
    : key_(std::move(key)),
      public_key_(std::move(public_key)),
      algorithm_(crypto::DefaultSignatureAlgorithm(public_key_.algorithm())) {}

absl::StatusOr<PrivateKey> PrivateKey::FromEvp(bssl::UniquePtr<EVP_PKEY> key) {
  bssl::ScopedCBB cbb;
  uint8_t* der = nullptr;
  size_t size = 0;
  if (key == nullptr || !CBB_init(cbb.get(), 128) ||
      !EVP_marshal_public_key(cbb.get(), key.get()) ||
      !CBB_finish(cbb.get(), &der, &size)) {
    return Failed("cannot make a key");
  }
  bssl::UniquePtr<uint8_t> owned(der);
  BIRTHMARK_ASSIGN_OR_RETURN(crypto::PublicKey public_key,
                             crypto::PublicKey::Parse(AsChars(der, size)));
  return PrivateKey(std::move(key), std::move(public_key));
}

absl::StatusOr<PrivateKey> PrivateKey::Generate(KeyAlgorithm algorithm,
                                                int rsa_bits) {
  switch (algorithm) {
    case KeyAlgorithm::kP256:
      return FromEvp(GenerateEc(NID_X9_62_prime256v1));
    case KeyAlgorithm::kP384:
      return FromEvp(GenerateEc(NID_secp384r1));
    case KeyAlgorithm::kEd25519:
      return FromEvp(GenerateEd25519());
    case KeyAlgorithm::kRsa:
      if (rsa_bits != 2048 && rsa_bits != 3072 && rsa_bits != 4096) {
        return absl::InvalidArgumentError(
            "an RSA key has 2048, 3072 or 4096 bits");
      }
      return FromEvp(GenerateRsa(rsa_bits));
  }
  return absl::InvalidArgumentError("no such key algorithm");
}

absl::StatusOr<PrivateKey> PrivateKey::FromPkcs8(absl::string_view der) {
  CBS cbs;
  CBS_init(&cbs, AsBytes(der), der.size());
  bssl::UniquePtr<EVP_PKEY> key(EVP_parse_private_key(&cbs));
  if (key == nullptr || CBS_len(&cbs) != 0) {
    ERR_clear_error();
    return absl::InvalidArgumentError("not a PKCS#8 private key");
  }
  return FromEvp(std::move(key));
}

absl::StatusOr<crypto::SecretBytes> PrivateKey::ToPkcs8() const {
  bssl::ScopedCBB cbb;
  uint8_t* der = nullptr;
  size_t size = 0;
  if (!CBB_init(cbb.get(), 256) ||
      !EVP_marshal_private_key(cbb.get(), key_.get()) ||
      !CBB_finish(cbb.get(), &der, &size)) {
    return Failed("cannot encode a private key");
  }
  // OPENSSL_free wipes what it frees.
  bssl::UniquePtr<uint8_t> owned(der);
  return crypto::SecretBytes::Take(std::string(AsChars(der, size)));
}

absl::StatusOr<std::string> PrivateKey::Sign(absl::string_view message) const {
  switch (public_key_.algorithm()) {
    case KeyAlgorithm::kP256:
    case KeyAlgorithm::kP384:
      return SignEcdsa(EVP_PKEY_get0_EC_KEY(key_.get()),
                       public_key_.algorithm(), message);
    case KeyAlgorithm::kEd25519:
      return SignEd25519(key_.get(), message);
    case KeyAlgorithm::kRsa:
      return SignRsa(EVP_PKEY_get0_RSA(key_.get()), message);
  }
  return absl::InternalError("no such key algorithm");
}

}  // namespace birthmark::keys
