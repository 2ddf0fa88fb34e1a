#include "lib/keys/fake_signer.h"

#include <utility>

namespace birthmark::keys {

// value() ends the process where there is none.
FakeSigner::FakeSigner(crypto::KeyAlgorithm algorithm)
    : key_(LocalKey::Generate(algorithm).value()) {}

void FakeSigner::FailNext(absl::Status status) {
  std::lock_guard<std::mutex> lock(mutex_);
  fail_next_ = std::move(status);
}

int FakeSigner::sign_count() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return sign_count_;
}

const crypto::PublicKey& FakeSigner::public_key() const {
  return key_->public_key();
}

crypto::SignatureAlgorithm FakeSigner::algorithm() const {
  return key_->algorithm();
}

absl::StatusOr<std::string> FakeSigner::Sign(absl::string_view message) const {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!fail_next_.ok()) {
      return std::exchange(fail_next_, absl::OkStatus());
    }
    ++sign_count_;
  }
  return key_->Sign(message);
}

}  // namespace birthmark::keys
