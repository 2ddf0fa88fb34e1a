#include "lib/x509/ocsp_response.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/x509/der.h"
#include "lib/x509/ocsp_internal.h"
#include "lib/x509/oid.h"
#include "lib/x509/reasons.h"

namespace birthmark::x509 {
namespace {

using internal::AddBytes;
using internal::AddElement;
using internal::AddGeneralizedTime;
using internal::ContextConstructedTag;
using internal::ContextTag;

// One answer with SHA-1 CertID and nonce: one allocation.
constexpr size_t kUsualTbsSize = 384;
constexpr size_t kUsualAnswerSize = 160;

absl::Status Invalid(absl::string_view field, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kOcspInvalid,
                   absl::StrCat("the OCSP response's ", field, " ", what),
                   {{"field", field}});
}

absl::Status CheckAnswer(const OcspAnswer& answer) {
  if (answer.cert_id.der.empty()) {
    return Invalid("cert_id", "is missing");
  }
  if (answer.next_update.has_value() &&
      *answer.next_update < answer.this_update) {
    return Invalid("next_update", "is before this_update");
  }
  // RFC 5280 5.3.1: that is for delta CRLs.
  if (answer.reason == RevocationReason::kRemoveFromCrl) {
    return Invalid("reason", "is removeFromCRL");
  }
  return absl::OkStatus();
}

// CertStatus ::= CHOICE { good [0] NULL, revoked [1] RevokedInfo,
//   unknown [2] NULL }                           -- IMPLICIT, RFC 6960 4.2.1
bool AddStatus(CBB* single, const OcspAnswer& answer) {
  switch (answer.status) {
    case OcspCertStatus::kGood:
      return AddElement(single, ContextTag(0), "");
    case OcspCertStatus::kUnknown:
      return AddElement(single, ContextTag(2), "");
    case OcspCertStatus::kRevoked:
      break;
  }
  CBB info;
  CBB outer;
  const char reason = static_cast<char>(answer.reason);
  return CBB_add_asn1(single, &info, ContextConstructedTag(1)) &&
         AddGeneralizedTime(&info, answer.revocation_time) &&
         (answer.reason == RevocationReason::kUnspecified ||
          (CBB_add_asn1(&info, &outer, ContextConstructedTag(0)) &&
           AddElement(&outer, CBS_ASN1_ENUMERATED,
                      absl::string_view(&reason, 1)))) &&
         CBB_flush(single);
}

bool AddExplicitTime(CBB* single, unsigned number, absl::Time time) {
  CBB outer;
  return CBB_add_asn1(single, &outer, ContextConstructedTag(number)) &&
         AddGeneralizedTime(&outer, time) && CBB_flush(single);
}

// singleExtensions [1] EXPLICIT Extensions: archive cutoff -- RFC 6960 4.4.4
bool AddArchiveCutoff(CBB* single, absl::Time cutoff) {
  CBB outer;
  CBB extensions;
  CBB extension;
  CBB value;
  return CBB_add_asn1(single, &outer, ContextConstructedTag(1)) &&
         CBB_add_asn1(&outer, &extensions, CBS_ASN1_SEQUENCE) &&
         CBB_add_asn1(&extensions, &extension, CBS_ASN1_SEQUENCE) &&
         AddElement(&extension, CBS_ASN1_OBJECT, oids::kOcspArchiveCutoff) &&
         CBB_add_asn1(&extension, &value, CBS_ASN1_OCTETSTRING) &&
         AddGeneralizedTime(&value, cutoff) && CBB_flush(single);
}

// SingleResponse ::= SEQUENCE { certID, certStatus, thisUpdate,
//   nextUpdate [0] EXPLICIT OPTIONAL, singleExtensions [1] EXPLICIT OPTIONAL }
bool AddAnswer(CBB* responses, const OcspAnswer& answer) {
  CBB single;
  return CBB_add_asn1(responses, &single, CBS_ASN1_SEQUENCE) &&
         AddBytes(&single, answer.cert_id.der) && AddStatus(&single, answer) &&
         AddGeneralizedTime(&single, answer.this_update) &&
         (!answer.next_update.has_value() ||
          AddExplicitTime(&single, 0, *answer.next_update)) &&
         (!answer.archive_cutoff.has_value() ||
          AddArchiveCutoff(&single, *answer.archive_cutoff)) &&
         CBB_flush(responses);
}

// ResponderID by key: [2] EXPLICIT KeyHash          -- RFC 6960 4.2.1, 4.2.2.3
std::string ResponderId(const crypto::PublicKey& key) {
  internal::Writer writer(32);
  CBB outer;
  if (!CBB_add_asn1(writer.cbb(), &outer, ContextConstructedTag(2)) ||
      !AddElement(&outer, CBS_ASN1_OCTETSTRING,
                  crypto::Sha1(key.key_bytes()))) {
    return "";
  }
  return writer.Take();
}

// certs [0] EXPLICIT SEQUENCE OF Certificate
std::string Certificates(const Certificate& certificate) {
  internal::Writer writer(certificate->der.size() + 16);
  CBB outer;
  CBB list;
  if (!CBB_add_asn1(writer.cbb(), &outer, ContextConstructedTag(0)) ||
      !CBB_add_asn1(&outer, &list, CBS_ASN1_SEQUENCE) ||
      !AddBytes(&list, certificate->der)) {
    return "";
  }
  return writer.Take();
}

}  // namespace

