#include "lib/http/target.h"

#include "absl/strings/ascii.h"
#include "lib/base/bytes.h"
#include "lib/base/status_macros.h"

namespace birthmark::http {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = absl::ascii_tolower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

absl::StatusOr<std::string> PercentDecode(absl::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return absl::InvalidArgumentError(
          "a '%' without two hexadecimal digits after it");
    }
    decoded.push_back(static_cast<char>(high << 4 | low));
    i += 2;
  }
  return decoded;
}

absl::StatusOr<std::string> DecodeOcspPath(absl::string_view encoded) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string base64, PercentDecode(encoded));
  if (base64.empty()) {
    return absl::InvalidArgumentError("no request in the path");
  }
  return Base64Decode(base64);
}

}  // namespace birthmark::http
