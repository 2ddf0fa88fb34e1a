#include "lib/x509/crl.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"
#include "lib/x509/der.h"
#include "lib/x509/extension_values.h"
#include "lib/x509/pem.h"
#include "lib/x509/reasons.h"

namespace birthmark::x509 {

struct Crl::Data {
  CrlFields fields;
  // Indexes of entries, in the order of their serials.
  std::vector<uint32_t> by_serial;
};

namespace {

constexpr uint64_t kVersion2 = 1;
constexpr size_t kMaxSerial = 21;  // 20 octets and a sign octet
constexpr size_t kMaxNumber = 20;
constexpr size_t kMaxExtensions = 16;

absl::Status Malformed(absl::string_view where, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kCrlMalformed,
                   absl::StrCat("the CRL's ", where, " ", what),
                   {{"where", where}});
}

absl::string_view WithoutSignOctet(absl::string_view octets) {
  if (octets.size() > 1 && octets.front() == '\0') {
    octets.remove_prefix(1);
  }
  return octets;
}

bool ParseReason(absl::string_view value, RevocationReason* reason) {
  CBS input = internal::ToCbs(value);
  absl::string_view content;
  if (!internal::ReadContent(&input, CBS_ASN1_ENUMERATED, &content) ||
      CBS_len(&input) != 0 || content.size() != 1) {
    return false;
  }
  const int number = content.front();
  // 7 is not used, and 8 (removeFromCRL) is for delta CRLs alone.
  if (number < 0 || number > 10 || number == 7 || number == 8) {
    return false;
  }
  *reason = static_cast<RevocationReason>(number);
  return true;
}

bool ParseInvalidityDate(absl::string_view value, CrlEntry* entry) {
  CBS input = internal::ToCbs(value);
  internal::ParsedTime time;
  if (!internal::ReadTime(&input, &time) || !time.generalized ||
      CBS_len(&input) != 0) {
    return false;
  }
  entry->invalidity_time = time.time;
  return true;
}

// Reads each extension of `extensions` once. `handle` returns false if it is
// malformed or critical and not known.
template <typename Handle>
bool ForEachExtension(CBS extensions, Handle handle) {
  absl::string_view seen[kMaxExtensions];
  size_t count = 0;
  if (CBS_len(&extensions) == 0) {
    return false;
  }
  while (CBS_len(&extensions) != 0) {
    internal::ExtensionView extension;
    if (count == kMaxExtensions ||
        !internal::ReadExtension(&extensions, &extension) ||
        std::find(seen, seen + count, extension.oid) != seen + count) {
      return false;
    }
    seen[count++] = extension.oid;
    if (!handle(extension)) {
      return false;
    }
  }
  return true;
}

bool ParseEntry(CBS* entries, CrlEntry* entry) {
  CBS sequence;
  absl::string_view serial;
  bool negative = false;
  internal::ParsedTime time;
  if (!CBS_get_asn1(entries, &sequence, CBS_ASN1_SEQUENCE) ||
      !internal::ReadInteger(&sequence, &serial, &negative) || negative ||
      serial.size() > kMaxSerial || !internal::ReadTime(&sequence, &time)) {
    return false;
  }
  entry->serial = std::string(WithoutSignOctet(serial));
  entry->revocation_time = time.time;
  if (CBS_len(&sequence) == 0) {
    return true;
  }
  CBS extensions;
  return CBS_get_asn1(&sequence, &extensions, CBS_ASN1_SEQUENCE) &&
         CBS_len(&sequence) == 0 &&
         ForEachExtension(
             extensions, [entry](const internal::ExtensionView& extension) {
               if (extension.oid == oids::kReasonCode) {
                 return ParseReason(extension.value, &entry->reason);
               }
               if (extension.oid == oids::kInvalidityDate) {
                 return ParseInvalidityDate(extension.value, entry);
               }
               return !extension.critical;
             });
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
  // A delta CRL must not be mistaken for a complete one.
  return !extension.critical && extension.oid != oids::kDeltaCrlIndicator;
}

absl::Status ParseEntries(CBS* tbs, CrlFields* out) {
  CBS entries;
  if (!CBS_get_asn1(tbs, &entries, CBS_ASN1_SEQUENCE) ||
      CBS_len(&entries) == 0) {
    return Malformed("revokedCertificates", "are empty or spoiled");
  }
  while (CBS_len(&entries) != 0) {
    if (!ParseEntry(&entries, &out->entries.emplace_back())) {
      return Malformed("revokedCertificates", "have a spoiled entry");
    }
  }
  return absl::OkStatus();
}

// TBSCertList                                             -- RFC 5280 5.1.2
absl::Status ParseTbs(absl::string_view algorithm, CrlFields* out) {
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
  if (CBS_peek_asn1_tag(&tbs, CBS_ASN1_SEQUENCE)) {
    BIRTHMARK_RETURN_IF_ERROR(ParseEntries(&tbs, out));
  }
  CBS outer;
  CBS extensions;
  if (!CBS_get_asn1(&tbs, &outer, internal::ContextConstructedTag(0)) ||
      CBS_len(&tbs) != 0 ||
      !CBS_get_asn1(&outer, &extensions, CBS_ASN1_SEQUENCE) ||
      CBS_len(&outer) != 0 ||
      !ForEachExtension(extensions,
                        [out](const internal::ExtensionView& extension) {
                          return ParseCrlExtension(extension, out);
                        })) {
    return Malformed("crlExtensions", "are missing, spoiled or not supported");
  }
  if (out->authority_key_id.empty() || out->number_octets.empty()) {
    return Malformed("crlExtensions",
                     "lack the authority key identifier or the CRL number");
  }
  return absl::OkStatus();
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
  BIRTHMARK_RETURN_IF_ERROR(ParseTbs(algorithm, &fields));

  const std::vector<CrlEntry>& entries = fields.entries;
  data->by_serial.resize(entries.size());
  for (uint32_t i = 0; i < entries.size(); ++i) {
    data->by_serial[i] = i;
  }
  std::sort(data->by_serial.begin(), data->by_serial.end(),
            [&entries](uint32_t a, uint32_t b) {
              return entries[a].serial < entries[b].serial;
            });
  return Crl(std::move(data));
}

const CrlFields& Crl::fields() const { return data_->fields; }

std::string Crl::ToPem() const { return PemEncode(kPemCrl, fields().der); }

const CrlEntry* Crl::Find(absl::string_view serial) const {
  serial = WithoutSignOctet(serial);
  const std::vector<CrlEntry>& entries = fields().entries;
  const auto found = std::lower_bound(
      data_->by_serial.begin(), data_->by_serial.end(), serial,
      [&entries](uint32_t index, absl::string_view wanted) {
        return absl::string_view(entries[index].serial) < wanted;
      });
  if (found == data_->by_serial.end() || entries[*found].serial != serial) {
    return nullptr;
  }
  return &entries[*found];
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
