#include "lib/x509/string_types.h"

#include <cstdint>

#include "openssl/bytestring.h"

namespace birthmark::x509::internal {
namespace {

bool IsScalar(uint32_t c) {
  return c != 0 && c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
}

// Takes one character off `text`, the shortest form only (RFC 3629).
bool TakeUtf8(absl::string_view* text, uint32_t* out) {
  const uint8_t first = static_cast<uint8_t>(text->front());
  size_t size = 1;
  uint32_t c = first;
  uint32_t minimum = 0;
  if (first >= 0xf0 && first < 0xf8) {
    size = 4;
    c = first & 0x07;
    minimum = 0x10000;
  } else if (first >= 0xe0 && first < 0xf0) {
    size = 3;
    c = first & 0x0f;
    minimum = 0x800;
  } else if (first >= 0xc0 && first < 0xe0) {
    size = 2;
    c = first & 0x1f;
    minimum = 0x80;
  } else if (first >= 0x80) {
    return false;
  }
  if (text->size() < size) {
    return false;
  }
  for (size_t i = 1; i < size; ++i) {
    const uint8_t next = static_cast<uint8_t>((*text)[i]);
    if ((next & 0xc0) != 0x80) {
      return false;
    }
    c = c << 6 | (next & 0x3f);
  }
  text->remove_prefix(size);
  *out = c;
  return c >= minimum && IsScalar(c);
}

void AppendUtf8(uint32_t c, std::string* out) {
  if (c < 0x80) {
    out->push_back(static_cast<char>(c));
    return;
  }
  if (c < 0x800) {
    out->push_back(static_cast<char>(0xc0 | c >> 6));
  } else {
    if (c < 0x10000) {
      out->push_back(static_cast<char>(0xe0 | c >> 12));
    } else {
      out->push_back(static_cast<char>(0xf0 | c >> 18));
      out->push_back(static_cast<char>(0x80 | (c >> 12 & 0x3f)));
    }
    out->push_back(static_cast<char>(0x80 | (c >> 6 & 0x3f)));
  }
  out->push_back(static_cast<char>(0x80 | (c & 0x3f)));
}

// Converts big-endian characters of `width` octets each.
bool FromFixedWidth(absl::string_view content, size_t width,
                    std::string* utf8) {
  if (content.size() % width != 0) {
    return false;
  }
  for (size_t i = 0; i < content.size(); i += width) {
    uint32_t c = 0;
    for (size_t j = 0; j < width; ++j) {
      c = c << 8 | static_cast<uint8_t>(content[i + j]);
    }
    if (!IsScalar(c)) {
      return false;
    }
    AppendUtf8(c, utf8);
  }
  return true;
}

}  // namespace

bool Utf8Length(absl::string_view text, size_t* length) {
  *length = 0;
  while (!text.empty()) {
    uint32_t c = 0;
    if (!TakeUtf8(&text, &c)) {
      return false;
    }
    ++*length;
  }
  return true;
}

bool IsPrintableString(absl::string_view text) {
  for (const char c : text) {
    const bool alphanumeric = (c >= 'a' && c <= 'z') ||
                              (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!alphanumeric &&
        absl::string_view(" '()+,-./:=?").find(c) == absl::string_view::npos) {
      return false;
    }
  }
  return true;
}

bool ToUtf8(unsigned tag, absl::string_view content, StringType* type,
            std::string* utf8) {
  size_t length = 0;
  switch (tag) {
    case CBS_ASN1_PRINTABLESTRING:
      *type = StringType::kPrintable;
      *utf8 = std::string(content);
      return IsPrintableString(content);
    case CBS_ASN1_UTF8STRING:
      *type = StringType::kUtf8;
      *utf8 = std::string(content);
      return Utf8Length(content, &length);
    case CBS_ASN1_IA5STRING:
      *type = StringType::kIa5;
      *utf8 = std::string(content);
      return Utf8Length(content, &length) && length == content.size();
    case CBS_ASN1_T61STRING:
      // Nobody writes T.61; what is called so is Latin-1.
      *type = StringType::kTeletex;
      return FromFixedWidth(content, 1, utf8);
    case CBS_ASN1_BMPSTRING:
      *type = StringType::kBmp;
      return FromFixedWidth(content, 2, utf8);
    case CBS_ASN1_UNIVERSALSTRING:
      *type = StringType::kUniversal;
      return FromFixedWidth(content, 4, utf8);
    default:
      return false;
  }
}

}  // namespace birthmark::x509::internal
