// Reasons that only lib/x509 gives; the shared ones are in lib/base/reasons.h.
// A reason is never reused or renamed. docs/errors.md lists them all.
#ifndef BIRTHMARK_LIB_X509_REASONS_H_
#define BIRTHMARK_LIB_X509_REASONS_H_

#include "absl/strings/string_view.h"

namespace birthmark::reasons {

// INVALID_ARGUMENT.

// The text is not the PEM that was asked for.
inline constexpr absl::string_view kPemMalformed = "PEM_MALFORMED";
// Not an object identifier.
inline constexpr absl::string_view kOidMalformed = "OID_MALFORMED";
// Not a DER Name with values of their string types.
inline constexpr absl::string_view kNameMalformed = "NAME_MALFORMED";
// A name cannot be written: empty, too long or foreign characters. Metadata:
// attribute.
inline constexpr absl::string_view kNameInvalid = "NAME_INVALID";
// Not a DER GeneralNames of the kinds that are supported.
inline constexpr absl::string_view kSanMalformed = "SAN_MALFORMED";
// A subjectAltName cannot be written. Metadata: field.
inline constexpr absl::string_view kSanInvalid = "SAN_INVALID";
// Not a HardwareModuleName of RFC 4108.
inline constexpr absl::string_view kHwModuleNameMalformed =
    "HW_MODULE_NAME_MALFORMED";
// Not 32 lower-case hex digits.
inline constexpr absl::string_view kSerialMalformed = "SERIAL_MALFORMED";
// Not a SPIFFE ID of a kind that this system issues.
inline constexpr absl::string_view kSpiffeIdInvalid = "SPIFFE_ID_INVALID";
// Not a strict DER X.509 v3 certificate. Metadata: where.
inline constexpr absl::string_view kCertificateMalformed =
    "CERTIFICATE_MALFORMED";
// A certificate cannot be written. Metadata: field.
inline constexpr absl::string_view kCertificateTemplateInvalid =
    "CERTIFICATE_TEMPLATE_INVALID";
// Not a strict DER X.509 v2 CRL. Metadata: where.
inline constexpr absl::string_view kCrlMalformed = "CRL_MALFORMED";
// A CRL cannot be written. Metadata: field.
inline constexpr absl::string_view kCrlInvalid = "CRL_INVALID";
// Not a strict DER OCSP request. Metadata: where.
inline constexpr absl::string_view kOcspRequestMalformed =
    "OCSP_REQUEST_MALFORMED";
// The nonce of an OCSP request does not have 1 to 128 octets.
inline constexpr absl::string_view kOcspNonceInvalid = "OCSP_NONCE_INVALID";
// An OCSP request is too long or asks about too many. Metadata: limit.
inline constexpr absl::string_view kOcspRequestTooLarge =
    "OCSP_REQUEST_TOO_LARGE";
// Not a strict DER OCSP response. Metadata: where.
inline constexpr absl::string_view kOcspResponseMalformed =
    "OCSP_RESPONSE_MALFORMED";
// An OCSP request or response cannot be written. Metadata: field.
inline constexpr absl::string_view kOcspInvalid = "OCSP_INVALID";
// Not a JWS in compact form of an algorithm that is known here. Metadata:
// where.
inline constexpr absl::string_view kJwsMalformed = "JWS_MALFORMED";

// UNAUTHENTICATED.

// The certificate is good, but not for this use. Metadata: serial, usage.
inline constexpr absl::string_view kCertificateUsage = "CERTIFICATE_USAGE";
// The CRL was not signed by this issuer.
inline constexpr absl::string_view kCrlSignatureInvalid =
    "CRL_SIGNATURE_INVALID";
// The OCSP response was not signed by anyone who may speak for this issuer.
inline constexpr absl::string_view kOcspSignatureInvalid =
    "OCSP_SIGNATURE_INVALID";

}  // namespace birthmark::reasons

#endif  // BIRTHMARK_LIB_X509_REASONS_H_
