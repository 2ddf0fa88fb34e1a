// FakeSigner is a Signer for tests: a real key in memory, and failures on
// demand. Thread-safe.

#ifndef BIRTHMARK_LIB_KEYS_FAKE_SIGNER_H_
#define BIRTHMARK_LIB_KEYS_FAKE_SIGNER_H_

#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/keys/local_key.h"
#include "lib/keys/signer.h"

namespace birthmark::keys {

class FakeSigner : public Signer {
 public:
  // Generates a fresh key; a test that cannot have one ends itself.
  explicit FakeSigner(
      crypto::KeyAlgorithm algorithm = crypto::KeyAlgorithm::kP256);

  // FailNext makes the next Sign, and only that one, return `status`.
  void FailNext(absl::Status status);

  // sign_count is how often Sign has made a signature.
  int sign_count() const;

  const crypto::PublicKey& public_key() const override;
  crypto::SignatureAlgorithm algorithm() const override;
  absl::StatusOr<std::string> Sign(absl::string_view message) const override;

 private:
  std::unique_ptr<LocalKey> key_;
  mutable std::mutex mutex_;
  mutable absl::Status fail_next_;  // under mutex_
  mutable int sign_count_ = 0;      // under mutex_
};

}  // namespace birthmark::keys

#endif  // BIRTHMARK_LIB_KEYS_FAKE_SIGNER_H_
