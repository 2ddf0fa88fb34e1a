// Signer is a private key as the rest of the system sees it: it signs and shows
// its public half. Implementations differ in where the key lives: FileSigner
// (sealed file), LocalKey (plain file of a client), FakeSigner (tests).

#ifndef BIRTHMARK_LIB_KEYS_SIGNER_H_
#define BIRTHMARK_LIB_KEYS_SIGNER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/crypto/public_key.h"
#include "lib/crypto/signature_algorithm.h"

namespace birthmark::keys {

// Signer implementations are thread-safe; Sign runs concurrently.
class Signer {
 public:
  virtual ~Signer() = default;

  // public_key lives as long as the signer.
  virtual const crypto::PublicKey& public_key() const = 0;

  // algorithm is the one algorithm that Sign uses. It never changes.
  virtual crypto::SignatureAlgorithm algorithm() const = 0;

  // Sign hashes and signs `message`; ECDSA signatures are DER. kUnavailable /
  // SIGNER_OFFLINE if the key cannot be reached now, kInternal if the
  // arithmetic failed.
  virtual absl::StatusOr<std::string> Sign(absl::string_view message) const = 0;
};

}  // namespace birthmark::keys

#endif  // BIRTHMARK_LIB_KEYS_SIGNER_H_
