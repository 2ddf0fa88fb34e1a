// Serial numbers: 16 octets, a 48-bit millisecond timestamp and 80 random
// bits, so that they are unpredictable and yet in the order of time.
#ifndef BIRTHMARK_LIB_X509_SERIAL_H_
#define BIRTHMARK_LIB_X509_SERIAL_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/base/clock.h"

namespace birthmark::x509 {

inline constexpr size_t kSerialSize = 16;

// SerialSource gives serial numbers. Implementations are thread-safe.
class SerialSource {
 public:
  virtual ~SerialSource() = default;
  // Next returns kSerialSize octets, big-endian, never given out before.
  virtual std::string Next() = 0;
};

// RandomSerialSource takes the time from a Clock, which must outlive it, and
// the rest from the system's random source.
class RandomSerialSource : public SerialSource {
 public:
  explicit RandomSerialSource(const Clock& clock) : clock_(clock) {}
  std::string Next() override;

 private:
  const Clock& clock_;
};

// SerialToHex returns the API form: lower-case hex, left-padded to 32 digits,
// without the zero octet that DER may put first.
std::string SerialToHex(absl::string_view octets);

// SerialFromHex is the inverse: exactly 32 lower-case hex digits to
// kSerialSize octets. kInvalidArgument / SERIAL_MALFORMED.
absl::StatusOr<std::string> SerialFromHex(absl::string_view hex);

// SerialTime returns the moment that is written in a serial of kSerialSize.
absl::Time SerialTime(absl::string_view octets);

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_SERIAL_H_
