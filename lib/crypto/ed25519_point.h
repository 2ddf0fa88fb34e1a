// Ed25519PointFault finds what RFC 8032 decoding refuses and what makes
// signatures meaningless.

#ifndef BIRTHMARK_LIB_CRYPTO_ED25519_POINT_H_
#define BIRTHMARK_LIB_CRYPTO_ED25519_POINT_H_

#include "absl/strings/string_view.h"

namespace birthmark::crypto {

// Ed25519PointFault returns "" for a 32-byte public key that is the canonical
// encoding (RFC 8032, 5.1.3) of a curve point whose order is not 1, 2, 4 or 8;
// else which of these it is not: "ed25519_not_canonical",
// "ed25519_not_on_curve", "ed25519_small_order". A point that is the sum of a
// good one and a small one passes: its signatures still need its private key.
absl::string_view Ed25519PointFault(absl::string_view point);

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_ED25519_POINT_H_
