#include "lib/keys/kek.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/aead.h"
#include "lib/crypto/key_export_token.h"

namespace birthmark::keys {
namespace {

constexpr size_t kKekFileLimit = 2 * crypto::kAeadKeyBytes + 1;

}  // namespace

absl::Status CreateKek(const std::string& path) {
  const crypto::SecretBytes kek =
      crypto::SecretBytes::Random(crypto::kAeadKeyBytes);
  std::string text = HexEncode(
      kek.Expose(crypto::KeyExportToken::IUnderstandThatThisExposesKeys()));
  text.push_back('\n');
  absl::Status status = WriteNewFile(path, text, 0600);
  crypto::Wipe(text);
  return status;
}

absl::StatusOr<crypto::SecretBytes> LoadKek(const std::string& path) {
  const absl::Status not_a_key = absl::InvalidArgumentError(
      absl::StrCat(path, " is not a key-encryption key: 64 lower-case ",
                   "hexadecimal digits are expected"));
  absl::StatusOr<std::string> text = ReadPrivateFile(path, kKekFileLimit);
  if (absl::IsOutOfRange(text.status())) {
    return not_a_key;
  }
  BIRTHMARK_RETURN_IF_ERROR(text.status());
  absl::StatusOr<std::string> bytes = HexDecode(absl::StripSuffix(*text, "\n"));
  crypto::Wipe(*text);
  if (!bytes.ok()) {
    return not_a_key;
  }
  crypto::SecretBytes kek = crypto::SecretBytes::Take(*std::move(bytes));
  if (kek.size() != crypto::kAeadKeyBytes) {
    return not_a_key;
  }
  return kek;
}

}  // namespace birthmark::keys
