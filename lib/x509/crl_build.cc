#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"
#include "lib/x509/crl.h"
#include "lib/x509/crl_internal.h"
#include "lib/x509/der.h"
#include "lib/x509/reasons.h"
#include "lib/x509/serial.h"

namespace birthmark::x509 {
namespace {

using internal::AddElement;
using internal::ContextConstructedTag;
using internal::ContextTag;

constexpr CBS_ASN1_TAG kUriName = ContextTag(6);
constexpr uint64_t kVersion2 = 1;
constexpr size_t kMaxSerial = 20;

bool OpenExtension(CBB* extensions, absl::string_view oid, bool critical,
                   CBB* extension, CBB* value) {
  return CBB_add_asn1(extensions, extension, CBS_ASN1_SEQUENCE) &&
         AddElement(extension, CBS_ASN1_OBJECT, oid) &&
         (!critical || CBB_add_asn1_bool(extension, 1)) &&
         CBB_add_asn1(extension, value, CBS_ASN1_OCTETSTRING);
}

// CRLReason ::= ENUMERATED                                 -- RFC 5280 5.3.1
bool AddReason(CBB* extensions, RevocationReason reason) {
  CBB extension;
  CBB value;
  const char octet = static_cast<char>(reason);
  return OpenExtension(extensions, oids::kReasonCode, /*critical=*/false,
                       &extension, &value) &&
         AddElement(&value, CBS_ASN1_ENUMERATED,
                    absl::string_view(&octet, 1)) &&
         CBB_flush(extensions);
}

// InvalidityDate ::= GeneralizedTime                       -- RFC 5280 5.3.2
bool AddInvalidityDate(CBB* extensions, absl::Time time) {
  CBB extension;
  CBB value;
  return OpenExtension(extensions, oids::kInvalidityDate, /*critical=*/false,
                       &extension, &value) &&
         internal::AddGeneralizedTime(&value, time) && CBB_flush(extensions);
}

bool AddNumberExtension(CBB* extensions, absl::string_view oid, bool critical,
                        uint64_t number) {
  CBB extension;
  CBB value;
  return OpenExtension(extensions, oid, critical, &extension, &value) &&
         CBB_add_asn1_uint64(&value, number) && CBB_flush(extensions);
}

bool AddAuthorityKeyId(CBB* extensions, absl::string_view key_id) {
  CBB extension;
  CBB value;
  CBB sequence;
  return OpenExtension(extensions, oids::kAuthorityKeyIdentifier,
                       /*critical=*/false, &extension, &value) &&
         CBB_add_asn1(&value, &sequence, CBS_ASN1_SEQUENCE) &&
         AddElement(&sequence, ContextTag(0), key_id) && CBB_flush(extensions);
}

// distributionPoint [0] with a fullName of one URI, into a SEQUENCE that
// IssuingDistributionPoint and DistributionPoint begin alike.
bool AddPointName(CBB* sequence, absl::string_view uri) {
  CBB name;
  CBB full_name;
  return CBB_add_asn1(sequence, &name, ContextConstructedTag(0)) &&
         CBB_add_asn1(&name, &full_name, ContextConstructedTag(0)) &&
         AddElement(&full_name, kUriName, uri) && CBB_flush(sequence);
}

// IssuingDistributionPoint                                 -- RFC 5280 5.2.5
bool AddShard(CBB* extensions, absl::string_view uri) {
  CBB extension;
  CBB value;
  CBB point;
  return OpenExtension(extensions, oids::kIssuingDistributionPoint,
                       /*critical=*/true, &extension, &value) &&
         CBB_add_asn1(&value, &point, CBS_ASN1_SEQUENCE) &&
         AddPointName(&point, uri) && CBB_flush(extensions);
}

// FreshestCRL ::= CRLDistributionPoints                    -- RFC 5280 5.2.6
bool AddFreshest(CBB* extensions, absl::string_view uri) {
  CBB extension;
  CBB value;
  CBB points;
  CBB point;
  return OpenExtension(extensions, oids::kFreshestCrl, /*critical=*/false,
                       &extension, &value) &&
         CBB_add_asn1(&value, &points, CBS_ASN1_SEQUENCE) &&
         CBB_add_asn1(&points, &point, CBS_ASN1_SEQUENCE) &&
         AddPointName(&point, uri) && CBB_flush(extensions);
}

// crlExtensions [0] EXPLICIT Extensions                      -- RFC 5280 5.2
bool AddCrlExtensions(CBB* tbs, const CrlSpec& spec) {
  CBB outer;
  CBB extensions;
  return CBB_add_asn1(tbs, &outer, ContextConstructedTag(0)) &&
         CBB_add_asn1(&outer, &extensions, CBS_ASN1_SEQUENCE) &&
         AddAuthorityKeyId(&extensions, spec.issuer_key_id) &&
         AddNumberExtension(&extensions, oids::kCrlNumber, /*critical=*/false,
                            spec.number) &&
         (!spec.base_number.has_value() ||
          AddNumberExtension(&extensions, oids::kDeltaCrlIndicator,
                             /*critical=*/true, *spec.base_number)) &&
         (spec.shard_uri.empty() || AddShard(&extensions, spec.shard_uri)) &&
         (spec.freshest_uri.empty() ||
          AddFreshest(&extensions, spec.freshest_uri)) &&
         CBB_flush(tbs);
}

absl::Status CheckEntries(const CrlSpec& spec) {
  const CrlEntry* last = nullptr;
  for (const CrlEntry& entry : spec.entries) {
    if (entry.serial.empty() || entry.serial.size() > kMaxSerial ||
        (entry.serial.front() & 0x80) != 0) {
      return internal::CrlInvalid(
          "entry",
          "has a serial that is not a positive number of "
          "1 to 20 octets");
    }
    if (entry.reason == RevocationReason::kRemoveFromCrl &&
        !spec.base_number.has_value()) {
      return internal::CrlInvalid("entry",
                                  "has a reason that only delta CRLs have");
    }
    if (last != nullptr && CompareSerials(last->serial, entry.serial) >= 0) {
      return internal::CrlInvalid(
          "entry", "does not follow in ascending order, once each");
    }
    last = &entry;
  }
  return absl::OkStatus();
}

// Content of revokedCertificates, "" if there are none.
absl::StatusOr<std::string> EncodeEntries(
    const std::vector<CrlEntry>& entries) {
  internal::Writer writer(entries.size() * internal::kUsualCrlEntrySize + 1);
  for (const CrlEntry& entry : entries) {
    if (!internal::AddCrlEntry(writer.cbb(), entry)) {
      return internal::CrlInvalid("entry", "cannot be encoded");
    }
  }
  return writer.Take();
}

}  // namespace

namespace internal {

absl::Status CrlInvalid(absl::string_view field, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kCrlInvalid,
                   absl::StrCat("the CRL's ", field, " ", what),
                   {{"field", field}});
}

bool AddCrlEntry(CBB* entries, const CrlEntry& entry) {
  CBB sequence;
  CBB extensions;
  const bool has_reason = entry.reason != RevocationReason::kUnspecified;
  if (!CBB_add_asn1(entries, &sequence, CBS_ASN1_SEQUENCE) ||
      !AddUnsigned(&sequence, entry.serial) ||
      !AddTime(&sequence, entry.revocation_time)) {
    return false;
  }
  if (has_reason || entry.invalidity_time.has_value()) {
    if (!CBB_add_asn1(&sequence, &extensions, CBS_ASN1_SEQUENCE) ||
        (has_reason && !AddReason(&extensions, entry.reason)) ||
        (entry.invalidity_time.has_value() &&
         !AddInvalidityDate(&extensions, *entry.invalidity_time))) {
      return false;
    }
  }
  return CBB_flush(entries);
}

absl::Status CheckCrlSpec(const CrlSpec& spec) {
  CBS name = ToCbs(spec.issuer_name_der);
  absl::string_view content;
  if (!ReadContent(&name, CBS_ASN1_SEQUENCE, &content) || CBS_len(&name) != 0 ||
      content.empty()) {
    return CrlInvalid("issuer", "is not a Name with attributes");
  }
  if (spec.issuer_key_id.empty()) {
    return CrlInvalid("issuer_key_id", "is empty");
  }
  if (spec.next_update <= spec.this_update) {
    return CrlInvalid("next_update", "is not after this_update");
  }
  if (!IsAsciiGraphic(spec.shard_uri)) {
    return CrlInvalid("shard_uri", "is not an ASCII URI");
  }
  if (!IsAsciiGraphic(spec.freshest_uri)) {
    return CrlInvalid("freshest_uri", "is not an ASCII URI");
  }
  if (spec.base_number.has_value() &&
      (*spec.base_number > spec.number || !spec.freshest_uri.empty())) {
    return CrlInvalid("base_number",
                      "is above the number, or stands with freshest_uri");
  }
  return CheckEntries(spec);
}

// TBSCertList around `entries`                             -- RFC 5280 5.1.2
absl::StatusOr<std::string> WriteCrlTbs(const CrlSpec& spec,
                                        absl::string_view entries) {
  Writer writer(512 + entries.size());
  CBB tbs;
  if (!CBB_add_asn1(writer.cbb(), &tbs, CBS_ASN1_SEQUENCE) ||
      !CBB_add_asn1_uint64(&tbs, kVersion2) ||
      !AddBytes(&tbs,
                crypto::AlgorithmIdentifierDer(spec.signature_algorithm)) ||
      !AddBytes(&tbs, spec.issuer_name_der) ||
      !AddTime(&tbs, spec.this_update) || !AddTime(&tbs, spec.next_update)) {
    return CrlInvalid("update times", "are outside of 1950 to 9999");
  }
  // revokedCertificates must be absent rather than empty.
  if (!entries.empty() && !AddElement(&tbs, CBS_ASN1_SEQUENCE, entries)) {
    return CrlInvalid("entries", "cannot be encoded");
  }
  if (!AddCrlExtensions(&tbs, spec)) {
    return CrlInvalid("extensions", "cannot be encoded");
  }
  std::string der = writer.Take();
  if (der.empty()) {
    return CrlInvalid("fields", "cannot be encoded");
  }
  return der;
}

}  // namespace internal

