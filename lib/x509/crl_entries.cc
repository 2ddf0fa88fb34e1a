#include "lib/x509/crl_entries.h"

#include <cstddef>

#include "lib/x509/crl_internal.h"
#include "lib/x509/der.h"
#include "lib/x509/oid.h"

namespace birthmark::x509 {
namespace {

constexpr size_t kMaxSerial = 21;  // 20 octets and a sign octet
constexpr int kNoReason = 7;       // CRLReason leaves it out

bool ParseReason(absl::string_view value, RevocationReason* reason) {
  CBS input = internal::ToCbs(value);
  absl::string_view content;
  if (!internal::ReadContent(&input, CBS_ASN1_ENUMERATED, &content) ||
      CBS_len(&input) != 0 || content.size() != 1) {
    return false;
  }
  const int number = content.front();
  if (number < 0 || number > 10 || number == kNoReason) {
    return false;
  }
  *reason = static_cast<RevocationReason>(number);
  return true;
}

bool ParseInvalidityDate(absl::string_view value, CrlEntryView* entry) {
  CBS input = internal::ToCbs(value);
  internal::ParsedTime time;
  if (!internal::ReadTime(&input, &time) || !time.generalized ||
      CBS_len(&input) != 0) {
    return false;
  }
  entry->invalidity_time = time.time;
  return true;
}

bool ParseEntryExtension(const internal::ExtensionView& extension,
                         CrlEntryView* entry) {
  if (extension.oid == oids::kReasonCode) {
    return ParseReason(extension.value, &entry->reason);
  }
  if (extension.oid == oids::kInvalidityDate) {
    return ParseInvalidityDate(extension.value, entry);
  }
  return !extension.critical;
}

bool ParseEntry(CBS* entries, CrlEntryView* entry) {
  CBS rest;
  internal::ParsedTime time;
  if (!internal::ReadCrlEntrySerial(entries, &entry->der, &entry->serial,
                                    &rest) ||
      !internal::ReadTime(&rest, &time)) {
    return false;
  }
  entry->revocation_time = time.time;
  entry->reason = RevocationReason::kUnspecified;
  entry->invalidity_time.reset();
  if (CBS_len(&rest) == 0) {
    return true;
  }
  CBS extensions;
  return CBS_get_asn1(&rest, &extensions, CBS_ASN1_SEQUENCE) &&
         CBS_len(&rest) == 0 &&
         internal::ForEachExtension(
             extensions, [entry](const internal::ExtensionView& extension) {
               return ParseEntryExtension(extension, entry);
             });
}

}  // namespace

namespace internal {

bool ReadCrlEntrySerial(CBS* entries, absl::string_view* der,
                        absl::string_view* serial, CBS* rest) {
  CBS element;
  bool negative = false;
  if (!CBS_get_asn1_element(entries, &element, CBS_ASN1_SEQUENCE)) {
    return false;
  }
  *der = View(element);
  if (!CBS_get_asn1(&element, rest, CBS_ASN1_SEQUENCE) ||
      !ReadInteger(rest, serial, &negative) || negative ||
      serial->size() > kMaxSerial) {
    return false;
  }
  if (serial->size() > 1 && serial->front() == '\0') {
    serial->remove_prefix(1);
  }
  return true;
}

}  // namespace internal

bool CrlEntryReader::Next(CrlEntryView* entry) {
  if (rest_.empty() || failed_) {
    return false;
  }
  CBS entries = internal::ToCbs(rest_);
  failed_ = !ParseEntry(&entries, entry);
  rest_ = internal::View(entries);
  return !failed_;
}

}  // namespace birthmark::x509
