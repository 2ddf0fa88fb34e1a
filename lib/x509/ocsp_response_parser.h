// OcspResponse reads OCSP responses (RFC 6960 4.2) in strict DER, as a client
// does that asks about certificates of this system.
#ifndef BIRTHMARK_LIB_X509_OCSP_RESPONSE_PARSER_H_
#define BIRTHMARK_LIB_X509_OCSP_RESPONSE_PARSER_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/crypto/public_key.h"
#include "lib/x509/certificate.h"
#include "lib/x509/ocsp_response.h"

namespace birthmark::x509 {

// OcspResponseFields is what OcspResponse::Parse finds. The views point into
// `der` and live as long as any copy of the response. If the status is not
// kSuccessful there is nothing else.
struct OcspResponseFields {
  std::string der;
  OcspResponseStatus status = OcspResponseStatus::kInternalError;
  absl::string_view tbs;  // ResponseData: what the signature covers
  // One of the two is set.
  absl::string_view responder_key_hash;  // SHA-1 of the key's bits
  absl::string_view responder_name_der;
  absl::Time produced_at;
  std::vector<OcspAnswer> answers;  // at least one
  std::optional<absl::string_view> nonce;
  crypto::SignatureAlgorithm signature_algorithm =
      crypto::SignatureAlgorithm::kEcdsaSha256;
  absl::string_view signature;
  std::vector<Certificate> certificates;
};

// OcspResponse is immutable, cheap to copy and thread-safe.
class OcspResponse {
 public:
  static constexpr size_t kDefaultLimit = size_t{64} << 10;

  // Parse reads one OCSPResponse; if it is successful, a BasicOCSPResponse of
  // version 1. Critical extensions that it does not know are refused. Nothing
  // is verified. kInvalidArgument / OCSP_RESPONSE_MALFORMED, metadata where.
  static absl::StatusOr<OcspResponse> Parse(absl::string_view der,
                                            size_t limit = kDefaultLimit);

  const OcspResponseFields& fields() const { return *fields_; }
  const OcspResponseFields* operator->() const { return fields_.get(); }

  // Find returns the answer about `serial` (big-endian octets) of the issuer
  // with `issuer`'s hashes, or null.
  const OcspAnswer* Find(const OcspIssuerHashes& issuer,
                         absl::string_view serial) const;

  // VerifySignatureBy checks the signature with `key`. Nothing else is looked
  // at. kUnauthenticated / OCSP_SIGNATURE_INVALID.
  absl::Status VerifySignatureBy(const crypto::PublicKey& key) const;

  // VerifyAuthorized checks that `issuer` itself signed the response, or a
  // responder that `issuer` delegated to: its certificate is among those of the
  // response, fits the responder id, was signed by `issuer`, is valid at `now`
  // and may sign OCSP responses (RFC 6960 4.2.2.2). kUnauthenticated /
  // OCSP_SIGNATURE_INVALID. Whether the answers are fresh is the caller's.
  absl::Status VerifyAuthorized(const Certificate& issuer,
                                absl::Time now) const;

 private:
  explicit OcspResponse(std::shared_ptr<const OcspResponseFields> fields)
      : fields_(std::move(fields)) {}

  std::shared_ptr<const OcspResponseFields> fields_;
};

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_OCSP_RESPONSE_PARSER_H_
