// PrivateKey is a private key in memory. Private to lib/keys: others hold a
// Signer.

#ifndef BIRTHMARK_LIB_KEYS_PRIVATE_KEY_H_
#define BIRTHMARK_LIB_KEYS_PRIVATE_KEY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/crypto/public_key.h"
#include "lib/crypto/secret.h"
#include "lib/crypto/signature_algorithm.h"
#include "openssl/evp.h"

namespace birthmark::keys {

// PrivateKey is move-only and immutable; Sign is thread-safe.
class PrivateKey {
 public:
  // Generate makes a fresh key. `rsa_bits` matters for kRsa alone.
  // kInvalidArgument if it is not 2048, 3072 or 4096.
  static absl::StatusOr<PrivateKey> Generate(crypto::KeyAlgorithm algorithm,
                                             int rsa_bits);

  // FromPkcs8 reads one PrivateKeyInfo (RFC 5958) with nothing after it.
  // kInvalidArgument on anything else and on a key whose halves do not fit;
  // the errors of crypto::PublicKey::Parse.
  static absl::StatusOr<PrivateKey> FromPkcs8(absl::string_view der);

  // ToPkcs8 is the inverse.
  absl::StatusOr<crypto::SecretBytes> ToPkcs8() const;

  const crypto::PublicKey& public_key() const { return public_key_; }

  // algorithm is the default one of the key's kind.
  crypto::SignatureAlgorithm algorithm() const { return algorithm_; }

  // Sign signs `message`. kInternal if the arithmetic failed.
  absl::StatusOr<std::string> Sign(absl::string_view message) const;

 private:
  PrivateKey(bssl::UniquePtr<EVP_PKEY> key, crypto::PublicKey public_key);

  static absl::StatusOr<PrivateKey> FromEvp(bssl::UniquePtr<EVP_PKEY> key);

  bssl::UniquePtr<EVP_PKEY> key_;
  crypto::PublicKey public_key_;
  crypto::SignatureAlgorithm algorithm_;
};

}  // namespace birthmark::keys

#endif  // BIRTHMARK_LIB_KEYS_PRIVATE_KEY_H_
