// SignatureAlgorithm names the signature algorithms that this system knows, and
// maps them to the one DER form of AlgorithmIdentifier (RFC 5280, 4.1.1.2) that
// each may have. Pure functions.

#ifndef BIRTHMARK_LIB_CRYPTO_SIGNATURE_ALGORITHM_H_
#define BIRTHMARK_LIB_CRYPTO_SIGNATURE_ALGORITHM_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark::crypto {

// SHA-1 and MD5 are missing on purpose.
enum class SignatureAlgorithm {
  kEcdsaSha256,     // RFC 5758, parameters absent
  kEcdsaSha384,     // RFC 5758, parameters absent
  kEcdsaSha512,     // RFC 5758, parameters absent
  kEd25519,         // RFC 8410, parameters absent
  kRsaPkcs1Sha256,  // RFC 4055, parameters NULL
  kRsaPkcs1Sha384,  // RFC 4055, parameters NULL
  kRsaPkcs1Sha512,  // RFC 4055, parameters NULL
  kRsaPssSha256,    // RFC 4055, MGF1 with SHA-256, salt of 32 octets
};

// KeyAlgorithm names the kinds of public key that this system knows.
enum class KeyAlgorithm { kP256, kP384, kEd25519, kRsa };

// AlgorithmIdentifierDer returns the whole AlgorithmIdentifier SEQUENCE. The
// view is to static memory.
absl::string_view AlgorithmIdentifierDer(SignatureAlgorithm algorithm);

// ParseAlgorithmIdentifier is the inverse; it knows the exact bytes only.
// kInvalidArgument on anything else.
absl::StatusOr<SignatureAlgorithm> ParseAlgorithmIdentifier(
    absl::string_view der);

// SignatureAlgorithmName returns a name for people: "ecdsa-with-SHA256".
absl::string_view SignatureAlgorithmName(SignatureAlgorithm algorithm);

// KeyAlgorithmName returns "P-256", "P-384", "Ed25519" or "RSA".
absl::string_view KeyAlgorithmName(KeyAlgorithm algorithm);

// ParseKeyAlgorithmName is the inverse. kInvalidArgument on anything else.
absl::StatusOr<KeyAlgorithm> ParseKeyAlgorithmName(absl::string_view name);

// Fits tells whether keys of `key` make signatures of `algorithm`.
bool Fits(SignatureAlgorithm algorithm, KeyAlgorithm key);

// DefaultSignatureAlgorithm is what a key of `key` signs with here: the hash of
// the key's own strength, PKCS#1 v1.5 with SHA-256 for RSA.
SignatureAlgorithm DefaultSignatureAlgorithm(KeyAlgorithm key);

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_SIGNATURE_ALGORITHM_H_
