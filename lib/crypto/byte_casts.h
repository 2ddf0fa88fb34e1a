// AsBytes and AsChars are the only casts between the bytes of this project
// (char) and those of BoringSSL (uint8_t).

#ifndef BIRTHMARK_LIB_CRYPTO_BYTE_CASTS_H_
#define BIRTHMARK_LIB_CRYPTO_BYTE_CASTS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace birthmark::crypto {

inline const uint8_t* AsBytes(absl::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}
inline uint8_t* AsBytes(std::string& bytes) {
  return reinterpret_cast<uint8_t*>(bytes.data());
}
inline absl::string_view AsChars(const uint8_t* data, size_t size) {
  return absl::string_view(reinterpret_cast<const char*>(data), size);
}

}  // namespace birthmark::crypto

#endif  // BIRTHMARK_LIB_CRYPTO_BYTE_CASTS_H_
