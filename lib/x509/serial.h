// Serial numbers between their octets and their API form. What makes them is
// crypto::SerialSource: 16 octets, a 48-bit millisecond timestamp and 80
// random bits. Pure functions.
#ifndef BIRTHMARK_LIB_X509_SERIAL_H_
#define BIRTHMARK_LIB_X509_SERIAL_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace birthmark::x509 {

inline constexpr size_t kSerialSize = 16;

// SerialToHex returns the API form: lower-case hex, left-padded to 32 digits,
// without the zero octet that DER may put first.
std::string SerialToHex(absl::string_view octets);

// SerialFromHex is the inverse: exactly 32 lower-case hex digits to
// kSerialSize octets. kInvalidArgument / SERIAL_MALFORMED.
absl::StatusOr<std::string> SerialFromHex(absl::string_view hex);

// SerialTime returns the moment that is written into a serial of kSerialSize
// octets, or absl::InfinitePast() for any other length.
absl::Time SerialTime(absl::string_view octets);

// CompareSerials orders serials by their value: negative if `a` is the lower
// one, 0 if they are the same number. Big-endian octets, leading zeros allowed.
int CompareSerials(absl::string_view a, absl::string_view b);

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_SERIAL_H_
