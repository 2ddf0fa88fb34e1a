// Jws is a signed text in the compact form of JSON Web Signature (RFC 7515):
// certificates of decommission and wipe receipts are such.
#ifndef BIRTHMARK_LIB_X509_JWS_H_
#define BIRTHMARK_LIB_X509_JWS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/crypto/public_key.h"
#include "lib/crypto/signature_algorithm.h"
#include "lib/x509/certificate.h"
#include "lib/x509/chain.h"

namespace birthmark::x509 {

// JwsHeader is what a header may say besides the algorithm. What is empty is
// left out.
struct JwsHeader {
  std::string type;    // typ
  std::string key_id;  // kid
  // x5c: the signer's certificate, then its issuers (DER).
  std::vector<std::string> chain_der;
};

// JwsSigningInput returns what is to be signed by a key of `key`'s kind: ES256,
// ES384, EdDSA or RS256 (RFC 7518 3.1, RFC 8037 3.1). Members stand in byte
// order.
std::string JwsSigningInput(crypto::KeyAlgorithm key, const JwsHeader& header,
                            absl::string_view payload);

// AssembleJws appends `signature`, as a Signer with a key of `key`'s kind has
// made it over `signing_input`. kInvalidArgument / JWS_MALFORMED if it is none.
absl::StatusOr<std::string> AssembleJws(crypto::KeyAlgorithm key,
                                        absl::string_view signing_input,
                                        absl::string_view signature);

// Jws is immutable after Parse; const methods are thread-safe.
class Jws {
 public:
  static constexpr size_t kDefaultLimit = size_t{256} << 10;

  // Parse reads a JWS of at most `limit` octets: three parts in base64url
  // without padding; a header of at most 32 KiB that is a JSON object without a
  // name twice, names one of the four algorithms, and has neither `crit` nor
  // `b64`; at most eight certificates in `x5c`. Other members are not looked
  // at. Nothing is verified. kInvalidArgument / JWS_MALFORMED, metadata where.
  static absl::StatusOr<Jws> Parse(absl::string_view compact,
                                   size_t limit = kDefaultLimit);

  // Verify checks the signature with `key`, whatever the header says of keys.
  // kPermissionDenied / SIGNATURE_INVALID, also if the header's algorithm is
  // not that of the key.
  absl::Status Verify(const crypto::PublicKey& key) const;

  // VerifyWithBundle checks the signature with the first certificate of `x5c`,
  // and that its chain leads to one of `roots` (VerifyChain, at `at_time`) and
  // says that it signs documents: id-kp-documentSigning (RFC 9336), explicitly.
  // kPermissionDenied / SIGNATURE_INVALID; kUnauthenticated as VerifyChain;
  // kInvalidArgument / JWS_MALFORMED without x5c, CERTIFICATE_MALFORMED.
  absl::StatusOr<VerifiedChain> VerifyWithBundle(
      absl::Span<const Certificate> roots, absl::Time at_time) const;

  // The algorithm that the header names: the kind of key that goes with it.
  crypto::KeyAlgorithm key_algorithm() const { return key_algorithm_; }
  const JwsHeader& header() const { return header_; }
  // What was signed, not looked at.
  const std::string& payload() const { return payload_; }

 private:
  Jws() = default;

  crypto::KeyAlgorithm key_algorithm_ = crypto::KeyAlgorithm::kP256;
  JwsHeader header_;
  std::string payload_;
  std::string signing_input_;
  std::string signature_;  // as JOSE has it
};

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_JWS_H_
