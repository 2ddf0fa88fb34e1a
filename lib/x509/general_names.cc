#include "lib/x509/general_names.h"

#include <arpa/inet.h>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"
#include "lib/x509/der.h"
#include "lib/x509/oid.h"
#include "lib/x509/reasons.h"

namespace birthmark::x509 {
namespace {

using internal::ContextConstructedTag;
using internal::ContextTag;

// GeneralName ::= CHOICE                                     -- RFC
// 5280 4.2.1.6
constexpr CBS_ASN1_TAG kOtherName = ContextConstructedTag(0);
constexpr CBS_ASN1_TAG kRfc822Name = ContextTag(1);
constexpr CBS_ASN1_TAG kDnsName = ContextTag(2);
constexpr CBS_ASN1_TAG kX400Address = ContextConstructedTag(3);
constexpr CBS_ASN1_TAG kDirectoryName = ContextConstructedTag(4);
constexpr CBS_ASN1_TAG kEdiPartyName = ContextConstructedTag(5);
constexpr CBS_ASN1_TAG kUri = ContextTag(6);
constexpr CBS_ASN1_TAG kIpAddress = ContextTag(7);
constexpr CBS_ASN1_TAG kRegisteredId = ContextTag(8);

constexpr int kMaxNames = 64;

absl::Status Malformed(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kSanMalformed,
                   absl::StrCat("subjectAltName: ", what));
}

absl::Status Invalid(absl::string_view field, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kSanInvalid,
                   absl::StrCat("subjectAltName: the ", field, " ", what),
                   {{"field", field}});
}

bool IsIpSize(size_t size) { return size == 4 || size == 16; }

// OtherName ::= SEQUENCE { type-id OID, value [0] EXPLICIT ANY }, tagged [0]
// IMPLICIT in a GeneralName.
absl::Status ParseOtherName(CBS content, SubjectAltNames* out) {
  absl::string_view type;
  CBS value;
  if (!internal::ReadOid(&content, &type) ||
      !CBS_get_asn1(&content, &value, ContextConstructedTag(0)) ||
      CBS_len(&content) != 0) {
    return Malformed("a spoiled otherName");
  }
  if (type != oids::kHardwareModuleName || out->hw_module_name.has_value()) {
    ++out->others;
    return absl::OkStatus();
  }
  BIRTHMARK_ASSIGN_OR_RETURN(out->hw_module_name,
                             HardwareModuleName::Parse(internal::View(value)));
  return absl::OkStatus();
}

absl::Status ParseText(const CBS& content, absl::string_view what,
                       std::vector<std::string>* out) {
  const absl::string_view text = internal::View(content);
  if (text.empty() || !internal::IsAsciiGraphic(text)) {
    return Malformed(
        absl::StrCat("a ", what, " that is empty or not printable ASCII"));
  }
  out->emplace_back(text);
  return absl::OkStatus();
}

absl::Status AddTexts(CBB* names, CBS_ASN1_TAG tag, absl::string_view field,
                      const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (text.empty() || !internal::IsAsciiGraphic(text)) {
      return Invalid(field, "is empty or not printable ASCII");
    }
    if (!internal::AddElement(names, tag, text)) {
      return Invalid(field, "cannot be encoded");
    }
  }
  return absl::OkStatus();
}