std::string CrlShardUri(absl::string_view base_uri, int shard) {
  while (!base_uri.empty() && base_uri.back() == '/') {
    base_uri.remove_suffix(1);
  }
  return absl::StrCat(base_uri, "/", shard, ".crl");
}

std::string CrlDeltaUri(absl::string_view base_uri, int shard) {
  while (!base_uri.empty() && base_uri.back() == '/') {
    base_uri.remove_suffix(1);
  }
  return absl::StrCat(base_uri, "/", shard, "-delta.crl");
}

absl::StatusOr<std::string> BuildCrlTbs(const CrlSpec& spec) {
  BIRTHMARK_RETURN_IF_ERROR(internal::CheckCrlSpec(spec));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string entries,
                             EncodeEntries(spec.entries));
  return internal::WriteCrlTbs(spec, entries);
}

absl::StatusOr<std::string> AssembleCrl(absl::string_view tbs,
                                        crypto::SignatureAlgorithm algorithm,
                                        absl::string_view signature) {
  internal::Writer writer(tbs.size() + signature.size() + 64);
  if (tbs.empty() || signature.empty() ||
      !internal::AddSigned(writer.cbb(), tbs,
                           crypto::AlgorithmIdentifierDer(algorithm),
                           signature)) {
    return internal::CrlInvalid("signature", "or to-be-signed part is missing");
  }
  return writer.Take();
}

}  // namespace birthmark::x509
