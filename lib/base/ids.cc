#include "lib/base/ids.h"

#include <algorithm>
#include <cstdint>

#include "lib/base/bytes.h"

namespace birthmark {
namespace {

bool IsLowerHex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// Formats 16 bytes as a UUID of `version`, putting version and variant in.
std::string FormatUuid(std::string bytes, uint8_t version) {
  bytes[6] = static_cast<char>((version << 4) |
                               (static_cast<uint8_t>(bytes[6]) & 0x0f));
  bytes[8] = static_cast<char>(0x80 | (static_cast<uint8_t>(bytes[8]) & 0x3f));
  std::string text = HexEncode(bytes);
  for (const size_t position : {20, 16, 12, 8}) {
    text.insert(position, 1, '-');
  }
  return text;
}

bool IsUuid(absl::string_view text, char version) {
  if (text.size() != 36) {
    return false;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !IsLowerHex(text[i])) {
      return false;
    }
  }
  const char variant = text[19];
  return text[14] == version &&
         (variant == '8' || variant == '9' || variant == 'a' || variant == 'b');
}

}  // namespace

std::string FormatUid(absl::Time time, absl::string_view random) {
  std::string bytes;
  AppendUint64(static_cast<uint64_t>(absl::ToUnixMillis(time)) << 16, bytes);
  bytes.resize(6);
  bytes.append(random.data(), random.size());
  return FormatUuid(std::move(bytes), 7);
}

std::string FormatRequestId(absl::string_view random) {
  return FormatUuid(std::string(random), 4);
}

bool IsUid(absl::string_view text) { return IsUuid(text, '7'); }

bool IsRequestId(absl::string_view text) { return IsUuid(text, '4'); }

bool IsResourceId(absl::string_view text) {
  return !text.empty() && text.size() <= 63 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

bool IsKeyId(absl::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), IsLowerHex);
}

bool IsSerial(absl::string_view text) {
  if (text.size() < 2 || text.size() > 40 || text.size() % 2 != 0 ||
      !std::all_of(text.begin(), text.end(), IsLowerHex)) {
    return false;
  }
  const bool negative = text[0] >= '8';
  const bool zero_first = text[0] == '0' && text[1] == '0';
  // A zero octet in front is right only where the next would look negative,
  // as in DER; a lone zero octet is the number zero, which is not positive.
  return !negative && (!zero_first || (text.size() > 2 && text[2] >= '8'));
}

}  // namespace birthmark
