// VerifyJob is one signature that is to be verified.

#ifndef BIRTHMARK_LIB_CRYPTO_VERIFY_JOB_H_
#define BIRTHMARK_LIB_CRYPTO_VERIFY_JOB_H_

#include "absl/strings/string_view.h"
#include "lib/crypto/public_key.h"
#include "lib/crypto/signature_algorithm.h"

namespace birthmark::crypto {

// VerifyJob owns nothing: what it points to must outlive it. Its meaning is
// that of key->Verify(algorithm, message, signature).
struct VerifyJob {
  const PublicKey* key;
  SignatureAlgorithm algorithm;
  absl::string_view message;
  absl::string_view signature;
};

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_VERIFY_JOB_H_
