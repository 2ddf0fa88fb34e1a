// DistinguishedName is an X.501 Name: an ordered list of typed attributes.
#ifndef BIRTHMARK_LIB_X509_NAME_H_
#define BIRTHMARK_LIB_X509_NAME_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/x509/oid.h"

namespace birthmark::x509 {

// StringType says how a value stood, or shall stand, in the DER.
enum class StringType {
  kPrintable,
  kUtf8,
  kIa5,
  // Read but never written: their values are converted to UTF-8.
  kTeletex,
  kBmp,
  kUniversal,
};

struct NameAttribute {
  Oid type;
  std::string value;  // UTF-8
  StringType encoding = StringType::kUtf8;
  // True if the attribute is in the same RelativeDistinguishedName as the one
  // before it.
  bool joins_previous = false;
};

// DistinguishedName is a value type; const methods are thread-safe.
class DistinguishedName {
 public:
  DistinguishedName() = default;

  // Parse reads a whole DER Name (RFC 5280 4.1.2.4), at most 64 attributes.
  // Values must be valid in their string type; lengths are not checked (see
  // lint.h). kInvalidArgument / NAME_MALFORMED.
  static absl::StatusOr<DistinguishedName> Parse(absl::string_view der);

  // Add appends an attribute in an RDN of its own, in the encoding that RFC
  // 5280 wants: PrintableString for country, serialNumber and dnQualifier,
  // IA5String for domainComponent and emailAddress, else UTF8String.
  // Nothing is checked before ToDer. Returns *this.
  DistinguishedName& Add(absl::string_view type, absl::string_view value);

  // Short forms of Add.
  DistinguishedName& CommonName(absl::string_view value);
  DistinguishedName& Organization(absl::string_view value);
  DistinguishedName& OrganizationalUnit(absl::string_view value);
  DistinguishedName& Country(absl::string_view value);
  DistinguishedName& SerialNumber(absl::string_view value);

  // ToDer returns the DER Name. Values that are empty, longer than the upper
  // bounds of RFC 5280 Appendix A.1 (e.g. 64 characters of common name), or
  // not of their string type's characters: kInvalidArgument / NAME_INVALID.
  absl::StatusOr<std::string> ToDer() const;

  // ToText returns the form of RFC 4514: last RDN first, escaped.
  std::string ToText() const;

  // Get returns the value of the first attribute of `type`.
  std::optional<std::string> Get(absl::string_view type) const;

  const std::vector<NameAttribute>& attributes() const { return attributes_; }
  bool empty() const { return attributes_.empty(); }

 private:
  std::vector<NameAttribute> attributes_;
};

// NameMaxLength returns the upper bound, in characters, of the attribute
// `type` in RFC 5280 Appendix A.1, or 0 if it has none.
size_t NameMaxLength(absl::string_view type);

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_NAME_H_
