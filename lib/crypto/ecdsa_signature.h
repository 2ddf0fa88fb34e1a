// The two forms of an ECDSA signature: DER, as X.509, TLS and Signer have it,
// and r and s one after the other, as JOSE has it (RFC 7518 3.4). Pure
// functions.

#ifndef BIRTHMARK_LIB_CRYPTO_ECDSA_SIGNATURE_H_
#define BIRTHMARK_LIB_CRYPTO_ECDSA_SIGNATURE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark::crypto {

// EcdsaDerToRaw writes each number of the ECDSA-Sig-Value `der` as `size`
// octets: 32 for P-256, 48 for P-384. kInvalidArgument if it is not one in DER,
// or too large.
absl::StatusOr<std::string> EcdsaDerToRaw(absl::string_view der, size_t size);

// EcdsaRawToDer is the inverse. kInvalidArgument unless `raw` has an even,
// positive number of octets, at most 132.
absl::StatusOr<std::string> EcdsaRawToDer(absl::string_view raw);

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_ECDSA_SIGNATURE_H_
