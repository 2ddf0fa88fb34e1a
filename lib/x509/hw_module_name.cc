#include "lib/x509/hw_module_name.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/x509/der.h"
#include "lib/x509/reasons.h"

namespace birthmark::x509 {
namespace {

constexpr size_t kMaxSerial = 64;

absl::Status Malformed(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   reasons::kHwModuleNameMalformed,
                   absl::StrCat("hardwareModuleName: ", what));
}

}  // namespace

absl::StatusOr<HardwareModuleName> HardwareModuleName::Parse(
    absl::string_view der) {
  CBS input = internal::ToCbs(der);
  CBS sequence;
  absl::string_view type;
  absl::string_view serial;
  if (!CBS_get_asn1(&input, &sequence, CBS_ASN1_SEQUENCE) ||
      CBS_len(&input) != 0 || !internal::ReadOid(&sequence, &type) ||
      !internal::ReadContent(&sequence, CBS_ASN1_OCTETSTRING, &serial) ||
      CBS_len(&sequence) != 0) {
    return Malformed("not the DER of RFC 4108 5");
  }
  if (serial.empty() || serial.size() > kMaxSerial) {
    return Malformed("the serial number has 1 to 64 octets");
  }
  return HardwareModuleName{Oid(type), std::string(serial)};
}

absl::StatusOr<std::string> HardwareModuleName::ToDer() const {
  if (hw_type.empty()) {
    return Malformed("no hardware type");
  }
  if (hw_serial.empty() || hw_serial.size() > kMaxSerial) {
    return Malformed("the serial number has 1 to 64 octets");
  }
  internal::Writer writer(96);
  CBB sequence;
  if (!CBB_add_asn1(writer.cbb(), &sequence, CBS_ASN1_SEQUENCE) ||
      !internal::AddElement(&sequence, CBS_ASN1_OBJECT, hw_type.content()) ||
      !internal::AddElement(&sequence, CBS_ASN1_OCTETSTRING, hw_serial)) {
    return Malformed("it cannot be encoded");
  }
  return writer.Take();
}

std::string HardwareModuleName::ToText() const {
  const bool printable =
      std::all_of(hw_serial.begin(), hw_serial.end(),
                  [](char c) { return c >= 0x20 && c <= 0x7e; });
  return absl::StrCat(hw_type.Text(), ":",
                      printable ? hw_serial : HexEncode(hw_serial));
}

}  // namespace birthmark::x509
