#include "lib/x509/ocsp_response_parser.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/x509/der.h"
#include "lib/x509/ocsp_internal.h"
#include "lib/x509/oid.h"
#include "lib/x509/reasons.h"
#include "lib/x509/serial.h"

namespace birthmark::x509 {
namespace {

using internal::ContextConstructedTag;
using internal::ContextTag;

constexpr size_t kMaxExtensions = 16;
constexpr size_t kMaxCertificates = 8;
constexpr size_t kSha1Size = 20;

absl::Status Malformed(absl::string_view where, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   reasons::kOcspResponseMalformed,
                   absl::StrCat("the OCSP response's ", where, " ", what),
                   {{"where", where}});
}

absl::Status BadSignature(absl::string_view what) {
  return MakeError(absl::StatusCode::kUnauthenticated,
                   reasons::kOcspSignatureInvalid,
                   absl::StrCat("the OCSP response ", what));
}

bool ReadTimeOf(CBS* in, absl::Time* out) {
  internal::ParsedTime time;
  if (!internal::ReadTime(in, &time) || !time.generalized) {
    return false;
  }
  *out = time.time;
  return true;
}

// Takes Extensions [number] EXPLICIT off `in`, if they are there. The value of
// the one with `oid` goes to `value`; no other may be critical.
bool ReadExtensions(CBS* in, unsigned number, absl::string_view oid,
                    std::optional<absl::string_view>* value) {
  CBS outer;
  CBS extensions;
  int present = 0;
  if (!CBS_get_optional_asn1(in, &outer, &present,
                             ContextConstructedTag(number))) {
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
    if (extension.oid == oid) {
      *value = extension.value;
    } else if (extension.critical) {
      return false;
    }
  }
  return true;
}

// RevokedInfo ::= SEQUENCE { revocationTime GeneralizedTime,
//   revocationReason [0] EXPLICIT CRLReason OPTIONAL }
bool ReadRevokedInfo(CBS info, OcspAnswer* answer) {
  CBS outer;
  int present = 0;
  if (!ReadTimeOf(&info, &answer->revocation_time) ||
      !CBS_get_optional_asn1(&info, &outer, &present,
                             ContextConstructedTag(0)) ||
      CBS_len(&info) != 0) {
    return false;
  }
  if (!present) {
    return true;
  }
  absl::string_view content;
  if (!internal::ReadContent(&outer, CBS_ASN1_ENUMERATED, &content) ||
      CBS_len(&outer) != 0 || content.size() != 1) {
    return false;
  }
  const int reason = content.front();
  // 7 is not used, and 8 is for delta CRLs.
  if (reason < 0 || reason > 10 || reason == 7 || reason == 8) {
    return false;
  }
  answer->reason = static_cast<RevocationReason>(reason);
  return true;
}

bool ReadStatus(CBS* single, OcspAnswer* answer) {
  CBS content;
  CBS_ASN1_TAG tag;
  if (!CBS_get_any_asn1(single, &content, &tag)) {
    return false;
  }
  if (tag == ContextTag(0) || tag == ContextTag(2)) {
    answer->status =
        tag == ContextTag(0) ? OcspCertStatus::kGood : OcspCertStatus::kUnknown;
    return CBS_len(&content) == 0;
  }
  answer->status = OcspCertStatus::kRevoked;
  return tag == ContextConstructedTag(1) && ReadRevokedInfo(content, answer);
}

bool ReadNextUpdate(CBS* single, OcspAnswer* answer) {
  CBS outer;
  int present = 0;
  return CBS_get_optional_asn1(single, &outer, &present,
                               ContextConstructedTag(0)) &&
         (!present || (ReadTimeOf(&outer, &answer->next_update.emplace()) &&
                       CBS_len(&outer) == 0 &&
                       *answer->next_update >= answer->this_update));
}

bool ReadArchiveCutoff(CBS* single, OcspAnswer* answer) {
  std::optional<absl::string_view> value;
  if (!ReadExtensions(single, 1, oids::kOcspArchiveCutoff, &value)) {
    return false;
  }
  if (!value.has_value()) {
    return true;
  }
  CBS input = internal::ToCbs(*value);
  return ReadTimeOf(&input, &answer->archive_cutoff.emplace()) &&
         CBS_len(&input) == 0;
}

bool ReadAnswer(CBS* responses, OcspAnswer* answer) {
  CBS single;
  return CBS_get_asn1(responses, &single, CBS_ASN1_SEQUENCE) &&
         internal::ReadCertId(&single, &answer->cert_id) &&
         ReadStatus(&single, answer) &&
         ReadTimeOf(&single, &answer->this_update) &&
         ReadNextUpdate(&single, answer) &&
         ReadArchiveCutoff(&single, answer) && CBS_len(&single) == 0;
}

// ResponderID ::= CHOICE { byName [1] Name, byKey [2] KeyHash }   -- EXPLICIT
bool ReadResponderId(CBS* data, OcspResponseFields* out) {
  CBS content;
  CBS_ASN1_TAG tag;
  if (!CBS_get_any_asn1(data, &content, &tag)) {
    return false;
  }
  if (tag == ContextConstructedTag(1)) {
    return internal::ReadElement(&content, CBS_ASN1_SEQUENCE,
                                 &out->responder_name_der) &&
           CBS_len(&content) == 0;
  }
  return tag == ContextConstructedTag(2) &&
         internal::ReadContent(&content, CBS_ASN1_OCTETSTRING,
                               &out->responder_key_hash) &&
         CBS_len(&content) == 0 && out->responder_key_hash.size() == kSha1Size;
}

// ResponseData                                             -- RFC 6960 4.2.1
absl::Status ParseData(OcspResponseFields* out) {
  CBS cursor = internal::ToCbs(out->tbs);
  CBS data;
  CBS responses;
  if (!CBS_get_asn1(&cursor, &data, CBS_ASN1_SEQUENCE) ||
      CBS_peek_asn1_tag(&data, ContextConstructedTag(0))) {
    return Malformed("version", "is not the default");
  }
  if (!ReadResponderId(&data, out)) {
    return Malformed("responderID", "is neither a name nor a key hash");
  }
  if (!ReadTimeOf(&data, &out->produced_at)) {
    return Malformed("producedAt", "is not a GeneralizedTime");
  }
  if (!CBS_get_asn1(&data, &responses, CBS_ASN1_SEQUENCE) ||
      CBS_len(&responses) == 0) {
    return Malformed("responses", "are missing");
  }
  while (CBS_len(&responses) != 0) {
    if (!ReadAnswer(&responses, &out->answers.emplace_back())) {
      return Malformed("responses", "are not strict DER");
    }
  }
  std::optional<absl::string_view> nonce;
  if (!ReadExtensions(&data, 1, oids::kOcspNonce, &nonce) ||
      CBS_len(&data) != 0 ||
      (nonce.has_value() &&
       (!internal::ReadNonce(*nonce, &out->nonce.emplace()) ||
        !internal::IsNonceSize(out->nonce->size())))) {
    return Malformed("responseExtensions", "are spoiled or not supported");
  }
  return absl::OkStatus();
}

absl::Status ParseCertificates(CBS* basic, OcspResponseFields* out) {
  CBS outer;
  CBS list;
  int present = 0;
  if (!CBS_get_optional_asn1(basic, &outer, &present,
                             ContextConstructedTag(0)) ||
      CBS_len(basic) != 0 ||
      (present && (!CBS_get_asn1(&outer, &list, CBS_ASN1_SEQUENCE) ||
                   CBS_len(&outer) != 0))) {
    return Malformed("certs", "are not strict DER");
  }
  while (present && CBS_len(&list) != 0) {
    absl::string_view der;
    if (out->certificates.size() == kMaxCertificates ||
        !internal::ReadElement(&list, CBS_ASN1_SEQUENCE, &der)) {
      return Malformed("certs", "are too many or not strict DER");
    }
    auto certificate = Certificate::Parse(der);
    if (!certificate.ok()) {
      return Malformed("certs", certificate.status().message());
    }
    out->certificates.push_back(*std::move(certificate));
  }
  return absl::OkStatus();
}

// BasicOCSPResponse                                        -- RFC 6960 4.2.1
absl::Status ParseBasic(absl::string_view der, OcspResponseFields* out) {
  CBS input = internal::ToCbs(der);
  CBS basic;
  absl::string_view algorithm;
  if (!CBS_get_asn1(&input, &basic, CBS_ASN1_SEQUENCE) ||
      CBS_len(&input) != 0 ||
      !internal::ReadElement(&basic, CBS_ASN1_SEQUENCE, &out->tbs) ||
      !internal::ReadElement(&basic, CBS_ASN1_SEQUENCE, &algorithm) ||
      !internal::ReadBitString(&basic, &out->signature)) {
    return Malformed("BasicOCSPResponse", "is not strict DER");
  }
  auto signature_algorithm = crypto::ParseAlgorithmIdentifier(algorithm);
  if (!signature_algorithm.ok()) {
    return Malformed("signatureAlgorithm", "is not supported");
  }
  out->signature_algorithm = *signature_algorithm;
  BIRTHMARK_RETURN_IF_ERROR(ParseCertificates(&basic, out));
  return ParseData(out);
}

bool IsStatus(int number) { return number >= 0 && number <= 6 && number != 4; }

bool IsResponder(const OcspResponseFields& fields,
                 const Certificate& certificate) {
  return fields.responder_name_der.empty()
             ? crypto::Sha1(certificate.public_key().key_bytes()) ==
                   fields.responder_key_hash
             : certificate->subject_der == fields.responder_name_der;
}

// RFC 6960 4.2.2.2: the usage must be named, anyExtendedKeyUsage is not enough.
bool MaySpeakFor(const Certificate& issuer, const Certificate& responder,
                 absl::Time now) {
  const std::vector<Oid>& usages = responder->extended_key_usages;
  return responder->issuer_der == issuer->subject_der &&
         std::find(usages.begin(), usages.end(), Oid(oids::kOcspSigning)) !=
             usages.end() &&
         (!responder->key_usage.has_value() ||
          (*responder->key_usage & kKeyUsageDigitalSignature) != 0) &&
         responder->unknown_critical.empty() && responder->not_before <= now &&
         now <= responder->not_after &&
         responder.VerifySignatureBy(issuer.public_key()).ok();
}

}  // namespace

