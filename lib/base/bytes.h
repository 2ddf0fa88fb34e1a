// Bytes as text: hexadecimal and base64, one spelling each, so that equal bytes
// have equal text. Pure functions.

#ifndef BIRTHMARK_LIB_BASE_BYTES_H_
#define BIRTHMARK_LIB_BASE_BYTES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark {

// HexEncode returns `bytes` in lower-case hexadecimal.
std::string HexEncode(absl::string_view bytes);

// HexDecode reads what HexEncode writes. kInvalidArgument on odd length, upper
// case, or any other character.
absl::StatusOr<std::string> HexDecode(absl::string_view hex);

// Base64Encode returns `bytes` in RFC 4648 base64 with padding, without lines.
std::string Base64Encode(absl::string_view bytes);

// Base64Decode reads what Base64Encode writes. kInvalidArgument on missing
// padding, white space, foreign characters, or bits set in the padding.
absl::StatusOr<std::string> Base64Decode(absl::string_view text);

// Base64UrlEncode returns `bytes` in RFC 4648 base64url without padding.
std::string Base64UrlEncode(absl::string_view bytes);

// Base64UrlDecode reads what Base64UrlEncode writes, as strictly.
absl::StatusOr<std::string> Base64UrlDecode(absl::string_view text);

// AppendUint32 and AppendUint64 append a big-endian number to `out`.
void AppendUint32(uint32_t value, std::string& out);
void AppendUint64(uint64_t value, std::string& out);

// ReadUint32 and ReadUint64 take a big-endian number off the front of `in`.
// False, with `in` untouched, if it is too short.
bool ReadUint32(absl::string_view& in, uint32_t& value);
bool ReadUint64(absl::string_view& in, uint64_t& value);

}  // namespace birthmark

#endif  // BIRTHMARK_LIB_BASE_BYTES_H_
