#include "lib/crypto/signature_algorithm.h"

#include "absl/status/status.h"

namespace birthmark::crypto {
namespace {

// A string literal as bytes, with the zeros that it may hold.
template <size_t kSize>
constexpr absl::string_view Der(const char (&literal)[kSize]) {
  return absl::string_view(literal, kSize - 1);
}

struct Row {
  SignatureAlgorithm algorithm;
  KeyAlgorithm key;  // for ECDSA: kP256, which stands for both curves
  absl::string_view name;
  absl::string_view der;
};

constexpr Row kRows[] = {
    {SignatureAlgorithm::kEcdsaSha256, KeyAlgorithm::kP256, "ecdsa-with-SHA256",
     Der("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")},
    {SignatureAlgorithm::kEcdsaSha384, KeyAlgorithm::kP256, "ecdsa-with-SHA384",
     Der("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03")},
    {SignatureAlgorithm::kEcdsaSha512, KeyAlgorithm::kP256, "ecdsa-with-SHA512",
     Der("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04")},
    {SignatureAlgorithm::kEd25519, KeyAlgorithm::kEd25519, "Ed25519",
     Der("\x30\x05\x06\x03\x2b\x65\x70")},
    {SignatureAlgorithm::kRsaPkcs1Sha256, KeyAlgorithm::kRsa,
     "sha256WithRSAEncryption",
     Der("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00")},
    {SignatureAlgorithm::kRsaPkcs1Sha384, KeyAlgorithm::kRsa,
     "sha384WithRSAEncryption",
     Der("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00")},
    {SignatureAlgorithm::kRsaPkcs1Sha512, KeyAlgorithm::kRsa,
     "sha512WithRSAEncryption",
     Der("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00")},
    // RSASSA-PSS-params with hash SHA-256, MGF1 over SHA-256, salt length 32,
    // and the trailer field left out, since it has its default.
    {SignatureAlgorithm::kRsaPssSha256, KeyAlgorithm::kRsa,
     "RSASSA-PSS with SHA256",
     Der("\x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34"
         "\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00"
         "\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
         "\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00"
         "\xa2\x03\x02\x01\x20")},
};

const Row& RowOf(SignatureAlgorithm algorithm) {
  for (const Row& row : kRows) {
    if (row.algorithm == algorithm) {
      return row;
    }
  }
  return kRows[0];
}

struct KeyRow {
  KeyAlgorithm key;
  absl::string_view name;
  SignatureAlgorithm signs_with;
};

constexpr KeyRow kKeyRows[] = {
    {KeyAlgorithm::kP256, "P-256", SignatureAlgorithm::kEcdsaSha256},
    {KeyAlgorithm::kP384, "P-384", SignatureAlgorithm::kEcdsaSha384},
    {KeyAlgorithm::kEd25519, "Ed25519", SignatureAlgorithm::kEd25519},
    {KeyAlgorithm::kRsa, "RSA", SignatureAlgorithm::kRsaPkcs1Sha256},
};

const KeyRow& RowOf(KeyAlgorithm key) {
  for (const KeyRow& row : kKeyRows) {
    if (row.key == key) {
      return row;
    }
  }
  return kKeyRows[0];
}

}  // namespace

absl::string_view AlgorithmIdentifierDer(SignatureAlgorithm algorithm) {
  return RowOf(algorithm).der;
}

absl::StatusOr<SignatureAlgorithm> ParseAlgorithmIdentifier(
    absl::string_view der) {
  for (const Row& row : kRows) {
    if (row.der == der) {
      return row.algorithm;
    }
  }
  return absl::InvalidArgumentError(
      "not the DER of a supported signature algorithm");
}

absl::string_view SignatureAlgorithmName(SignatureAlgorithm algorithm) {
  return RowOf(algorithm).name;
}

absl::string_view KeyAlgorithmName(KeyAlgorithm algorithm) {
  return RowOf(algorithm).name;
}

absl::StatusOr<KeyAlgorithm> ParseKeyAlgorithmName(absl::string_view name) {
  for (const KeyRow& row : kKeyRows) {
    if (row.name == name) {
      return row.key;
    }
  }
  return absl::InvalidArgumentError(
      "a key algorithm is one of P-256, P-384, Ed25519, RSA");
}

bool Fits(SignatureAlgorithm algorithm, KeyAlgorithm key) {
  return RowOf(algorithm).key ==
         (key == KeyAlgorithm::kP384 ? KeyAlgorithm::kP256 : key);
}

SignatureAlgorithm DefaultSignatureAlgorithm(KeyAlgorithm key) {
  return RowOf(key).signs_with;
}

}  // namespace birthmark::crypto
