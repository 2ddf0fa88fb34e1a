// Sealed key files: a private key encrypted with AES-256-GCM under a
// key-encryption key. docs/formats/sealed_key.md gives the same bytes:
//
//   magic       8 bytes   "BMSEALED"
//   version     4 bytes   1, big-endian; other values are refused
//   name        4 bytes of length, big-endian, then that many bytes: what the
//               key is for, e.g. "idevid"
//   public key  4 bytes of length, big-endian, then the SPKI DER
//   sealed      nonce (12 bytes), ciphertext, tag (16 bytes); the plaintext is
//               PKCS#8 DER (RFC 5958), and everything above is authenticated
//
// A file that is renamed to serve another issuer therefore does not open.

#ifndef BIRTHMARK_LIB_KEYS_SEALED_FILE_H_
#define BIRTHMARK_LIB_KEYS_SEALED_FILE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/crypto/secret.h"
#include "lib/crypto/signature_algorithm.h"
#include "lib/keys/signer.h"

namespace birthmark::keys {

// CreateSealedKey generates a key (kP256 or kP384) and writes it, sealed, to a
// new file of mode 0600. `name` is 1 to 63 of [a-z0-9-]. kInvalidArgument for
// any other algorithm or name, kAlreadyExists if the path is taken.
absl::Status CreateSealedKey(const std::string& path, absl::string_view name,
                             crypto::KeyAlgorithm algorithm,
                             const crypto::SecretBytes& kek);

// ResealKey replaces the file by the same key sealed under `new_kek`. A crash
// leaves the old file or the new one. Fails as FileSigner::Open does.
absl::Status ResealKey(const std::string& path, absl::string_view name,
                       const crypto::SecretBytes& old_kek,
                       const crypto::SecretBytes& new_kek);

// FileSigner signs with the key of a sealed file, which it reads once.
class FileSigner : public Signer {
 public:
  // Open unseals the key. kNotFound if there is no file; kInvalidArgument if it
  // is not a sealed key file of a known version; kFailedPrecondition if it was
  // sealed for another name or under another key-encryption key, was altered,
  // or may be read by group or others.
  static absl::StatusOr<std::unique_ptr<FileSigner>> Open(
      const std::string& path, absl::string_view name,
      const crypto::SecretBytes& kek);

  ~FileSigner() override;

  const crypto::PublicKey& public_key() const override;
  crypto::SignatureAlgorithm algorithm() const override;
  absl::StatusOr<std::string> Sign(absl::string_view message) const override;

 private:
  struct Impl;
  explicit FileSigner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::keys

#endif  // BIRTHMARK_LIB_KEYS_SEALED_FILE_H_
