// PublicKey is a public key that is known to be well formed: strict DER, a
// supported algorithm, a valid point. Whether it is also strong is for
// key_hygiene.h to say.
//
// Cheap to copy (copies share one immutable state); thread-safe.

#ifndef BIRTHMARK_LIB_CRYPTO_PUBLIC_KEY_H_
#define BIRTHMARK_LIB_CRYPTO_PUBLIC_KEY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/crypto/signature_algorithm.h"

namespace birthmark::crypto {

// kMaxSpkiBytes bounds an SPKI before any of it is parsed. An RSA key of 8192
// bits fits; what may be certified is less (key_hygiene.h).
inline constexpr size_t kMaxSpkiBytes = 1100;

class PublicKey {
 public:
  // Parse reads one SubjectPublicKeyInfo:
  //   SubjectPublicKeyInfo ::= SEQUENCE {                     -- RFC 5280, 4.1
  //     algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }
  // The bytes must be the one DER encoding of the key, with nothing after them.
  //   EC       RFC 5480: id-ecPublicKey with a named curve, P-256 or P-384; the
  //            point uncompressed, on the curve, not at infinity.
  //   Ed25519  RFC 8410: parameters absent; the point canonical, on the curve,
  //            and not of small order.
  //   RSA      RFC 3279: parameters NULL; modulus 512 to 8192 bits, exponent
  //            at most 33 bits. Even numbers pass; they verify nothing.
  // kInvalidArgument / KEY_MALFORMED, metadata rule says what is wrong;
  // kFailedPrecondition / KEY_TYPE_NOT_ALLOWED for any other algorithm, curve
  // or size.
  static absl::StatusOr<PublicKey> Parse(absl::string_view spki_der);

  KeyAlgorithm algorithm() const;

  // bits is the size of the curve's field or of the RSA modulus.
  int bits() const;

  // spki_der is what Parse was given. The view lives as long as any copy.
  absl::string_view spki_der() const;

  // key_bytes is the content of the subjectPublicKey BIT STRING, of which RFC
  // 5280 key identifiers are the SHA-1.
  absl::string_view key_bytes() const;

  // Id is the lower-case hex SHA-256 of the SPKI.
  std::string Id() const;

  // Verify tells whether `signature` over `message` was made with this key and
  // `algorithm`. False too if the algorithm does not fit the key, or the
  // signature is not the one DER form of an ECDSA-Sig-Value.
  [[nodiscard]] bool Verify(SignatureAlgorithm algorithm,
                            absl::string_view message,
                            absl::string_view signature) const;

  // Equal keys have equal SPKI.
  friend bool operator==(const PublicKey& a, const PublicKey& b) {
    return a.spki_der() == b.spki_der();
  }

  // Impl is private to lib/crypto: public_key_impl.h.
  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit PublicKey(std::shared_ptr<const Impl> impl);

  std::shared_ptr<const Impl> impl_;
};

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_PUBLIC_KEY_H_
