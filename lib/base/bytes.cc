#include "lib/base/bytes.h"

#include "absl/status/status.h"
#include "absl/strings/escaping.h"

namespace birthmark {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

int HexValue(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return -1;
}

template <typename Integer>
void AppendBigEndian(Integer value, std::string& out) {
  for (int shift = 8 * (sizeof(Integer) - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xff));
  }
}

template <typename Integer>
bool ReadBigEndian(absl::string_view& in, Integer& value) {
  if (in.size() < sizeof(Integer)) {
    return false;
  }
  value = 0;
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    value = static_cast<Integer>((value << 8) | static_cast<uint8_t>(in[i]));
  }
  in.remove_prefix(sizeof(Integer));
  return true;
}

}  // namespace

std::string HexEncode(absl::string_view bytes) {
  std::string hex(2 * bytes.size(), '\0');
  for (size_t i = 0; i < bytes.size(); ++i) {
    const uint8_t byte = static_cast<uint8_t>(bytes[i]);
    hex[2 * i] = kHexDigits[byte >> 4];
    hex[2 * i + 1] = kHexDigits[byte & 0x0f];
  }
  return hex;
}

absl::StatusOr<std::string> HexDecode(absl::string_view hex) {
  if (hex.size() % 2 != 0) {
    return absl::InvalidArgumentError("hexadecimal text of odd length");
  }
  std::string bytes(hex.size() / 2, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int high = HexValue(hex[2 * i]);
    const int low = HexValue(hex[2 * i + 1]);
    if (high < 0 || low < 0) {
      return absl::InvalidArgumentError("not lower-case hexadecimal");
    }
    bytes[i] = static_cast<char>(high << 4 | low);
  }
  return bytes;
}

std::string Base64Encode(absl::string_view bytes) {
  return absl::Base64Escape(bytes);
}

absl::StatusOr<std::string> Base64Decode(absl::string_view text) {
  std::string bytes;
  // abseil's decoder is lenient in several ways; the one spelling of these
  // bytes is what we accept.
  if (!absl::Base64Unescape(text, &bytes) ||
      absl::Base64Escape(bytes) != text) {
    return absl::InvalidArgumentError("not canonical base64");
  }
  return bytes;
}

std::string Base64UrlEncode(absl::string_view bytes) {
  return absl::WebSafeBase64Escape(bytes);
}

absl::StatusOr<std::string> Base64UrlDecode(absl::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(text, &bytes) ||
      absl::WebSafeBase64Escape(bytes) != text) {
    return absl::InvalidArgumentError("not canonical base64url");
  }
  return bytes;
}

void AppendUint32(uint32_t value, std::string& out) {
  AppendBigEndian(value, out);
}

void AppendUint64(uint64_t value, std::string& out) {
  AppendBigEndian(value, out);
}

bool ReadUint32(absl::string_view& in, uint32_t& value) {
  return ReadBigEndian(in, value);
}

bool ReadUint64(absl::string_view& in, uint64_t& value) {
  return ReadBigEndian(in, value);
}

}  // namespace birthmark
