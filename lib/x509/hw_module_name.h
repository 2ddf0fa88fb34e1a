// HardwareModuleName names the hardware that holds a key: the otherName that
// IEEE 802.1AR puts into an IDevID's subjectAltName.
#ifndef BIRTHMARK_LIB_X509_HW_MODULE_NAME_H_
#define BIRTHMARK_LIB_X509_HW_MODULE_NAME_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/x509/oid.h"

namespace birthmark::x509 {

// HardwareModuleName ::= SEQUENCE {            -- RFC 4108 5
//   hwType OBJECT IDENTIFIER,
//   hwSerialNum OCTET STRING }
struct HardwareModuleName {
  // The kind of hardware, in the maker's arc.
  Oid hw_type;
  // 1 to 64 octets. Often text, but not always.
  std::string hw_serial;

  // Parse reads one whole DER HardwareModuleName.
  // kInvalidArgument / HW_MODULE_NAME_MALFORMED.
  static absl::StatusOr<HardwareModuleName> Parse(absl::string_view der);

  // ToDer returns the DER. kInvalidArgument / HW_MODULE_NAME_MALFORMED if a
  // field is empty or the serial is longer than 64 octets.
  absl::StatusOr<std::string> ToDer() const;

  // ToText returns "<oid>:<serial>", the serial in hex if it is not printable.
  std::string ToText() const;

  friend bool operator==(const HardwareModuleName& a,
                         const HardwareModuleName& b) {
    return a.hw_type == b.hw_type && a.hw_serial == b.hw_serial;
  }
};

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_HW_MODULE_NAME_H_
