#include "lib/x509/crl.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"
#include "lib/x509/crl_internal.h"
#include "lib/x509/der.h"
#include "lib/x509/extension_values.h"
#include "lib/x509/pem.h"
#include "lib/x509/reasons.h"
#include "lib/x509/serial.h"

namespace birthmark::x509 {

struct Crl::Data {
  CrlFields fields;
  // Content of revokedCertificates.
  absl::string_view entries;
  // Where in `entries` each entry begins, in the order of their serials.
  std::vector<uint32_t> by_serial;
};

namespace {

constexpr uint64_t kVersion2 = 1;
constexpr size_t kMaxNumber = 20;
// The shortest entry there is: a serial of one octet and a UTCTime.
constexpr size_t kMinEntrySize = 20;

absl::Status Malformed(absl::string_view where, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kCrlMalformed,
                   absl::StrCat("the CRL's ", where, " ", what),
                   {{"where", where}});
}

bool ParseNumber(absl::string_view value, CrlFields* out) {
  CBS input = internal::ToCbs(value);
  absl::string_view octets;
  bool negative = false;
  if (!internal::ReadInteger(&input, &octets, &negative) || negative ||
      CBS_len(&input) != 0 || octets.size() > kMaxNumber) {
    return false;
  }
  out->number_octets = std::string(octets);
  CBS again = internal::ToCbs(value);
  uint64_t number = 0;
  if (CBS_get_asn1_uint64(&again, &number)) {
    out->number = number;
  }
  return true;
}

// BaseCRLNumber must be critical, lest a delta be mistaken for a complete CRL.
bool ParseBaseNumber(const internal::ExtensionView& extension, CrlFields* out) {
  CBS input = internal::ToCbs(extension.value);
  return extension.critical &&
         CBS_get_asn1_uint64(&input, &out->base_number.emplace(0)) &&
         CBS_len(&input) == 0;
}

bool ParseCrlExtension(const internal::ExtensionView& extension,
                       CrlFields* out) {
  if (extension.oid == oids::kAuthorityKeyIdentifier) {
    std::optional<std::string> key_id;
    const bool ok = internal::ParseAuthorityKeyId(extension.value, &key_id);
    out->authority_key_id = key_id.value_or("");
    return ok;
  }
  if (extension.oid == oids::kCrlNumber) {
    return ParseNumber(extension.value, out);
  }
  if (extension.oid == oids::kIssuingDistributionPoint) {
    bool partial = false;
    return internal::ParseIssuingDistributionPoint(
               extension.value, &out->shard_uris, &partial) &&
           !partial && extension.critical;
  }
  if (extension.oid == oids::kDeltaCrlIndicator) {
    return ParseBaseNumber(extension, out);
  }
  if (extension.oid == oids::kFreshestCrl) {
    return internal::ParseCrlDistributionPoints(extension.value,
                                                &out->freshest_uris);
  }
  return !extension.critical;
}

// Checks every entry and finds their order. `removes` is set if one of them
// takes a certificate off again.
absl::Status ParseEntries(absl::string_view entries, CrlFields* out,
                          std::vector<uint32_t>* by_serial, bool* removes) {
  if (entries.empty()) {
    return Malformed("revokedCertificates", "are empty");
  }
  by_serial->reserve(entries.size() / kMinEntrySize);
  CrlEntryReader reader(entries);
  absl::string_view last_serial;
  for (CrlEntryView entry; reader.Next(&entry);) {
    out->ascending =
        out->ascending &&
        (by_serial->empty() || CompareSerials(last_serial, entry.serial) < 0);
    last_serial = entry.serial;
    *removes = *removes || entry.reason == RevocationReason::kRemoveFromCrl;
    by_serial->push_back(
        static_cast<uint32_t>(entry.der.data() - entries.data()));
  }
  out->entry_count = by_serial->size();
  if (reader.failed()) {
    return Malformed("revokedCertificates", "have a spoiled entry");
  }
  return absl::OkStatus();
}

absl::string_view SerialAt(absl::string_view entries, uint32_t offset) {
  CBS from = internal::ToCbs(entries.substr(offset));
  CBS rest;
  absl::string_view der;
  absl::string_view serial;
  internal::ReadCrlEntrySerial(&from, &der, &serial, &rest);
  return serial;
}

// For CRLs of others, whose entries stand in any order. False if a serial
// stands twice.
bool SortBySerial(absl::string_view entries, std::vector<uint32_t>* offsets) {
  std::sort(
      offsets->begin(), offsets->end(), [entries](uint32_t a, uint32_t b) {
        return CompareSerials(SerialAt(entries, a), SerialAt(entries, b)) < 0;
      });
  return std::adjacent_find(offsets->begin(), offsets->end(),
                            [entries](uint32_t a, uint32_t b) {
                              return CompareSerials(SerialAt(entries, a),
                                                    SerialAt(entries, b)) == 0;
                            }) == offsets->end();
}

// What extensions and entries ask of one another.
absl::Status CheckKind(const CrlFields& fields, bool removes) {
  if (fields.authority_key_id.empty() || fields.number_octets.empty()) {
    return Malformed("crlExtensions",
                     "lack the authority key identifier or the CRL number");
  }
  if (!fields.base_number.has_value()) {
    return removes ? Malformed("revokedCertificates",
                               "have removeFromCRL in a complete CRL")
                   : absl::OkStatus();
  }
  if (!fields.freshest_uris.empty() ||
      (fields.number.has_value() && *fields.base_number > *fields.number)) {
    return Malformed("crlExtensions",
                     "of a delta CRL name another delta or a later base");
  }
  return absl::OkStatus();
}

// TBSCertList                                             -- RFC 5280 5.1.2
absl::Status ParseTbs(absl::string_view algorithm, CrlFields* out,
                      absl::string_view* entries,
                      std::vector<uint32_t>* by_serial) {
  CBS cursor = internal::ToCbs(out->tbs);
  CBS tbs;
  uint64_t version = 0;
  absl::string_view inner_algorithm;
  if (!CBS_get_asn1(&cursor, &tbs, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1_uint64(&tbs, &version) || version != kVersion2) {
    return Malformed("version", "is not 2");
  }
  if (!internal::ReadElement(&tbs, CBS_ASN1_SEQUENCE, &inner_algorithm) ||
      inner_algorithm != algorithm) {
    return Malformed("signature", "differs from signatureAlgorithm");
  }
  if (!internal::ReadElement(&tbs, CBS_ASN1_SEQUENCE, &out->issuer_der)) {
    return Malformed("issuer", "is not strict DER");
  }
  auto issuer = DistinguishedName::Parse(out->issuer_der);
  if (!issuer.ok()) {
    return Malformed("issuer", issuer.status().message());
  }
  out->issuer = *std::move(issuer);
  internal::ParsedTime this_update;
  internal::ParsedTime next_update;
  if (!internal::ReadTime(&tbs, &this_update) ||
      !internal::ReadTime(&tbs, &next_update)) {
    return Malformed("update times", "are not two times in strict DER");
  }
  out->this_update = this_update.time;
  out->next_update = next_update.time;
  bool removes = false;
  if (CBS_peek_asn1_tag(&tbs, CBS_ASN1_SEQUENCE)) {
    if (!internal::ReadContent(&tbs, CBS_ASN1_SEQUENCE, entries)) {
      return Malformed("revokedCertificates", "are not strict DER");
    }
    BIRTHMARK_RETURN_IF_ERROR(ParseEntries(*entries, out, by_serial, &removes));
  }
  CBS outer;
  CBS extensions;
  if (!CBS_get_asn1(&tbs, &outer, internal::ContextConstructedTag(0)) ||
      CBS_len(&tbs) != 0 ||
      !CBS_get_asn1(&outer, &extensions, CBS_ASN1_SEQUENCE) ||
      CBS_len(&outer) != 0 ||
      !internal::ForEachExtension(
          extensions, [out](const internal::ExtensionView& extension) {
            return ParseCrlExtension(extension, out);
          })) {
    return Malformed("crlExtensions", "are missing, spoiled or not supported");
  }
  return CheckKind(*out, removes);
}

}  // namespace

absl::StatusOr<Crl> Crl::Parse(absl::string_view der, size_t limit) {
  if (der.size() > limit) {
    return Malformed("size", "is above the limit");
  }
  auto data = std::make_shared<Data>();
  CrlFields& fields = data->fields;
  fields.der = std::string(der);
  CBS input = internal::ToCbs(fields.der);
  CBS list;
  absl::string_view algorithm;
  if (!CBS_get_asn1(&input, &list, CBS_ASN1_SEQUENCE) || CBS_len(&input) != 0 ||
      !internal::ReadElement(&list, CBS_ASN1_SEQUENCE, &fields.tbs) ||
      !internal::ReadElement(&list, CBS_ASN1_SEQUENCE, &algorithm) ||
      !internal::ReadBitString(&list, &fields.signature) ||
      CBS_len(&list) != 0) {
    return Malformed("outer SEQUENCE", "is not strict DER");
  }
  auto signature_algorithm = crypto::ParseAlgorithmIdentifier(algorithm);
  if (!signature_algorithm.ok()) {
    return Malformed("signatureAlgorithm", "is not supported");
  }
  fields.signature_algorithm = *signature_algorithm;
  BIRTHMARK_RETURN_IF_ERROR(
      ParseTbs(algorithm, &fields, &data->entries, &data->by_serial));
  if (!fields.ascending && !SortBySerial(data->entries, &data->by_serial)) {
    return Malformed("revokedCertificates", "have a serial twice");
  }
  return Crl(std::move(data));
}

const CrlFields& Crl::fields() const { return data_->fields; }

std::string Crl::ToPem() const { return PemEncode(kPemCrl, fields().der); }

absl::string_view Crl::entries_der() const { return data_->entries; }

std::optional<CrlEntryView> Crl::Find(absl::string_view serial) const {
  const std::vector<uint32_t>& offsets = data_->by_serial;
  const absl::string_view entries = data_->entries;
  const auto found = std::lower_bound(
      offsets.begin(), offsets.end(), serial,
      [entries](uint32_t offset, absl::string_view wanted) {
        return CompareSerials(SerialAt(entries, offset), wanted) < 0;
      });
  CrlEntryView entry;
  if (found == offsets.end() ||
      !CrlEntryReader(entries.substr(*found)).Next(&entry) ||
      CompareSerials(entry.serial, serial) != 0) {
    return std::nullopt;
  }
  return entry;
}

absl::Status Crl::VerifySignatureBy(const crypto::PublicKey& issuer_key) const {
  if (!issuer_key.Verify(fields().signature_algorithm, fields().tbs,
                         fields().signature)) {
    return MakeError(absl::StatusCode::kUnauthenticated,
                     reasons::kCrlSignatureInvalid,
                     "the CRL was not signed by this issuer",
                     {{"issuer", fields().issuer.ToText()}});
  }
  return absl::OkStatus();
}

}  // namespace birthmark::x509
