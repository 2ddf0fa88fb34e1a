// LocalKey is a private key of a client: a device, a line, an operator, or the
// TLS key of a service. It lives in a PEM file in the clear, as TLS stacks want
// it. Issuer keys are never of this kind: see sealed_file.h.

#ifndef BIRTHMARK_LIB_KEYS_LOCAL_KEY_H_
#define BIRTHMARK_LIB_KEYS_LOCAL_KEY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/keys/signer.h"

namespace birthmark::keys {

class PrivateKey;  // private to lib/keys

// LocalKey is immutable; copies are not needed: share it by pointer.
class LocalKey : public Signer {
 public:
  // Generate makes a fresh key. `rsa_bits` (2048, 3072 or 4096) matters for
  // kRsa alone; kInvalidArgument if it is another number.
  static absl::StatusOr<std::unique_ptr<LocalKey>> Generate(
      crypto::KeyAlgorithm algorithm, int rsa_bits = 2048);

  // FromPem reads one unencrypted PKCS#8 block ("PRIVATE KEY", RFC 7468).
  // kInvalidArgument on anything else; no error repeats any of the content.
  static absl::StatusOr<std::unique_ptr<LocalKey>> FromPem(
      absl::string_view pem);

  // Load reads the PEM file at `path`. kNotFound if there is none,
  // kFailedPrecondition, with the command that repairs it, if group or others
  // may read it.
  static absl::StatusOr<std::unique_ptr<LocalKey>> Load(
      const std::string& path);

  ~LocalKey() override;

  // Save writes the key to a new file of mode 0600. kAlreadyExists if the path
  // is taken.
  absl::Status Save(const std::string& path) const;

  // Replace is Save that replaces an older key, atomically.
  absl::Status Replace(const std::string& path) const;

  // ToPem returns the private key in the clear.
  std::string ToPem() const;

  const crypto::PublicKey& public_key() const override;
  crypto::SignatureAlgorithm algorithm() const override;
  absl::StatusOr<std::string> Sign(absl::string_view message) const override;

 private:
  struct Impl;
  explicit LocalKey(std::unique_ptr<Impl> impl);
  static absl::StatusOr<std::unique_ptr<LocalKey>> Wrap(PrivateKey key);

  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::keys

#endif  // BIRTHMARK_LIB_KEYS_LOCAL_KEY_H_