absl::StatusOr<OcspResponse> OcspResponse::Parse(absl::string_view der,
                                                 size_t limit) {
  if (der.size() > limit) {
    return Malformed("size", "is above the limit");
  }
  auto fields = std::make_shared<OcspResponseFields>();
  fields->der = std::string(der);
  CBS input = internal::ToCbs(fields->der);
  CBS response;
  CBS outer;
  CBS bytes;
  absl::string_view status;
  absl::string_view type;
  absl::string_view basic;
  int present = 0;
  if (!CBS_get_asn1(&input, &response, CBS_ASN1_SEQUENCE) ||
      CBS_len(&input) != 0 ||
      !internal::ReadContent(&response, CBS_ASN1_ENUMERATED, &status) ||
      status.size() != 1 || !IsStatus(status.front())) {
    return Malformed("responseStatus", "is not one of RFC 6960");
  }
  fields->status = static_cast<OcspResponseStatus>(status.front());
  if (!CBS_get_optional_asn1(&response, &outer, &present,
                             ContextConstructedTag(0)) ||
      CBS_len(&response) != 0 ||
      (present != 0) != (fields->status == OcspResponseStatus::kSuccessful)) {
    return Malformed("responseBytes", "do not fit the status");
  }
  if (present == 0) {
    return OcspResponse(std::move(fields));
  }
  if (!CBS_get_asn1(&outer, &bytes, CBS_ASN1_SEQUENCE) ||
      CBS_len(&outer) != 0 || !internal::ReadOid(&bytes, &type) ||
      type != oids::kOcspBasic ||
      !internal::ReadContent(&bytes, CBS_ASN1_OCTETSTRING, &basic) ||
      CBS_len(&bytes) != 0) {
    return Malformed("responseBytes", "are not a basic response");
  }
  BIRTHMARK_RETURN_IF_ERROR(ParseBasic(basic, fields.get()));
  return OcspResponse(std::move(fields));
}

