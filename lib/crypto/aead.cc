#include "lib/crypto/aead.h"

#include <utility>

#include "absl/status/status.h"
#include "lib/crypto/byte_casts.h"
#include "lib/crypto/key_export_token.h"
#include "openssl/aead.h"
#include "openssl/err.h"
#include "openssl/rand.h"

namespace birthmark::crypto {
namespace {

constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

KeyExportToken Token() {
  return KeyExportToken::IUnderstandThatThisExposesKeys();
}

}  // namespace

struct Aead::Impl {
  bssl::UniquePtr<EVP_AEAD_CTX> context;
};

Aead::Aead(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Aead::~Aead() = default;
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;

absl::StatusOr<Aead> Aead::New(const SecretBytes& key) {
  if (key.size() != kAeadKeyBytes) {
    return absl::InvalidArgumentError("an AES-256 key has 32 bytes");
  }
  auto impl = std::make_unique<Impl>();
  impl->context.reset(EVP_AEAD_CTX_new(EVP_aead_aes_256_gcm(),
                                       AsBytes(key.Expose(Token())), key.size(),
                                       kTagBytes));
  if (impl->context == nullptr) {
    ERR_clear_error();
    return absl::InternalError("cannot set up AES-256-GCM");
  }
  return Aead(std::move(impl));
}

std::string Aead::Seal(absl::string_view plaintext,
                       absl::string_view context) const {
  std::string sealed(kNonceBytes + plaintext.size() + kTagBytes, '\0');
  uint8_t* const nonce = AsBytes(sealed);
  RAND_bytes(nonce, kNonceBytes);
  size_t written = 0;
  // With a fresh context and exact lengths this fails only past the 64 GiB that
  // GCM can take; an all-zero result does not open.
  if (!EVP_AEAD_CTX_seal(impl_->context.get(), nonce + kNonceBytes, &written,
                         sealed.size() - kNonceBytes, nonce, kNonceBytes,
                         AsBytes(plaintext), plaintext.size(), AsBytes(context),
                         context.size())) {
    ERR_clear_error();
    return std::string();
  }
  return sealed;
}

std::string Aead::Seal(const SecretBytes& plaintext,
                       absl::string_view context) const {
  return Seal(plaintext.Expose(Token()), context);
}

absl::StatusOr<std::string> Aead::Open(absl::string_view sealed,
                                       absl::string_view context) const {
  if (sealed.size() < kNonceBytes + kTagBytes) {
    return absl::InvalidArgumentError("the sealed text is too short");
  }
  const absl::string_view nonce = sealed.substr(0, kNonceBytes);
  const absl::string_view body = sealed.substr(kNonceBytes);
  std::string plaintext(body.size(), '\0');
  size_t written = 0;
  if (!EVP_AEAD_CTX_open(impl_->context.get(), AsBytes(plaintext), &written,
                         plaintext.size(), AsBytes(nonce), nonce.size(),
                         AsBytes(body), body.size(), AsBytes(context),
                         context.size())) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        "the sealed text was altered, or belongs to another key or context");
  }
  plaintext.resize(written);
  return plaintext;
}

absl::StatusOr<SecretBytes> Aead::OpenSecret(absl::string_view sealed,
                                             absl::string_view context) const {
  absl::StatusOr<std::string> plaintext = Open(sealed, context);
  if (!plaintext.ok()) {
    return plaintext.status();
  }
  return SecretBytes::Take(*std::move(plaintext));
}

}  // namespace birthmark::crypto
