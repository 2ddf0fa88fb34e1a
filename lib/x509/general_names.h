// SubjectAltNames is the content of a subjectAltName extension.
#ifndef BIRTHMARK_LIB_X509_GENERAL_NAMES_H_
#define BIRTHMARK_LIB_X509_GENERAL_NAMES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/x509/hw_module_name.h"

namespace birthmark::x509 {

// SubjectAltNames is a value type.
struct SubjectAltNames {
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  // 4 or 16 octets each.
  std::vector<std::string> ip_addresses;
  std::vector<std::string> emails;
  std::optional<HardwareModuleName> hw_module_name;
  // Entries of other kinds (directoryName, registeredID, other otherNames, a
  // second hwModuleName). Counted when read; never written.
  int others = 0;

  bool empty() const {
    return uris.empty() && dns_names.empty() && ip_addresses.empty() &&
           emails.empty() && !hw_module_name.has_value() && others == 0;
  }

  // Parse reads a whole DER GeneralNames (RFC 5280 4.2.1.6), at most 64
  // entries, at least one. IA5String contents must be ASCII without control
  // characters. kInvalidArgument / SAN_MALFORMED.
  static absl::StatusOr<SubjectAltNames> Parse(absl::string_view der);

  // ToDer returns the DER GeneralNames: URIs, DNS names, addresses, e-mails,
  // hwModuleName, in this order. kInvalidArgument / SAN_INVALID for an empty
  // value, one that is not ASCII, or an address of another length.
  absl::StatusOr<std::string> ToDer() const;
};

// IpAddressText returns an address of 4 or 16 octets as text, "" otherwise.
std::string IpAddressText(absl::string_view octets);

// IpAddressFromText parses IPv4 or IPv6 text to octets.
// kInvalidArgument / SAN_INVALID.
absl::StatusOr<std::string> IpAddressFromText(absl::string_view text);

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_GENERAL_NAMES_H_
