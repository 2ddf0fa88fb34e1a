// OCSP responses (RFC 6960 4.2): what a responder writes.
//
//   auto responder = OcspResponder::New(options);                    // once
//   auto tbs = responder->BuildTbs(answers, now, request.nonce());
//   auto der = responder->Assemble(*tbs, *signer.Sign(*tbs));
//
// ocsp_response_parser.h reads them.
#ifndef BIRTHMARK_LIB_X509_OCSP_RESPONSE_H_
#define BIRTHMARK_LIB_X509_OCSP_RESPONSE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/crypto/signature_algorithm.h"
#include "lib/x509/certificate.h"
#include "lib/x509/extension.h"
#include "lib/x509/ocsp_cert_id.h"

namespace birthmark::x509 {

// OcspResponseStatus is OCSPResponseStatus; the values are on the wire.
enum class OcspResponseStatus {
  kSuccessful = 0,
  kMalformedRequest = 1,
  kInternalError = 2,
  kTryLater = 3,
  kSigRequired = 5,
  kUnauthorized = 6,
};

// OcspErrorDer returns the whole OCSPResponse that says `status` and nothing
// else. The view is to static memory. "" for kSuccessful.
absl::string_view OcspErrorDer(OcspResponseStatus status);

enum class OcspCertStatus { kGood, kRevoked, kUnknown };

// OcspAnswer is one SingleResponse. Times are written in whole seconds.
struct OcspAnswer {
  // Only `der` is written.
  OcspCertId cert_id;
  OcspCertStatus status = OcspCertStatus::kUnknown;
  absl::Time revocation_time;  // kRevoked only, as is the reason
  RevocationReason reason = RevocationReason::kUnspecified;  // left out if so
  absl::Time this_update;
  // Absent: newer information is always to be had.
  std::optional<absl::Time> next_update;
  // Absent: no archive cutoff (RFC 6960 4.4.4).
  std::optional<absl::Time> archive_cutoff;
};

// OcspResponder writes the responses of one responder's key. Immutable and
// thread-safe.
class OcspResponder {
 public:
  struct Options {
    // Names the responder by its key and goes with every response. The issuer
    // itself may respond too; then it is not sent along (RFC 6960 4.2.2.2).
    Certificate certificate;
    crypto::SignatureAlgorithm algorithm =
        crypto::SignatureAlgorithm::kEcdsaSha256;
    bool send_certificate = true;
  };

  // New encodes what all responses have in common. kInvalidArgument /
  // OCSP_INVALID if the algorithm does not fit the certificate's key.
  static absl::StatusOr<OcspResponder> New(const Options& options);

  // BuildTbs returns the ResponseData: what is to be signed. kInvalidArgument
  // / OCSP_INVALID, metadata field: no answers, an answer without CertID, a
  // nextUpdate before thisUpdate, removeFromCRL as reason, times outside of
  // 1950 to 9999, a nonce that does not have 1 to 128 octets.
  absl::StatusOr<std::string> BuildTbs(
      absl::Span<const OcspAnswer> answers, absl::Time produced_at,
      std::optional<absl::string_view> nonce) const;

  // Assemble returns the whole OCSPResponse, status successful.
  // kInvalidArgument / OCSP_INVALID if `tbs` or `signature` is empty.
  absl::StatusOr<std::string> Assemble(absl::string_view tbs,
                                       absl::string_view signature) const;

 private:
  OcspResponder() = default;

  std::string responder_id_;  // byKey [2], encoded
  std::string algorithm_;     // AlgorithmIdentifier
  std::string certificates_;  // certs [0], encoded; may be empty
};

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_OCSP_RESPONSE_H_
