// Aead encrypts and authenticates with AES-256-GCM under a random nonce.
// Immutable and thread-safe.
//
// A sealed text is nonce (12 bytes), ciphertext, tag (16 bytes). Nonces are
// random: seal no more than 2^32 texts under one key.

#ifndef BIRTHMARK_LIB_CRYPTO_AEAD_H_
#define BIRTHMARK_LIB_CRYPTO_AEAD_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/crypto/secret.h"

namespace birthmark::crypto {

inline constexpr size_t kAeadKeyBytes = 32;

class Aead {
 public:
  // New takes a key of kAeadKeyBytes. kInvalidArgument on any other length.
  static absl::StatusOr<Aead> New(const SecretBytes& key);

  ~Aead();
  Aead(Aead&&) noexcept;
  Aead& operator=(Aead&&) noexcept;

  // Seal encrypts `plaintext` and binds it to `context`, which is not stored.
  std::string Seal(absl::string_view plaintext,
                   absl::string_view context) const;
  std::string Seal(const SecretBytes& plaintext,
                   absl::string_view context) const;

  // Open undoes Seal. kInvalidArgument if the text was altered or sealed under
  // another key or context: which of them cannot be told.
  absl::StatusOr<std::string> Open(absl::string_view sealed,
                                   absl::string_view context) const;

  // OpenSecret is Open for what must not lie about in memory.
  absl::StatusOr<SecretBytes> OpenSecret(absl::string_view sealed,
                                         absl::string_view context) const;

 private:
  struct Impl;
  explicit Aead(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_AEAD_H_
