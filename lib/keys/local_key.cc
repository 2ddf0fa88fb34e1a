#include "lib/keys/local_key.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/key_export_token.h"
#include "lib/keys/private_key.h"

namespace birthmark::keys {
namespace {

constexpr absl::string_view kBegin = "-----BEGIN PRIVATE KEY-----\n";
constexpr absl::string_view kEnd = "-----END PRIVATE KEY-----";
constexpr size_t kPemLine = 64;
constexpr size_t kPemLimit = 16384;  // an RSA key of 4096 bits takes 3300

// Reads the one block, and gives the base64 in it without line ends.
absl::StatusOr<std::string> Base64Of(absl::string_view pem) {
  pem = absl::StripAsciiWhitespace(pem);
  std::string text;
  for (const char c : pem) {
    if (c != '\r') {
      text.push_back(c);
    }
  }
  absl::string_view body = text;
  if (!absl::ConsumePrefix(&body, kBegin) ||
      !absl::ConsumeSuffix(&body, kEnd)) {
    crypto::Wipe(text);
    return absl::InvalidArgumentError(
        "expected one unencrypted PKCS#8 key, that is a PEM block named "
        "PRIVATE KEY; other forms are converted by: "
        "openssl pkcs8 -topk8 -nocrypt");
  }
  std::string base64;
  base64.reserve(body.size());
  for (const char c : body) {
    if (c != '\n') {
      base64.push_back(c);
    }
  }
  crypto::Wipe(text);
  return base64;
}

}  // namespace

struct LocalKey::Impl {
  PrivateKey key;
  std::string pem;

  ~Impl() { crypto::Wipe(pem); }
};

LocalKey::LocalKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LocalKey::~LocalKey() = default;

namespace {

absl::StatusOr<std::string> EncodePem(const PrivateKey& key) {
  BIRTHMARK_ASSIGN_OR_RETURN(const crypto::SecretBytes der, key.ToPkcs8());
  std::string base64 = Base64Encode(
      der.Expose(crypto::KeyExportToken::IUnderstandThatThisExposesKeys()));
  std::string pem(kBegin);
  pem.reserve(kBegin.size() + base64.size() + base64.size() / kPemLine +
              kEnd.size() + 3);
  for (size_t i = 0; i < base64.size(); i += kPemLine) {
    absl::StrAppend(&pem, absl::string_view(base64).substr(i, kPemLine), "\n");
  }
  absl::StrAppend(&pem, kEnd, "\n");
  crypto::Wipe(base64);
  return pem;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalKey>> LocalKey::Wrap(PrivateKey key) {
  BIRTHMARK_ASSIGN_OR_RETURN(std::string pem, EncodePem(key));
  return std::unique_ptr<LocalKey>(new LocalKey(
      std::unique_ptr<Impl>(new Impl{std::move(key), std::move(pem)})));
}

absl::StatusOr<std::unique_ptr<LocalKey>> LocalKey::Generate(
    crypto::KeyAlgorithm algorithm, int rsa_bits) {
  BIRTHMARK_ASSIGN_OR_RETURN(PrivateKey key,
                             PrivateKey::Generate(algorithm, rsa_bits));
  return Wrap(std::move(key));
}

absl::StatusOr<std::unique_ptr<LocalKey>> LocalKey::FromPem(
    absl::string_view pem) {
  if (pem.size() > kPemLimit) {
    return absl::InvalidArgumentError("the PEM text is too long for a key");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(std::string base64, Base64Of(pem));
  absl::StatusOr<std::string> der = Base64Decode(base64);
  crypto::Wipe(base64);
  BIRTHMARK_RETURN_IF_ERROR(der.status());
  absl::StatusOr<PrivateKey> key = PrivateKey::FromPkcs8(*der);
  crypto::Wipe(*der);
  BIRTHMARK_RETURN_IF_ERROR(key.status());
  return Wrap(*std::move(key));
}

absl::StatusOr<std::unique_ptr<LocalKey>> LocalKey::Load(
    const std::string& path) {
  BIRTHMARK_ASSIGN_OR_RETURN(std::string pem, ReadPrivateFile(path, kPemLimit));
  absl::StatusOr<std::unique_ptr<LocalKey>> key = FromPem(pem);
  crypto::Wipe(pem);
  if (!key.ok()) {
    return absl::Status(key.status().code(),
                        absl::StrCat(path, ": ", key.status().message()));
  }
  return key;
}

absl::Status LocalKey::Save(const std::string& path) const {
  return WriteNewFile(path, impl_->pem, 0600);
}

absl::Status LocalKey::Replace(const std::string& path) const {
  return WriteFileAtomically(path, impl_->pem, 0600);
}

std::string LocalKey::ToPem() const { return impl_->pem; }

const crypto::PublicKey& LocalKey::public_key() const {
  return impl_->key.public_key();
}

crypto::SignatureAlgorithm LocalKey::algorithm() const {
  return impl_->key.algorithm();
}

absl::StatusOr<std::string> LocalKey::Sign(absl::string_view message) const {
  return impl_->key.Sign(message);
}

}  // namespace birthmark::keys