const OcspAnswer* OcspResponse::Find(const OcspIssuerHashes& issuer,
                                     absl::string_view serial) const {
  for (const OcspAnswer& answer : fields_->answers) {
    if (issuer.Matches(answer.cert_id) && !answer.cert_id.serial.empty() &&
        CompareSerials(answer.cert_id.serial, serial) == 0) {
      return &answer;
    }
  }
  return nullptr;
}

absl::Status OcspResponse::VerifySignatureBy(
    const crypto::PublicKey& key) const {
  if (fields_->status != OcspResponseStatus::kSuccessful ||
      !key.Verify(fields_->signature_algorithm, fields_->tbs,
                  fields_->signature)) {
    return BadSignature("was not signed by this key");
  }
  return absl::OkStatus();
}

absl::Status OcspResponse::VerifyAuthorized(const Certificate& issuer,
                                            absl::Time now) const {
  if (IsResponder(*fields_, issuer)) {
    return VerifySignatureBy(issuer.public_key());
  }
  for (const Certificate& responder : fields_->certificates) {
    if (IsResponder(*fields_, responder) &&
        MaySpeakFor(issuer, responder, now)) {
      return VerifySignatureBy(responder.public_key());
    }
  }
  return BadSignature("was made by nobody who may speak for this issuer");
}

}  // namespace birthmark::x509
