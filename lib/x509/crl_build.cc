#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"
#include "lib/x509/crl.h"
#include "lib/x509/der.h"
#include "lib/x509/reasons.h"

namespace birthmark::x509 {
namespace {

using internal::AddElement;
using internal::ContextConstructedTag;
using internal::ContextTag;

constexpr CBS_ASN1_TAG kUriName = ContextTag(6);
constexpr uint64_t kVersion2 = 1;
constexpr size_t kMaxSerial = 20;
constexpr size_t kUsualEntrySize = 48;

absl::Status Invalid(absl::string_view field, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kCrlInvalid,
                   absl::StrCat("the CRL's ", field, " ", what),
                   {{"field", field}});
}

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

bool AddEntry(CBB* entries, const CrlEntry& entry) {
  CBB sequence;
  CBB extensions;
  const bool has_reason = entry.reason != RevocationReason::kUnspecified;
  if (!CBB_add_asn1(entries, &sequence, CBS_ASN1_SEQUENCE) ||
      !internal::AddUnsigned(&sequence, entry.serial) ||
      !internal::AddTime(&sequence, entry.revocation_time)) {
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

// crlExtensions [0] EXPLICIT Extensions: AKI, CRL number, and the critical
// issuingDistributionPoint.
bool AddCrlExtensions(CBB* tbs, const CrlSpec& spec) {
  CBB outer;
  CBB extensions;
  CBB extension;
  CBB value;
  CBB sequence;
  if (!CBB_add_asn1(tbs, &outer, ContextConstructedTag(0)) ||
      !CBB_add_asn1(&outer, &extensions, CBS_ASN1_SEQUENCE) ||
      !OpenExtension(&extensions, oids::kAuthorityKeyIdentifier,
                     /*critical=*/false, &extension, &value) ||
      !CBB_add_asn1(&value, &sequence, CBS_ASN1_SEQUENCE) ||
      !AddElement(&sequence, ContextTag(0), spec.issuer_key_id) ||
      !OpenExtension(&extensions, oids::kCrlNumber, /*critical=*/false,
                     &extension, &value) ||
      !CBB_add_asn1_uint64(&value, spec.number)) {
    return false;
  }
  if (!spec.shard_uri.empty()) {
    CBB name;
    CBB full_name;
    if (!OpenExtension(&extensions, oids::kIssuingDistributionPoint,
                       /*critical=*/true, &extension, &value) ||
        !CBB_add_asn1(&value, &sequence, CBS_ASN1_SEQUENCE) ||
        !CBB_add_asn1(&sequence, &name, ContextConstructedTag(0)) ||
        !CBB_add_asn1(&name, &full_name, ContextConstructedTag(0)) ||
        !AddElement(&full_name, kUriName, spec.shard_uri) || !CBB_flush(tbs)) {
      return false;
    }
  }
  return CBB_flush(tbs);
}

absl::Status CheckEntries(const std::vector<CrlEntry>& entries) {
  std::vector<absl::string_view> serials;
  serials.reserve(entries.size());
  for (const CrlEntry& entry : entries) {
    if (entry.serial.empty() || entry.serial.size() > kMaxSerial ||
        (entry.serial.front() & 0x80) != 0) {
      return Invalid("entry",
                     "has a serial that is not a positive number of "
                     "1 to 20 octets");
    }
    if (entry.reason == RevocationReason::kRemoveFromCrl) {
      return Invalid("entry", "has a reason that only delta CRLs have");
    }
    serials.push_back(entry.serial);
  }
  std::sort(serials.begin(), serials.end());
  if (std::adjacent_find(serials.begin(), serials.end()) != serials.end()) {
    return Invalid("entry", "stands twice");
  }
  return absl::OkStatus();
}

absl::Status CheckSpec(const CrlSpec& spec) {
  CBS name = internal::ToCbs(spec.issuer_name_der);
  absl::string_view content;
  if (!internal::ReadContent(&name, CBS_ASN1_SEQUENCE, &content) ||
      CBS_len(&name) != 0 || content.empty()) {
    return Invalid("issuer", "is not a Name with attributes");
  }
  if (spec.issuer_key_id.empty()) {
    return Invalid("issuer_key_id", "is empty");
  }
  if (spec.next_update <= spec.this_update) {
    return Invalid("next_update", "is not after this_update");
  }
  if (!internal::IsAsciiGraphic(spec.shard_uri)) {
    return Invalid("shard_uri", "is not an ASCII URI");
  }
  return CheckEntries(spec.entries);
}

}  // namespace

std::string CrlShardUri(absl::string_view base_uri, int shard) {
  while (!base_uri.empty() && base_uri.back() == '/') {
    base_uri.remove_suffix(1);
  }
  return absl::StrCat(base_uri, "/", shard, ".crl");
}

absl::StatusOr<std::string> BuildCrlTbs(const CrlSpec& spec) {
  BIRTHMARK_RETURN_IF_ERROR(CheckSpec(spec));
  internal::Writer writer(512 + spec.entries.size() * kUsualEntrySize);
  CBB tbs;
  // TBSCertList                                             -- RFC 5280 5.1.2
  if (!CBB_add_asn1(writer.cbb(), &tbs, CBS_ASN1_SEQUENCE) ||
      !CBB_add_asn1_uint64(&tbs, kVersion2) ||
      !internal::AddBytes(
          &tbs, crypto::AlgorithmIdentifierDer(spec.signature_algorithm)) ||
      !internal::AddBytes(&tbs, spec.issuer_name_der) ||
      !internal::AddTime(&tbs, spec.this_update) ||
      !internal::AddTime(&tbs, spec.next_update)) {
    return Invalid("update times", "are outside of 1950 to 9999");
  }
  // revokedCertificates must be absent rather than empty.
  if (!spec.entries.empty()) {
    CBB entries;
    if (!CBB_add_asn1(&tbs, &entries, CBS_ASN1_SEQUENCE)) {
      return Invalid("entries", "cannot be encoded");
    }
    for (const CrlEntry& entry : spec.entries) {
      if (!AddEntry(&entries, entry)) {
        return Invalid("entry", "cannot be encoded");
      }
    }
    // `entries` must be closed before it goes out of scope.
    if (!CBB_flush(&tbs)) {
      return Invalid("entries", "cannot be encoded");
    }
  }
  if (!AddCrlExtensions(&tbs, spec)) {
    return Invalid("extensions", "cannot be encoded");
  }
  std::string der = writer.Take();
  if (der.empty()) {
    return Invalid("fields", "cannot be encoded");
  }
  return der;
}

absl::StatusOr<std::string> AssembleCrl(absl::string_view tbs,
                                        crypto::SignatureAlgorithm algorithm,
                                        absl::string_view signature) {
  internal::Writer writer(tbs.size() + signature.size() + 64);
  if (tbs.empty() || signature.empty() ||
      !internal::AddSigned(writer.cbb(), tbs,
                           crypto::AlgorithmIdentifierDer(algorithm),
                           signature)) {
    return Invalid("signature", "or to-be-signed part is missing");
  }
  return writer.Take();
}

}  // namespace birthmark::x509