absl::string_view OcspErrorDer(OcspResponseStatus status) {
  switch (status) {
    case OcspResponseStatus::kSuccessful:
      return "";
    case OcspResponseStatus::kMalformedRequest:
      return "\x30\x03\x0a\x01\x01";
    case OcspResponseStatus::kInternalError:
      return "\x30\x03\x0a\x01\x02";
    case OcspResponseStatus::kTryLater:
      return "\x30\x03\x0a\x01\x03";
    case OcspResponseStatus::kSigRequired:
      return "\x30\x03\x0a\x01\x05";
    case OcspResponseStatus::kUnauthorized:
      return "\x30\x03\x0a\x01\x06";
  }
  return "";
}

absl::StatusOr<OcspResponder> OcspResponder::New(const Options& options) {
  const crypto::PublicKey& key = options.certificate.public_key();
  if (!crypto::Fits(options.algorithm, key.algorithm())) {
    return Invalid("algorithm", "does not fit the responder's key");
  }
  OcspResponder responder;
  responder.algorithm_ =
      std::string(crypto::AlgorithmIdentifierDer(options.algorithm));
  responder.responder_id_ = ResponderId(key);
  if (options.send_certificate) {
    responder.certificates_ = Certificates(options.certificate);
  }
  return responder;
}

// ResponseData ::= SEQUENCE { version [0] DEFAULT v1, responderID, producedAt,
//   responses SEQUENCE OF SingleResponse,
//   responseExtensions [1] EXPLICIT OPTIONAL }               -- RFC 6960 4.2.1
absl::StatusOr<std::string> OcspResponder::BuildTbs(
    absl::Span<const OcspAnswer> answers, absl::Time produced_at,
    std::optional<absl::string_view> nonce) const {
  if (answers.empty()) {
    return Invalid("answers", "are missing");
  }
  if (nonce.has_value() && !internal::IsNonceSize(nonce->size())) {
    return Invalid("nonce", "does not have 1 to 128 octets");
  }
  internal::Writer writer(kUsualTbsSize +
                          (answers.size() - 1) * kUsualAnswerSize);
  CBB tbs;
  CBB responses;
  if (!CBB_add_asn1(writer.cbb(), &tbs, CBS_ASN1_SEQUENCE) ||
      !AddBytes(&tbs, responder_id_) ||
      !AddGeneralizedTime(&tbs, produced_at) ||
      !CBB_add_asn1(&tbs, &responses, CBS_ASN1_SEQUENCE)) {
    return Invalid("produced_at", "is outside of 1950 to 9999");
  }
  for (const OcspAnswer& answer : answers) {
    BIRTHMARK_RETURN_IF_ERROR(CheckAnswer(answer));
    if (!AddAnswer(&responses, answer)) {
      return Invalid("answers", "have a time outside of 1950 to 9999");
    }
  }
  if (nonce.has_value()) {
    CBB outer;
    CBB extensions;
    if (!CBB_add_asn1(&tbs, &outer, ContextConstructedTag(1)) ||
        !CBB_add_asn1(&outer, &extensions, CBS_ASN1_SEQUENCE) ||
        !internal::AddNonce(&extensions, *nonce) || !CBB_flush(&tbs)) {
      return Invalid("nonce", "cannot be encoded");
    }
  }
  // `responses` must be closed before it goes out of scope.
  if (!CBB_flush(writer.cbb())) {
    return Invalid("fields", "cannot be encoded");
  }
  return writer.Take();
}

// OCSPResponse ::= SEQUENCE { responseStatus, responseBytes [0] EXPLICIT
//   SEQUENCE { responseType OID, response OCTET STRING of
//     BasicOCSPResponse ::= SEQUENCE { tbsResponseData, signatureAlgorithm,
//       signature BIT STRING, certs [0] EXPLICIT OPTIONAL } } }
absl::StatusOr<std::string> OcspResponder::Assemble(
    absl::string_view tbs, absl::string_view signature) const {
  if (tbs.empty() || signature.empty()) {
    return Invalid("signature", "or to-be-signed part is missing");
  }
  internal::Writer writer(tbs.size() + signature.size() + certificates_.size() +
                          96);
  const char successful = 0;
  CBB response;
  CBB outer;
  CBB bytes;
  CBB octets;
  CBB basic;
  if (!CBB_add_asn1(writer.cbb(), &response, CBS_ASN1_SEQUENCE) ||
      !AddElement(&response, CBS_ASN1_ENUMERATED,
                  absl::string_view(&successful, 1)) ||
      !CBB_add_asn1(&response, &outer, ContextConstructedTag(0)) ||
      !CBB_add_asn1(&outer, &bytes, CBS_ASN1_SEQUENCE) ||
      !AddElement(&bytes, CBS_ASN1_OBJECT, oids::kOcspBasic) ||
      !CBB_add_asn1(&bytes, &octets, CBS_ASN1_OCTETSTRING) ||
      !CBB_add_asn1(&octets, &basic, CBS_ASN1_SEQUENCE) ||
      !AddBytes(&basic, tbs) || !AddBytes(&basic, algorithm_) ||
      !internal::AddBitString(&basic, signature) ||
      !AddBytes(&basic, certificates_) || !CBB_flush(writer.cbb())) {
    return Invalid("fields", "cannot be encoded");
  }
  return writer.Take();
}

}  // namespace birthmark::x509
