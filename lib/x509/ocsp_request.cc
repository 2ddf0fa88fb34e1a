#include "lib/x509/ocsp_request.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"
#include "lib/x509/der.h"
#include "lib/x509/ocsp_internal.h"
#include "lib/x509/oid.h"
#include "lib/x509/reasons.h"

namespace birthmark::x509 {
namespace {

constexpr size_t kMaxExtensions = 8;

absl::Status Malformed(absl::string_view where) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, reasons::kOcspRequestMalformed,
      absl::StrCat("the OCSP request's ", where, " is not as RFC 6960 says"),
      {{"where", where}});
}

absl::Status TooLarge(absl::string_view what, size_t limit) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, reasons::kOcspRequestTooLarge,
      absl::StrCat("the OCSP request has more than ", limit, " ", what),
      {{"limit", absl::StrCat(limit)}});
}

absl::Status BadNonce() {
  return MakeError(
      absl::StatusCode::kInvalidArgument, reasons::kOcspNonceInvalid,
      "the OCSP request's nonce does not have 1 to 128 octets (RFC 9654)");
}

// Takes Extensions [number] EXPLICIT off `in`, if they are there. `nonce` is
// null where none may stand.
bool ReadExtensions(CBS* in, unsigned number,
                    std::optional<absl::string_view>* nonce) {
  CBS outer;
  CBS extensions;
  int present = 0;
  if (!CBS_get_optional_asn1(in, &outer, &present,
                             internal::ContextConstructedTag(number))) {
    return false;
  }
  if (!present) {
    return true;
  }
  if (!CBS_get_asn1(&outer, &extensions, CBS_ASN1_SEQUENCE) ||
      CBS_len(&outer) != 0 || CBS_len(&extensions) == 0) {
    return false;
  }
  absl::string_view seen[kMaxExtensions];
  for (size_t count = 0; CBS_len(&extensions) != 0; ++count) {
    internal::ExtensionView extension;
    if (count == kMaxExtensions ||
        !internal::ReadExtension(&extensions, &extension) ||
        std::find(seen, seen + count, extension.oid) != seen + count) {
      return false;
    }
    seen[count] = extension.oid;
    if (nonce != nullptr && extension.oid == oids::kOcspNonce) {
      if (!internal::ReadNonce(extension.value, &nonce->emplace())) {
        return false;
      }
    } else if (extension.critical) {
      return false;
    }
  }
  return true;
}

// Request ::= SEQUENCE { reqCert CertID,
//   singleRequestExtensions [0] EXPLICIT Extensions OPTIONAL }
bool ReadRequest(CBS* list, OcspCertId* id) {
  CBS request;
  return CBS_get_asn1(list, &request, CBS_ASN1_SEQUENCE) &&
         internal::ReadCertId(&request, id) &&
         ReadExtensions(&request, 0, nullptr) && CBS_len(&request) == 0;
}

// OCSPRequest ::= SEQUENCE { tbsRequest TBSRequest,
//   optionalSignature [0] EXPLICIT Signature OPTIONAL }
bool OpenRequest(absl::string_view der, CBS* tbs) {
  CBS input = internal::ToCbs(der);
  CBS request;
  CBS outer;
  CBS signature;
  int is_signed = 0;
  return CBS_get_asn1(&input, &request, CBS_ASN1_SEQUENCE) &&
         CBS_len(&input) == 0 &&
         CBS_get_asn1(&request, tbs, CBS_ASN1_SEQUENCE) &&
         CBS_get_optional_asn1(&request, &outer, &is_signed,
                               internal::ContextConstructedTag(0)) &&
         (!is_signed || (CBS_get_asn1(&outer, &signature, CBS_ASN1_SEQUENCE) &&
                         CBS_len(&outer) == 0)) &&
         CBS_len(&request) == 0;
}

