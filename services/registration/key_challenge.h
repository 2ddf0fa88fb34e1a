// KeyChallengeCodec makes what is to be signed to prove the possession of a
// key, and knows it again without having kept it.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_KEY_CHALLENGE_H_
#define BIRTHMARK_SERVICES_REGISTRATION_KEY_CHALLENGE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/crypto/aead.h"

namespace birthmark::registration {

// KeyChallengeCodec is immutable and thread-safe. A challenge is a fixed line
// of text, so that a signature over it cannot be taken for one over anything
// else, then its end, encrypted and bound to the key. It is no secret and may
// be answered more than once.
class KeyChallengeCodec {
 public:
  static constexpr absl::string_view kLabel =
      "birthmark: this key is compromised, version 1\n";
  static constexpr absl::Duration kLifetime = absl::Minutes(10);

  // The key is derived from `secret`, as that of rpc::PageTokenCodec: all
  // replicas must share it.
  explicit KeyChallengeCodec(absl::string_view secret);

  // Make returns a challenge for the key, to be answered until `expire_time`.
  std::string Make(absl::string_view spki_sha256, absl::Time expire_time) const;

  // Check returns OK if the challenge is for the key and not over at `now`.
  // kInvalidArgument / CHALLENGE_INVALID, CHALLENGE_EXPIRED.
  absl::Status Check(absl::string_view challenge, absl::string_view spki_sha256,
                     absl::Time now) const;

 private:
  crypto::Aead aead_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_KEY_CHALLENGE_H_
