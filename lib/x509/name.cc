#include "lib/x509/name.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"
#include "lib/x509/der.h"
#include "lib/x509/reasons.h"
#include "lib/x509/string_types.h"

namespace birthmark::x509 {
namespace {

using internal::IsPrintableString;
using internal::ToUtf8;
using internal::Utf8Length;

constexpr size_t kMaxAttributes = 64;

struct AttributeInfo {
  absl::string_view type;
  absl::string_view short_name;  // RFC 4514 3 and the LDAP registry
  size_t max_length;             // RFC 5280 Appendix A.1, or 0
  StringType encoding;
};

constexpr AttributeInfo kAttributes[] = {
    {oids::kCommonName, "CN", 64, StringType::kUtf8},
    {oids::kSurname, "SN", 32768, StringType::kUtf8},
    {oids::kSerialNumber, "serialNumber", 64, StringType::kPrintable},
    {oids::kCountry, "C", 2, StringType::kPrintable},
    {oids::kLocality, "L", 128, StringType::kUtf8},
    {oids::kState, "ST", 128, StringType::kUtf8},
    {oids::kStreet, "STREET", 0, StringType::kUtf8},
    {oids::kOrganization, "O", 64, StringType::kUtf8},
    {oids::kOrganizationalUnit, "OU", 64, StringType::kUtf8},
    {oids::kTitle, "title", 64, StringType::kUtf8},
    {oids::kGivenName, "givenName", 32768, StringType::kUtf8},
    {oids::kDnQualifier, "dnQualifier", 0, StringType::kPrintable},
    {oids::kPseudonym, "pseudonym", 128, StringType::kUtf8},
    {oids::kEmailAddress, "emailAddress", 255, StringType::kIa5},
    {oids::kDomainComponent, "DC", 63, StringType::kIa5},
    {oids::kUserId, "UID", 256, StringType::kUtf8},
};

const AttributeInfo* FindInfo(absl::string_view type) {
  for (const AttributeInfo& info : kAttributes) {
    if (info.type == type) {
      return &info;
    }
  }
  return nullptr;
}

std::string TypeText(absl::string_view type) {
  const AttributeInfo* info = FindInfo(type);
  return info != nullptr ? std::string(info->short_name) : Oid(type).Text();
}

absl::Status Malformed(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kNameMalformed,
                   absl::StrCat("not a distinguished name: ", what));
}

absl::Status Invalid(const NameAttribute& attribute, absl::string_view what) {
  const std::string type = TypeText(attribute.type.content());
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kNameInvalid,
                   absl::StrCat("the name's ", type, " ", what),
                   {{"attribute", type}});
}

CBS_ASN1_TAG TagOf(StringType type) {
  switch (type) {
    case StringType::kPrintable:
      return CBS_ASN1_PRINTABLESTRING;
    case StringType::kIa5:
      return CBS_ASN1_IA5STRING;
    default:
      return CBS_ASN1_UTF8STRING;
  }
}

// AttributeTypeAndValue ::= SEQUENCE { type OID, value ANY }
bool AddAttribute(CBB* set, const NameAttribute& attribute) {
  CBB sequence;
  return CBB_add_asn1(set, &sequence, CBS_ASN1_SEQUENCE) &&
         internal::AddElement(&sequence, CBS_ASN1_OBJECT,
                              attribute.type.content()) &&
         internal::AddElement(&sequence, TagOf(attribute.encoding),
                              attribute.value) &&
         CBB_flush(set);
}

absl::Status CheckWritable(const NameAttribute& attribute) {
  const std::string& value = attribute.value;
  if (attribute.type.empty()) {
    return Invalid(attribute, "has no type");
  }
  if (value.empty()) {
    return Invalid(attribute, "is empty");
  }
  size_t length = 0;
  if (!Utf8Length(value, &length)) {
    return Invalid(attribute, "is not UTF-8");
  }
  const size_t max_length = NameMaxLength(attribute.type.content());
  if (max_length != 0 && length > max_length) {
    return Invalid(attribute,
                   absl::StrCat("is longer than ", max_length, " characters"));
  }
  if (attribute.type == oids::kCountry && length != 2) {
    return Invalid(attribute, "does not have two letters");
  }
  if (attribute.encoding == StringType::kPrintable &&
      !IsPrintableString(value)) {
    return Invalid(attribute, "has characters outside of PrintableString");
  }
  // In ASCII every octet is a character.
  if (attribute.encoding == StringType::kIa5 && length != value.size()) {
    return Invalid(attribute, "is not ASCII");
  }
  return absl::OkStatus();
}

// Escapes by RFC 4514 2.4. Control characters are escaped too: the text may
// end up on a terminal.
std::string Escaped(absl::string_view value) {
  std::string out;
  for (size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const bool first = i == 0;
    const bool last = i + 1 == value.size();
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) {
      absl::StrAppend(&out, "\\", HexEncode(absl::string_view(&c, 1)));
    } else if (absl::string_view("\"+,;<>\\").find(c) !=
                   absl::string_view::npos ||
               (first && (c == ' ' || c == '#')) || (last && c == ' ')) {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
  }
  return out;
}

std::string AttributeText(const NameAttribute& attribute) {
  const AttributeInfo* info = FindInfo(attribute.type.content());
  if (info != nullptr) {
    return absl::StrCat(info->short_name, "=", Escaped(attribute.value));
  }
  internal::Writer writer(attribute.value.size() + 8);
  internal::AddElement(writer.cbb(), TagOf(attribute.encoding),
                       attribute.value);
  return absl::StrCat(attribute.type.Text(), "=#", HexEncode(writer.Take()));
}

}  // namespace

