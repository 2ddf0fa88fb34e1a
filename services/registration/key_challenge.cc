#include "services/registration/key_challenge.h"

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/secret.h"

namespace birthmark::registration {
namespace {

// Ours are shorter.
constexpr size_t kMaxChallengeSize = 256;

crypto::Aead MakeAead(absl::string_view secret) {
  std::string key = crypto::Sha256(
      absl::StrCat("birthmark key challenge, version 1\n", secret));
  // The key has the right length, so New cannot fail.
  return *crypto::Aead::New(crypto::SecretBytes::Take(std::move(key)));
}

absl::Status Invalid() {
  return MakeError(
      absl::StatusCode::kInvalidArgument, reasons::kChallengeInvalid,
      "the challenge was not made here for this key", {{"field", "challenge"}});
}

}  // namespace

KeyChallengeCodec::KeyChallengeCodec(absl::string_view secret)
    : aead_(MakeAead(secret)) {}

std::string KeyChallengeCodec::Make(absl::string_view spki_sha256,
                                    absl::Time expire_time) const {
  std::string content;
  AppendUint64(static_cast<uint64_t>(absl::ToUnixSeconds(expire_time)),
               content);
  return absl::StrCat(kLabel, aead_.Seal(content, spki_sha256));
}

absl::Status KeyChallengeCodec::Check(absl::string_view challenge,
                                      absl::string_view spki_sha256,
                                      absl::Time now) const {
  if (challenge.size() > kMaxChallengeSize ||
      !absl::StartsWith(challenge, kLabel)) {
    return Invalid();
  }
  const absl::StatusOr<std::string> content =
      aead_.Open(challenge.substr(kLabel.size()), spki_sha256);
  if (!content.ok()) {
    return Invalid();
  }
  absl::string_view rest = *content;
  uint64_t expire_seconds = 0;
  if (!ReadUint64(rest, expire_seconds) || !rest.empty()) {
    return Invalid();
  }
  if (now >= absl::FromUnixSeconds(static_cast<int64_t>(expire_seconds))) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, reasons::kChallengeExpired,
        "the challenge has expired: get a new one", {{"field", "challenge"}});
  }
  return absl::OkStatus();
}

}  // namespace birthmark::registration
