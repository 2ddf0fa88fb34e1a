#include "lib/x509/extension_values.h"

#include "lib/x509/der.h"

namespace birthmark::x509::internal {
namespace {

constexpr CBS_ASN1_TAG kUriName = ContextTag(6);
constexpr int kMaxBit = 8;          // decipherOnly
constexpr uint64_t kMaxPath = 255;  // far more than anyone chains

// Opens the SEQUENCE that is all of `value`.
bool OpenSequence(absl::string_view value, CBS* out) {
  CBS input = ToCbs(value);
  return CBS_get_asn1(&input, out, CBS_ASN1_SEQUENCE) && CBS_len(&input) == 0;
}

// Appends the URIs among GeneralNames and skips the other kinds.
bool ParseUris(CBS names, std::vector<std::string>* uris) {
  if (CBS_len(&names) == 0) {
    return false;
  }
  while (CBS_len(&names) != 0) {
    CBS content;
    CBS_ASN1_TAG tag;
    if (!CBS_get_any_asn1(&names, &content, &tag)) {
      return false;
    }
    if (tag == kUriName) {
      const absl::string_view uri = View(content);
      if (uri.empty() || !IsAsciiGraphic(uri)) {
        return false;
      }
      uris->emplace_back(uri);
    }
  }
  return true;
}

// DistributionPointName ::= CHOICE { fullName [0] GeneralNames,
//   nameRelativeToCRLIssuer [1] RelativeDistinguishedName }, EXPLICIT in [0].
bool ParseDistributionPointName(CBS name, std::vector<std::string>* uris) {
  CBS full_name;
  return CBS_get_asn1(&name, &full_name, ContextConstructedTag(0)) &&
         CBS_len(&name) == 0 && ParseUris(full_name, uris);
}

// Takes an IMPLICIT BOOLEAN DEFAULT FALSE off `in`.
bool TakeFlag(CBS* in, unsigned number, bool* value) {
  CBS content;
  int present = 0;
  if (!CBS_get_optional_asn1(in, &content, &present, ContextTag(number))) {
    return false;
  }
  *value = present != 0;
  return !present || View(content) == "\xff";
}

}  // namespace

bool ParseKeyUsage(absl::string_view value, uint16_t* bits) {
  CBS input = ToCbs(value);
  CBS content;
  if (!CBS_get_asn1(&input, &content, CBS_ASN1_BITSTRING) ||
      CBS_len(&input) != 0 || !CBS_is_valid_asn1_bitstring(&content)) {
    return false;
  }
  *bits = 0;
  for (int bit = 0; bit <= kMaxBit; ++bit) {
    if (CBS_asn1_bitstring_has_bit(&content, bit)) {
      *bits |= static_cast<uint16_t>(1 << bit);
    }
  }
  // Named bit lists have no trailing zero bits (X.690 11.2.2), so the last bit
  // that is there must be set and known.
  uint8_t unused_bits = 0;
  CBS octets = content;
  if (!CBS_get_u8(&octets, &unused_bits) || CBS_len(&octets) == 0) {
    return false;
  }
  const int last = static_cast<int>(CBS_len(&octets)) * 8 - unused_bits - 1;
  return last <= kMaxBit && (*bits >> last) == 1;
}

bool ParseBasicConstraints(absl::string_view value, BasicConstraints* out) {
  CBS sequence;
  if (!OpenSequence(value, &sequence)) {
    return false;
  }
  if (CBS_peek_asn1_tag(&sequence, CBS_ASN1_BOOLEAN)) {
    int is_ca = 0;
    if (!CBS_get_asn1_bool(&sequence, &is_ca) || !is_ca) {
      return false;
    }
    out->is_ca = true;
  }
  if (CBS_len(&sequence) != 0) {
    uint64_t path_length = 0;
    // RFC 5280 4.2.1.9: only with cA.
    if (!out->is_ca || !CBS_get_asn1_uint64(&sequence, &path_length) ||
        path_length > kMaxPath) {
      return false;
    }
    out->path_length = static_cast<int>(path_length);
  }
  return CBS_len(&sequence) == 0;
}

bool ParseExtendedKeyUsage(absl::string_view value, std::vector<Oid>* out) {
  CBS sequence;
  if (!OpenSequence(value, &sequence) || CBS_len(&sequence) == 0) {
    return false;
  }
  while (CBS_len(&sequence) != 0) {
    absl::string_view usage;
    if (!ReadOid(&sequence, &usage)) {
      return false;
    }
    out->emplace_back(usage);
  }
  return true;
}

bool ParseAuthorityKeyId(absl::string_view value,
                         std::optional<std::string>* key_id) {
  CBS sequence;
  CBS content;
  int present = 0;
  if (!OpenSequence(value, &sequence) ||
      !CBS_get_optional_asn1(&sequence, &content, &present, ContextTag(0))) {
    return false;
  }
  if (present) {
    *key_id = std::string(View(content));
  }
  // authorityCertIssuer and authorityCertSerialNumber are both there or not.
  int has_issuer = 0;
  int has_serial = 0;
  return CBS_get_optional_asn1(&sequence, &content, &has_issuer,
                               ContextConstructedTag(1)) &&
         CBS_get_optional_asn1(&sequence, &content, &has_serial,
                               ContextTag(2)) &&
         has_issuer == has_serial && CBS_len(&sequence) == 0;
}

bool ParseSubjectKeyId(absl::string_view value, std::string* key_id) {
  CBS input = ToCbs(value);
  absl::string_view content;
  if (!ReadContent(&input, CBS_ASN1_OCTETSTRING, &content) ||
      CBS_len(&input) != 0 || content.empty()) {
    return false;
  }
  *key_id = std::string(content);
  return true;
}

bool ParseCrlDistributionPoints(absl::string_view value,
                                std::vector<std::string>* uris) {
  CBS points;
  if (!OpenSequence(value, &points) || CBS_len(&points) == 0) {
    return false;
  }
  while (CBS_len(&points) != 0) {
    // DistributionPoint ::= SEQUENCE { distributionPoint [0], reasons [1],
    //                                  cRLIssuer [2] }       -- all OPTIONAL
    CBS point;
    CBS name;
    int has_name = 0;
    int present = 0;
    if (!CBS_get_asn1(&points, &point, CBS_ASN1_SEQUENCE) ||
        !CBS_get_optional_asn1(&point, &name, &has_name,
                               ContextConstructedTag(0)) ||
        (has_name && !ParseDistributionPointName(name, uris)) ||
        !CBS_get_optional_asn1(&point, &name, &present, ContextTag(1)) ||
        !CBS_get_optional_asn1(&point, &name, &present,
                               ContextConstructedTag(2)) ||
        CBS_len(&point) != 0 || (!has_name && !present)) {
      return false;
    }
  }
  return true;
}

bool IsNull(absl::string_view value) {
  return value == absl::string_view("\x05\x00", 2);
}

bool ParseAuthorityInfoAccess(absl::string_view value,
                              std::vector<std::string>* ca_issuers,
                              std::vector<std::string>* ocsp) {
  CBS descriptions;
  if (!OpenSequence(value, &descriptions) || CBS_len(&descriptions) == 0) {
    return false;
  }
  while (CBS_len(&descriptions) != 0) {
    CBS description;
    absl::string_view method;
    CBS location;
    CBS_ASN1_TAG tag;
    if (!CBS_get_asn1(&descriptions, &description, CBS_ASN1_SEQUENCE) ||
        !ReadOid(&description, &method) ||
        !CBS_get_any_asn1(&description, &location, &tag) ||
        CBS_len(&description) != 0) {
      return false;
    }
    if (tag != kUriName) {
      continue;
    }
    const absl::string_view uri = View(location);
    if (uri.empty() || !IsAsciiGraphic(uri)) {
      return false;
    }
    if (method == oids::kCaIssuers) {
      ca_issuers->emplace_back(uri);
    } else if (method == oids::kOcsp) {
      ocsp->emplace_back(uri);
    }
  }
  return true;
}

bool ParseCertificatePolicies(absl::string_view value,
                              std::vector<Oid>* policies) {
  CBS sequence;
  if (!OpenSequence(value, &sequence) || CBS_len(&sequence) == 0) {
    return false;
  }
  while (CBS_len(&sequence) != 0) {
    CBS information;
    CBS qualifiers;
    absl::string_view policy;
    if (!CBS_get_asn1(&sequence, &information, CBS_ASN1_SEQUENCE) ||
        !ReadOid(&information, &policy)) {
      return false;
    }
    if (CBS_len(&information) != 0 &&
        (!CBS_get_asn1(&information, &qualifiers, CBS_ASN1_SEQUENCE) ||
         CBS_len(&information) != 0)) {
      return false;
    }
    // RFC 5280 4.2.1.4: a policy must not stand more than once.
    for (const Oid& other : *policies) {
      if (other == policy) {
        return false;
      }
    }
    policies->emplace_back(policy);
  }
  return true;
}

bool ParseIssuingDistributionPoint(absl::string_view value,
                                   std::vector<std::string>* uris,
                                   bool* partial) {
  CBS sequence;
  CBS name;
  CBS reasons;
  int has_name = 0;
  int has_reasons = 0;
  bool only_user = false;
  bool only_ca = false;
  bool indirect = false;
  bool only_attribute = false;
  if (!OpenSequence(value, &sequence) ||
      !CBS_get_optional_asn1(&sequence, &name, &has_name,
                             ContextConstructedTag(0)) ||
      (has_name && !ParseDistributionPointName(name, uris)) ||
      !TakeFlag(&sequence, 1, &only_user) ||
      !TakeFlag(&sequence, 2, &only_ca) ||
      !CBS_get_optional_asn1(&sequence, &reasons, &has_reasons,
                             ContextTag(3)) ||
      !TakeFlag(&sequence, 4, &indirect) ||
      !TakeFlag(&sequence, 5, &only_attribute) || CBS_len(&sequence) != 0) {
    return false;
  }
  *partial = only_user || only_ca || has_reasons || indirect || only_attribute;
  // RFC 5280 5.2.5: an empty SEQUENCE must not be written.
  return has_name || *partial;
}

}  // namespace birthmark::x509::internal