size_t NameMaxLength(absl::string_view type) {
  const AttributeInfo* info = FindInfo(type);
  return info != nullptr ? info->max_length : 0;
}

absl::StatusOr<DistinguishedName> DistinguishedName::Parse(
    absl::string_view der) {
  DistinguishedName name;
  CBS input = internal::ToCbs(der);
  CBS rdns;
  // Name ::= SEQUENCE OF RelativeDistinguishedName
  if (!CBS_get_asn1(&input, &rdns, CBS_ASN1_SEQUENCE)) {
    return Malformed("no SEQUENCE");
  }
  if (CBS_len(&input) != 0) {
    return Malformed("trailing bytes");
  }
  while (CBS_len(&rdns) != 0) {
    // RelativeDistinguishedName ::= SET SIZE (1..MAX) OF AttributeTypeAndValue
    CBS set;
    if (!CBS_get_asn1(&rdns, &set, CBS_ASN1_SET) || CBS_len(&set) == 0) {
      return Malformed("a spoiled RelativeDistinguishedName");
    }
    absl::string_view previous;
    while (CBS_len(&set) != 0) {
      absl::string_view element;
      absl::string_view type;
      CBS value;
      CBS_ASN1_TAG tag;
      if (name.attributes_.size() == kMaxAttributes) {
        return Malformed("too many attributes");
      }
      if (!internal::ReadElement(&set, CBS_ASN1_SEQUENCE, &element)) {
        return Malformed("a spoiled attribute");
      }
      // DER sorts the elements of a SET OF (X.690 11.6).
      if (!previous.empty() && !(previous < element)) {
        return Malformed("the attributes of an RDN are not in order");
      }
      CBS cursor = internal::ToCbs(element);
      CBS attribute;
      if (!CBS_get_asn1(&cursor, &attribute, CBS_ASN1_SEQUENCE) ||
          !internal::ReadOid(&attribute, &type) ||
          !CBS_get_any_asn1(&attribute, &value, &tag) ||
          CBS_len(&attribute) != 0) {
        return Malformed("a spoiled attribute");
      }
      NameAttribute out;
      out.type = Oid(type);
      out.joins_previous = !previous.empty();
      if (!ToUtf8(tag, internal::View(value), &out.encoding, &out.value)) {
        return Malformed(absl::StrCat("the value of ", TypeText(type),
                                      " does not fit its string type"));
      }
      name.attributes_.push_back(std::move(out));
      previous = element;
    }
  }
  return name;
}

DistinguishedName& DistinguishedName::Add(absl::string_view type,
                                          absl::string_view value) {
  const AttributeInfo* info = FindInfo(type);
  NameAttribute attribute;
  attribute.type = Oid(type);
  attribute.value = std::string(value);
  attribute.encoding = info != nullptr ? info->encoding : StringType::kUtf8;
  attributes_.push_back(std::move(attribute));
  return *this;
}

DistinguishedName& DistinguishedName::CommonName(absl::string_view value) {
  return Add(oids::kCommonName, value);
}
DistinguishedName& DistinguishedName::Organization(absl::string_view value) {
  return Add(oids::kOrganization, value);
}
DistinguishedName& DistinguishedName::OrganizationalUnit(
    absl::string_view value) {
  return Add(oids::kOrganizationalUnit, value);
}
DistinguishedName& DistinguishedName::Country(absl::string_view value) {
  return Add(oids::kCountry, value);
}
DistinguishedName& DistinguishedName::SerialNumber(absl::string_view value) {
  return Add(oids::kSerialNumber, value);
}

absl::StatusOr<std::string> DistinguishedName::ToDer() const {
  internal::Writer writer(128);
  CBB rdns;
  CBB set;
  bool ok = CBB_add_asn1(writer.cbb(), &rdns, CBS_ASN1_SEQUENCE);
  for (size_t i = 0; ok && i < attributes_.size(); ++i) {
    const NameAttribute& attribute = attributes_[i];
    BIRTHMARK_RETURN_IF_ERROR(CheckWritable(attribute));
    if (i == 0 || !attribute.joins_previous) {
      ok = CBB_flush(&rdns) && CBB_add_asn1(&rdns, &set, CBS_ASN1_SET);
    }
    ok = ok && AddAttribute(&set, attribute);
    const bool ends =
        i + 1 == attributes_.size() || !attributes_[i + 1].joins_previous;
    ok = ok && (!ends || CBB_flush_asn1_set_of(&set));
  }
  std::string der = ok ? writer.Take() : "";
  if (der.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, reasons::kNameInvalid,
                     "the name cannot be encoded");
  }
  return der;
}

std::string DistinguishedName::ToText() const {
  std::string text;
  // Whole RDNs in reverse order, attributes of one RDN in their own order.
  size_t end = attributes_.size();
  while (end > 0) {
    size_t begin = end - 1;
    while (begin > 0 && attributes_[begin].joins_previous) {
      --begin;
    }
    for (size_t i = begin; i < end; ++i) {
      if (!text.empty()) {
        text += i == begin ? ',' : '+';
      }
      text += AttributeText(attributes_[i]);
    }
    end = begin;
  }
  return text;
}

std::optional<std::string> DistinguishedName::Get(
    absl::string_view type) const {
  for (const NameAttribute& attribute : attributes_) {
    if (attribute.type == type) {
      return attribute.value;
    }
  }
  return std::nullopt;
}

}  // namespace birthmark::x509
