#include "lib/keys/sealed_file.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/ids.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/aead.h"
#include "lib/crypto/key_export_token.h"
#include "lib/keys/private_key.h"

namespace birthmark::keys {
namespace {

constexpr absl::string_view kMagic = "BMSEALED";
constexpr uint32_t kVersion = 1;
constexpr size_t kFileLimit = 16384;

void AppendField(absl::string_view field, std::string& out) {
  AppendUint32(static_cast<uint32_t>(field.size()), out);
  absl::StrAppend(&out, field);
}

bool ReadField(absl::string_view& in, absl::string_view& field) {
  uint32_t size = 0;
  if (!ReadUint32(in, size) || in.size() < size) {
    return false;
  }
  field = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

// The parts of a sealed file. Views into the file's bytes.
struct Parts {
  absl::string_view header;  // all that is authenticated in the clear
  absl::string_view name;
  absl::string_view spki;
  absl::string_view sealed;
};

absl::StatusOr<Parts> Split(absl::string_view file) {
  Parts parts;
  absl::string_view rest = file;
  uint32_t version = 0;
  if (!absl::ConsumePrefix(&rest, kMagic) || !ReadUint32(rest, version)) {
    return absl::InvalidArgumentError("it is not a sealed key file");
  }
  if (version != kVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("it has version ", version, ", not ", kVersion));
  }
  if (!ReadField(rest, parts.name) || !ReadField(rest, parts.spki)) {
    return absl::InvalidArgumentError("it is cut short");
  }
  parts.sealed = rest;
  parts.header = file.substr(0, file.size() - rest.size());
  return parts;
}

absl::StatusOr<std::string> SealKey(const PrivateKey& key,
                                    absl::string_view name,
                                    const crypto::SecretBytes& kek) {
  BIRTHMARK_ASSIGN_OR_RETURN(const crypto::Aead aead, crypto::Aead::New(kek));
  BIRTHMARK_ASSIGN_OR_RETURN(const crypto::SecretBytes der, key.ToPkcs8());
  std::string file(kMagic);
  AppendUint32(kVersion, file);
  AppendField(name, file);
  AppendField(key.public_key().spki_der(), file);
  const std::string sealed = aead.Seal(der, file);
  return file + sealed;
}

absl::StatusOr<PrivateKey> UnsealKey(absl::string_view file,
                                     absl::string_view name,
                                     const crypto::SecretBytes& kek) {
  BIRTHMARK_ASSIGN_OR_RETURN(const crypto::Aead aead, crypto::Aead::New(kek));
  BIRTHMARK_ASSIGN_OR_RETURN(const Parts parts, Split(file));
  if (parts.name != name) {
    return absl::FailedPreconditionError(
        absl::StrCat("it was sealed for another name than ", name));
  }
  const absl::StatusOr<crypto::SecretBytes> der =
      aead.OpenSecret(parts.sealed, parts.header);
  if (!der.ok()) {
    return absl::FailedPreconditionError(
        "it was altered, or sealed under another key-encryption key");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      PrivateKey key,
      PrivateKey::FromPkcs8(der->Expose(
          crypto::KeyExportToken::IUnderstandThatThisExposesKeys())));
  if (key.public_key().spki_der() != parts.spki) {
    return absl::InvalidArgumentError("its two halves do not belong together");
  }
  return key;
}

absl::StatusOr<PrivateKey> LoadSealedKey(const std::string& path,
                                         absl::string_view name,
                                         const crypto::SecretBytes& kek) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string file,
                             ReadPrivateFile(path, kFileLimit));
  absl::StatusOr<PrivateKey> key = UnsealKey(file, name, kek);
  if (!key.ok()) {
    return absl::Status(
        key.status().code(),
        absl::StrCat("cannot open ", path, ": ", key.status().message()));
  }
  return key;
}

}  // namespace

absl::Status CreateSealedKey(const std::string& path, absl::string_view name,
                             crypto::KeyAlgorithm algorithm,
                             const crypto::SecretBytes& kek) {
  if (!IsResourceId(name)) {
    return absl::InvalidArgumentError(
        "the name of a sealed key is 1 to 63 of a-z, 0-9 and -");
  }
  if (algorithm != crypto::KeyAlgorithm::kP256 &&
      algorithm != crypto::KeyAlgorithm::kP384) {
    return absl::InvalidArgumentError("issuers sign with P-256 or P-384");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const PrivateKey key,
                             PrivateKey::Generate(algorithm, 0));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string file, SealKey(key, name, kek));
  return WriteNewFile(path, file, 0600);
}

absl::Status ResealKey(const std::string& path, absl::string_view name,
                       const crypto::SecretBytes& old_kek,
                       const crypto::SecretBytes& new_kek) {
  BIRTHMARK_ASSIGN_OR_RETURN(const PrivateKey key,
                             LoadSealedKey(path, name, old_kek));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string file,
                             SealKey(key, name, new_kek));
  return WriteFileAtomically(path, file, 0600);
}

struct FileSigner::Impl {
  PrivateKey key;
};

FileSigner::FileSigner(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileSigner::~FileSigner() = default;

absl::StatusOr<std::unique_ptr<FileSigner>> FileSigner::Open(
    const std::string& path, absl::string_view name,
    const crypto::SecretBytes& kek) {
  BIRTHMARK_ASSIGN_OR_RETURN(PrivateKey key, LoadSealedKey(path, name, kek));
  return std::unique_ptr<FileSigner>(
      new FileSigner(std::unique_ptr<Impl>(new Impl{std::move(key)})));
}

const crypto::PublicKey& FileSigner::public_key() const {
  return impl_->key.public_key();
}

crypto::SignatureAlgorithm FileSigner::algorithm() const {
  return impl_->key.algorithm();
}

absl::StatusOr<std::string> FileSigner::Sign(absl::string_view message) const {
  return impl_->key.Sign(message);
}

}  // namespace birthmark::keys
