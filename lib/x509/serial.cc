#include "lib/x509/serial.h"

#include <cstdint>
#include <cstring>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/x509/reasons.h"

namespace birthmark::x509 {
namespace {

absl::string_view WithoutZeros(absl::string_view octets) {
  while (!octets.empty() && octets.front() == '\0') {
    octets.remove_prefix(1);
  }
  return octets;
}

}  // namespace

std::string SerialToHex(absl::string_view octets) {
  while (octets.size() > kSerialSize && octets.front() == '\0') {
    octets.remove_prefix(1);
  }
  std::string padded;
  if (octets.size() < kSerialSize) {
    padded.assign(kSerialSize - octets.size(), '\0');
  }
  padded.append(octets.data(), octets.size());
  return HexEncode(padded);
}

absl::StatusOr<std::string> SerialFromHex(absl::string_view hex) {
  auto octets = HexDecode(hex);
  if (!octets.ok() || octets->size() != kSerialSize) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     reasons::kSerialMalformed,
                     "a serial number is 32 lower-case hex digits");
  }
  return octets;
}

absl::Time SerialTime(absl::string_view octets) {
  if (octets.size() != kSerialSize) {
    return absl::InfinitePast();
  }
  int64_t milliseconds = 0;
  for (const char c : octets.substr(0, 6)) {
    milliseconds = milliseconds << 8 | static_cast<uint8_t>(c);
  }
  return absl::FromUnixMillis(milliseconds);
}

int CompareSerials(absl::string_view a, absl::string_view b) {
  a = WithoutZeros(a);
  b = WithoutZeros(b);
  if (a.size() != b.size()) {
    return a.size() < b.size() ? -1 : 1;
  }
  return a.empty() ? 0 : std::memcmp(a.data(), b.data(), a.size());
}

}  // namespace birthmark::x509
