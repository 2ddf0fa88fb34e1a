#include "lib/crypto/secret.h"

#include <cstring>
#include <utility>

#include "lib/crypto/byte_casts.h"
#include "lib/crypto/key_export_token.h"
#include "openssl/mem.h"
#include "openssl/rand.h"

namespace birthmark::crypto {

SecretBytes::SecretBytes(size_t size)
    : data_(size == 0 ? nullptr : new char[size]), size_(size) {}

SecretBytes::~SecretBytes() {
  if (data_ != nullptr) {
    OPENSSL_cleanse(data_, size_);
    delete[] data_;
  }
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  // What this held goes with `old`.
  SecretBytes old(std::move(*this));
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

SecretBytes SecretBytes::Random(size_t size) {
  SecretBytes secret(size);
  RAND_bytes(reinterpret_cast<uint8_t*>(secret.data_), size);
  return secret;
}

SecretBytes SecretBytes::Take(std::string&& bytes) {
  SecretBytes secret(bytes.size());
  if (!bytes.empty()) {
    memcpy(secret.data_, bytes.data(), bytes.size());
  }
  Wipe(bytes);
  return secret;
}

bool SecretBytes::Equal(const SecretBytes& other) const {
  return ConstantTimeEqual(absl::string_view(data_, size_),
                           absl::string_view(other.data_, other.size_));
}

absl::string_view SecretBytes::Expose(const KeyExportToken&) const {
  return absl::string_view(data_, size_);
}

bool ConstantTimeEqual(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() &&
         CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void Wipe(std::string& bytes) {
  // The buffer may be larger than the text that is in it now.
  bytes.resize(bytes.capacity());
  OPENSSL_cleanse(bytes.data(), bytes.size());
  bytes.clear();
}

}  // namespace birthmark::crypto