absl::Status AddHardwareModuleName(CBB* names, const HardwareModuleName& name) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string der, name.ToDer());
  CBB other_name;
  CBB value;
  if (!CBB_add_asn1(names, &other_name, kOtherName) ||
      !internal::AddElement(&other_name, CBS_ASN1_OBJECT,
                            oids::kHardwareModuleName) ||
      !CBB_add_asn1(&other_name, &value, ContextConstructedTag(0)) ||
      !internal::AddBytes(&value, der) || !CBB_flush(names)) {
    return Invalid("hw_module_name", "cannot be encoded");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SubjectAltNames> SubjectAltNames::Parse(absl::string_view der) {
  SubjectAltNames out;
  CBS input = internal::ToCbs(der);
  CBS names;
  if (!CBS_get_asn1(&input, &names, CBS_ASN1_SEQUENCE) ||
      CBS_len(&input) != 0) {
    return Malformed("no SEQUENCE, or trailing bytes");
  }
  if (CBS_len(&names) == 0) {
    return Malformed("no entry");
  }
  for (int count = 0; CBS_len(&names) != 0; ++count) {
    CBS content;
    CBS_ASN1_TAG tag;
    if (count == kMaxNames) {
      return Malformed("too many entries");
    }
    if (!CBS_get_any_asn1(&names, &content, &tag)) {
      return Malformed("a spoiled entry");
    }
    switch (tag) {
      case kOtherName:
        BIRTHMARK_RETURN_IF_ERROR(ParseOtherName(content, &out));
        break;
      case kRfc822Name:
        BIRTHMARK_RETURN_IF_ERROR(ParseText(content, "e-mail", &out.emails));
        break;
      case kDnsName:
        BIRTHMARK_RETURN_IF_ERROR(
            ParseText(content, "DNS name", &out.dns_names));
        break;
      case kUri:
        BIRTHMARK_RETURN_IF_ERROR(ParseText(content, "URI", &out.uris));
        break;
      case kIpAddress:
        if (!IsIpSize(CBS_len(&content))) {
          return Malformed("an address of neither 4 nor 16 octets");
        }
        out.ip_addresses.emplace_back(internal::View(content));
        break;
      case kX400Address:
      case kDirectoryName:
      case kEdiPartyName:
      case kRegisteredId:
        ++out.others;
        break;
      default:
        return Malformed("an entry of an unknown kind");
    }
  }
  return out;
}

absl::StatusOr<std::string> SubjectAltNames::ToDer() const {
  if (uris.empty() && dns_names.empty() && ip_addresses.empty() &&
      emails.empty() && !hw_module_name.has_value()) {
    return Invalid("list", "is empty");
  }
  internal::Writer writer(256);
  CBB names;
  if (!CBB_add_asn1(writer.cbb(), &names, CBS_ASN1_SEQUENCE)) {
    return Invalid("list", "cannot be encoded");
  }
  BIRTHMARK_RETURN_IF_ERROR(AddTexts(&names, kUri, "uri", uris));
  BIRTHMARK_RETURN_IF_ERROR(AddTexts(&names, kDnsName, "dns_name", dns_names));
  for (const std::string& address : ip_addresses) {
    if (!IsIpSize(address.size()) ||
        !internal::AddElement(&names, kIpAddress, address)) {
      return Invalid("ip_address", "has neither 4 nor 16 octets");
    }
  }
  BIRTHMARK_RETURN_IF_ERROR(AddTexts(&names, kRfc822Name, "email", emails));
  if (hw_module_name.has_value()) {
    BIRTHMARK_RETURN_IF_ERROR(AddHardwareModuleName(&names, *hw_module_name));
  }
  return writer.Take();
}

std::string IpAddressText(absl::string_view octets) {
  char text[INET6_ADDRSTRLEN];
  if (!IsIpSize(octets.size()) ||
      inet_ntop(octets.size() == 4 ? AF_INET : AF_INET6, octets.data(), text,
                sizeof(text)) == nullptr) {
    return "";
  }
  return text;
}

absl::StatusOr<std::string> IpAddressFromText(absl::string_view text) {
  const std::string terminated(text);
  char octets[16];
  // A C string ends at its first NUL, and so would what is looked at.
  if (text.find('\0') != absl::string_view::npos) {
    return Invalid("ip_address", "has a NUL character");
  }
  if (inet_pton(AF_INET, terminated.c_str(), octets) == 1) {
    return std::string(octets, 4);
  }
  if (inet_pton(AF_INET6, terminated.c_str(), octets) == 1) {
    return std::string(octets, 16);
  }
  return Invalid("ip_address", "is neither IPv4 nor IPv6");
}

}  // namespace birthmark::x509
