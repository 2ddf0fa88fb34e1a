// Hashes of whole messages. Pure functions, thread-safe, cannot fail.

#ifndef BIRTHMARK_LIB_CRYPTO_HASH_H_
#define BIRTHMARK_LIB_CRYPTO_HASH_H_

#include <string>

#include "absl/strings/string_view.h"

namespace birthmark::crypto {

// Sha1 is for identifiers alone (RFC 5280 key identifiers, OCSP CertID), never
// for signatures.
std::string Sha1(absl::string_view data);
std::string Sha256(absl::string_view data);
std::string Sha384(absl::string_view data);
std::string Sha512(absl::string_view data);

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_HASH_H_
