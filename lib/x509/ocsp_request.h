// OcspRequest reads OCSP requests (RFC 6960 4.1, RFC 5019 2.1, RFC 9654) in
// strict DER, and builds those of a client.
#ifndef BIRTHMARK_LIB_X509_OCSP_REQUEST_H_
#define BIRTHMARK_LIB_X509_OCSP_REQUEST_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/x509/ocsp_cert_id.h"

namespace birthmark::x509 {

struct OcspRequestLimits {
  size_t max_size = size_t{16} << 10;
  size_t max_requests = 16;
};

// OcspRequest is a value whose views point into the bytes that Parse was
// given: they must outlive it. One certificate's request is parsed without an
// allocation. Thread-safe once made.
class OcspRequest {
 public:
  // Parse reads one OCSPRequest, version 1. A signature and the requestor's
  // name are skipped and not verified; so are extensions that are not critical.
  //   kInvalidArgument  OCSP_REQUEST_MALFORMED, metadata where; also for a
  //                     critical extension that is not the nonce
  //                     OCSP_NONCE_INVALID: empty, or above 128 octets
  //                     OCSP_REQUEST_TOO_LARGE, metadata limit
  // To each of them the answer is malformedRequest (RFC 6960 2.3, RFC 9654 2).
  static absl::StatusOr<OcspRequest> Parse(
      absl::string_view der,
      const OcspRequestLimits& limits = OcspRequestLimits());

  // At least one, in the order of the request.
  absl::Span<const OcspCertId> cert_ids() const { return cert_ids_; }
  // The nonce's octets, which the response repeats.
  std::optional<absl::string_view> nonce() const { return nonce_; }

 private:
  OcspRequest() = default;

  absl::InlinedVector<OcspCertId, 1> cert_ids_;
  std::optional<absl::string_view> nonce_;
};

// BuildOcspRequest returns an unsigned OCSPRequest for CertIDs of
// OcspIssuerHashes::CertIdDer. kInvalidArgument / OCSP_INVALID, metadata
// field, if there are none or the nonce does not have 1 to 128 octets.
absl::StatusOr<std::string> BuildOcspRequest(
    absl::Span<const std::string> cert_ids,
    std::optional<absl::string_view> nonce);

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_OCSP_REQUEST_H_
