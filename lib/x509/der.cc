#include "lib/x509/der.h"

#include <ctime>

#include "absl/time/civil_time.h"

namespace birthmark::x509::internal {
namespace {

// The last moment that a certificate can name; it means "never expires".
const absl::CivilSecond kNoExpiry(9999, 12, 31, 23, 59, 59);

char* AppendTwoDigits(char* out, int value) {
  *out++ = static_cast<char>('0' + value / 10);
  *out++ = static_cast<char>('0' + value % 10);
  return out;
}

bool AddCivilTime(CBB* cbb, const absl::CivilSecond& at, bool generalized) {
  const int year = static_cast<int>(at.year());
  char text[15];
  char* out = text;
  if (generalized) {
    out = AppendTwoDigits(out, year / 100);
  }
  out = AppendTwoDigits(out, year % 100);
  out = AppendTwoDigits(out, at.month());
  out = AppendTwoDigits(out, at.day());
  out = AppendTwoDigits(out, at.hour());
  out = AppendTwoDigits(out, at.minute());
  out = AppendTwoDigits(out, at.second());
  *out++ = 'Z';
  return AddElement(cbb,
                    generalized ? CBS_ASN1_GENERALIZEDTIME : CBS_ASN1_UTCTIME,
                    absl::string_view(text, static_cast<size_t>(out - text)));
}

bool ToCivil(absl::Time time, absl::CivilSecond* out) {
  *out = time == absl::InfiniteFuture()
             ? kNoExpiry
             : absl::ToCivilSecond(time, absl::UTCTimeZone());
  return out->year() >= 1950 && out->year() <= 9999;
}

}  // namespace

bool AddBytes(CBB* cbb, absl::string_view bytes) {
  return CBB_add_bytes(cbb, Bytes(bytes), bytes.size());
}

bool AddElement(CBB* cbb, CBS_ASN1_TAG tag, absl::string_view bytes) {
  CBB content;
  return CBB_add_asn1(cbb, &content, tag) && AddBytes(&content, bytes) &&
         CBB_flush(cbb);
}

bool AddUnsigned(CBB* cbb, absl::string_view octets) {
  while (octets.size() > 1 && octets.front() == '\0') {
    octets.remove_prefix(1);
  }
  if (octets.empty()) {
    return false;
  }
  CBB content;
  return CBB_add_asn1(cbb, &content, CBS_ASN1_INTEGER) &&
         ((octets.front() & 0x80) == 0 || CBB_add_u8(&content, 0)) &&
         AddBytes(&content, octets) && CBB_flush(cbb);
}

bool AddBitString(CBB* cbb, absl::string_view octets) {
  CBB content;
  return CBB_add_asn1(cbb, &content, CBS_ASN1_BITSTRING) &&
         CBB_add_u8(&content, 0) && AddBytes(&content, octets) &&
         CBB_flush(cbb);
}

bool AddTime(CBB* cbb, absl::Time time) {
  absl::CivilSecond at;
  return ToCivil(time, &at) && AddCivilTime(cbb, at, at.year() >= 2050);
}

bool AddGeneralizedTime(CBB* cbb, absl::Time time) {
  absl::CivilSecond at;
  return ToCivil(time, &at) && AddCivilTime(cbb, at, true);
}

bool AddSigned(CBB* cbb, absl::string_view tbs, absl::string_view algorithm,
               absl::string_view signature) {
  CBB outer;
  return CBB_add_asn1(cbb, &outer, CBS_ASN1_SEQUENCE) &&
         AddBytes(&outer, tbs) && AddBytes(&outer, algorithm) &&
         AddBitString(&outer, signature) && CBB_flush(cbb);
}

bool ReadElement(CBS* in, CBS_ASN1_TAG tag, absl::string_view* element) {
  CBS out;
  if (!CBS_get_asn1_element(in, &out, tag)) {
    return false;
  }
  *element = View(out);
  return true;
}

bool ReadContent(CBS* in, CBS_ASN1_TAG tag, absl::string_view* content) {
  CBS out;
  if (!CBS_get_asn1(in, &out, tag)) {
    return false;
  }
  *content = View(out);
  return true;
}

bool ReadOid(CBS* in, absl::string_view* content) {
  CBS out;
  if (!CBS_get_asn1(in, &out, CBS_ASN1_OBJECT) ||
      !CBS_is_valid_asn1_oid(&out)) {
    return false;
  }
  *content = View(out);
  return true;
}

bool ReadInteger(CBS* in, absl::string_view* content, bool* negative) {
  CBS out;
  int is_negative = 0;
  if (!CBS_get_asn1(in, &out, CBS_ASN1_INTEGER) ||
      !CBS_is_valid_asn1_integer(&out, &is_negative)) {
    return false;
  }
  *content = View(out);
  *negative = is_negative != 0;
  return true;
}

bool ReadBitString(CBS* in, absl::string_view* octets) {
  CBS out;
  uint8_t unused_bits = 0;
  if (!CBS_get_asn1(in, &out, CBS_ASN1_BITSTRING) ||
      !CBS_get_u8(&out, &unused_bits) || unused_bits != 0) {
    return false;
  }
  *octets = View(out);
  return true;
}

bool ReadTime(CBS* in, ParsedTime* out) {
  CBS content;
  std::tm tm = {};
  out->generalized = CBS_peek_asn1_tag(in, CBS_ASN1_GENERALIZEDTIME) != 0;
  if (out->generalized) {
    if (!CBS_get_asn1(in, &content, CBS_ASN1_GENERALIZEDTIME) ||
        !CBS_parse_generalized_time(&content, &tm,
                                    /*allow_timezone_offset=*/0)) {
      return false;
    }
  } else if (!CBS_get_asn1(in, &content, CBS_ASN1_UTCTIME) ||
             !CBS_parse_utc_time(&content, &tm, /*allow_timezone_offset=*/0)) {
    return false;
  }
  out->time = absl::FromCivil(
      absl::CivilSecond(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                        tm.tm_hour, tm.tm_min, tm.tm_sec),
      absl::UTCTimeZone());
  return true;
}

bool ReadExtension(CBS* in, ExtensionView* out) {
  CBS extension;
  if (!CBS_get_asn1(in, &extension, CBS_ASN1_SEQUENCE) ||
      !ReadOid(&extension, &out->oid)) {
    return false;
  }
  out->critical = false;
  if (CBS_peek_asn1_tag(&extension, CBS_ASN1_BOOLEAN)) {
    int critical = 0;
    if (!CBS_get_asn1_bool(&extension, &critical) || !critical) {
      return false;
    }
    out->critical = true;
  }
  return ReadContent(&extension, CBS_ASN1_OCTETSTRING, &out->value) &&
         CBS_len(&extension) == 0;
}

bool IsAsciiGraphic(absl::string_view text) {
  for (const char c : text) {
    if (c < 0x21 || c > 0x7e) {
      return false;
    }
  }
  return true;
}

}  // namespace birthmark::x509::internal
