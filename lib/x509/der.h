// der wraps BoringSSL's CBS and CBB for the .cc files of lib/x509; no header
// of this library includes it. Reading is strict DER because CBS_get_asn1 is.
// Readers return false on malformed input, and then leave the rest undefined.
#ifndef BIRTHMARK_LIB_X509_DER_H_
#define BIRTHMARK_LIB_X509_DER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "openssl/bytestring.h"

namespace birthmark::x509::internal {

inline constexpr CBS_ASN1_TAG ContextTag(unsigned number) {
  return CBS_ASN1_CONTEXT_SPECIFIC | number;
}
inline constexpr CBS_ASN1_TAG ContextConstructedTag(unsigned number) {
  return CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | number;
}

inline const uint8_t* Bytes(absl::string_view view) {
  return reinterpret_cast<const uint8_t*>(view.data());
}
inline CBS ToCbs(absl::string_view view) {
  CBS cbs;
  CBS_init(&cbs, Bytes(view), view.size());
  return cbs;
}
inline absl::string_view View(const CBS& cbs) {
  return absl::string_view(reinterpret_cast<const char*>(CBS_data(&cbs)),
                           CBS_len(&cbs));
}

// Writer owns a growing CBB.
class Writer {
 public:
  explicit Writer(size_t capacity) {
    // A CBB whose initialisation failed makes every later operation fail.
    CBB_zero(&cbb_);
    CBB_init(&cbb_, capacity);
  }
  ~Writer() { CBB_cleanup(&cbb_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  CBB* cbb() { return &cbb_; }

  // Take flushes and copies what was written. "" on failure: nothing that this
  // library writes is empty.
  std::string Take() {
    if (!CBB_flush(&cbb_)) {
      return "";
    }
    return std::string(reinterpret_cast<const char*>(CBB_data(&cbb_)),
                       CBB_len(&cbb_));
  }

 private:
  CBB cbb_;
};

// AddBytes appends `bytes` as they are.
bool AddBytes(CBB* cbb, absl::string_view bytes);
// AddElement appends one element with `tag` and the content `bytes`.
bool AddElement(CBB* cbb, CBS_ASN1_TAG tag, absl::string_view bytes);
// AddUnsigned appends a non-negative INTEGER of big-endian octets.
bool AddUnsigned(CBB* cbb, absl::string_view octets);
// AddBitString appends a BIT STRING of whole octets.
bool AddBitString(CBB* cbb, absl::string_view octets);
// AddTime appends a Time (RFC 5280 4.1.2.5): UTCTime to 2049, later
// GeneralizedTime; InfiniteFuture is 99991231235959Z. False before 1950 and
// after 9999.
bool AddTime(CBB* cbb, absl::Time time);
// AddGeneralizedTime is AddTime with GeneralizedTime always.
bool AddGeneralizedTime(CBB* cbb, absl::Time time);
// AddSigned appends SEQUENCE { tbs, algorithm, BIT STRING signature }.
bool AddSigned(CBB* cbb, absl::string_view tbs, absl::string_view algorithm,
               absl::string_view signature);

// ReadElement takes one element with `tag` off `in`, header included.
bool ReadElement(CBS* in, CBS_ASN1_TAG tag, absl::string_view* element);
// ReadContent takes one element with `tag` off `in` and gives its content.
bool ReadContent(CBS* in, CBS_ASN1_TAG tag, absl::string_view* content);
// ReadOid takes a valid OBJECT IDENTIFIER and gives its content octets.
bool ReadOid(CBS* in, absl::string_view* content);
// ReadInteger takes a minimal INTEGER and gives its content octets.
bool ReadInteger(CBS* in, absl::string_view* content, bool* negative);
// ReadBitString takes a BIT STRING of whole octets.
bool ReadBitString(CBS* in, absl::string_view* octets);

// ParsedTime is a Time and how it was written.
struct ParsedTime {
  absl::Time time;
  bool generalized = false;
};
// ReadTime takes UTCTime or GeneralizedTime, with seconds and Z.
bool ReadTime(CBS* in, ParsedTime* out);

// ExtensionView is one Extension; views live as long as the input.
struct ExtensionView {
  absl::string_view oid;
  bool critical = false;
  absl::string_view value;
};
// ReadExtension takes one Extension (RFC 5280 4.1). An encoded default
// (critical FALSE) is refused, since DER forbids it.
bool ReadExtension(CBS* in, ExtensionView* out);

// IsAsciiGraphic says whether all octets are in 0x21..0x7e.
bool IsAsciiGraphic(absl::string_view text);

}  // namespace birthmark::x509::internal

#endif  // BIRTHMARK_LIB_X509_DER_H_
