// Integers as PostgreSQL's binary formats have them. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_BIG_ENDIAN_H_
#define BIRTHMARK_LIB_STORAGE_BIG_ENDIAN_H_

#include <cstddef>
#include <string>
#include <type_traits>

namespace birthmark::storage {

// WriteBigEndian writes sizeof(Integer) octets at `to`.
template <typename Integer>
void WriteBigEndian(Integer value, char* to) {
  auto bits = static_cast<std::make_unsigned_t<Integer>>(value);
  for (size_t i = sizeof(Integer); i > 0; --i) {
    to[i - 1] = static_cast<char>(bits);
    if constexpr (sizeof(Integer) > 1) {
      bits >>= 8;
    }
  }
}

// AppendBigEndian appends sizeof(Integer) octets.
template <typename Integer>
void AppendBigEndian(Integer value, std::string& bytes) {
  char octets[sizeof(Integer)];
  WriteBigEndian(value, octets);
  bytes.append(octets, sizeof(octets));
}

// ReadBigEndian reads sizeof(Integer) octets at `from`.
template <typename Integer>
Integer ReadBigEndian(const char* from) {
  std::make_unsigned_t<Integer> bits = 0;
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    bits = static_cast<std::make_unsigned_t<Integer>>(bits << 8) |
           static_cast<unsigned char>(from[i]);
  }
  return static_cast<Integer>(bits);
}

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_BIG_ENDIAN_H_