// Takes requestorName [1] EXPLICIT GeneralName OPTIONAL off `tbs`.
bool SkipRequestorName(CBS* tbs) {
  CBS outer;
  CBS name;
  CBS_ASN1_TAG tag;
  int present = 0;
  return CBS_get_optional_asn1(tbs, &outer, &present,
                               internal::ContextConstructedTag(1)) &&
         (!present ||
          (CBS_get_any_asn1(&outer, &name, &tag) && CBS_len(&outer) == 0));
}

}  // namespace

// TBSRequest ::= SEQUENCE { version [0] EXPLICIT Version DEFAULT v1,
//   requestorName [1] EXPLICIT GeneralName OPTIONAL,
//   requestList SEQUENCE OF Request,
//   requestExtensions [2] EXPLICIT Extensions OPTIONAL }     -- RFC 6960 4.1.1
absl::StatusOr<OcspRequest> OcspRequest::Parse(
    absl::string_view der, const OcspRequestLimits& limits) {
  if (der.size() > limits.max_size) {
    return TooLarge("octets", limits.max_size);
  }
  CBS tbs;
  CBS list;
  if (!OpenRequest(der, &tbs)) {
    return Malformed("outer SEQUENCE");
  }
  // Version 1 is the default, which DER leaves out.
  if (CBS_peek_asn1_tag(&tbs, internal::ContextConstructedTag(0))) {
    return Malformed("version");
  }
  if (!SkipRequestorName(&tbs)) {
    return Malformed("requestorName");
  }
  if (!CBS_get_asn1(&tbs, &list, CBS_ASN1_SEQUENCE) || CBS_len(&list) == 0) {
    return Malformed("requestList");
  }
  OcspRequest request;
  while (CBS_len(&list) != 0) {
    if (request.cert_ids_.size() >= limits.max_requests) {
      return TooLarge("requests", limits.max_requests);
    }
    if (!ReadRequest(&list, &request.cert_ids_.emplace_back())) {
      return Malformed("requestList");
    }
  }
  if (!ReadExtensions(&tbs, 2, &request.nonce_) || CBS_len(&tbs) != 0) {
    return Malformed("requestExtensions");
  }
  if (request.nonce_.has_value() &&
      !internal::IsNonceSize(request.nonce_->size())) {
    return BadNonce();
  }
  return request;
}

absl::StatusOr<std::string> BuildOcspRequest(
    absl::Span<const std::string> cert_ids,
    std::optional<absl::string_view> nonce) {
  const auto invalid = [](absl::string_view field) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, reasons::kOcspInvalid,
        absl::StrCat("the OCSP request's ", field, " cannot be written"),
        {{"field", field}});
  };
  if (nonce.has_value() && !internal::IsNonceSize(nonce->size())) {
    return invalid("nonce");
  }
  internal::Writer writer(256);
  CBB request;
  CBB tbs;
  CBB list;
  bool ok = !cert_ids.empty() &&
            CBB_add_asn1(writer.cbb(), &request, CBS_ASN1_SEQUENCE) &&
            CBB_add_asn1(&request, &tbs, CBS_ASN1_SEQUENCE) &&
            CBB_add_asn1(&tbs, &list, CBS_ASN1_SEQUENCE);
  for (const std::string& cert_id : cert_ids) {
    ok = ok && !cert_id.empty() &&
         internal::AddElement(&list, CBS_ASN1_SEQUENCE, cert_id);
  }
  if (!ok) {
    return invalid("cert_ids");
  }
  if (nonce.has_value()) {
    CBB outer;
    CBB extensions;
    if (!CBB_add_asn1(&tbs, &outer, internal::ContextConstructedTag(2)) ||
        !CBB_add_asn1(&outer, &extensions, CBS_ASN1_SEQUENCE) ||
        !internal::AddNonce(&extensions, *nonce) || !CBB_flush(&tbs)) {
      return invalid("nonce");
    }
  }
  return writer.Take();
}

}  // namespace birthmark::x509
