// string_types reads the ASN.1 string types of names (RFC 5280 4.1.2.4).
// Internal to lib/x509.
#ifndef BIRTHMARK_LIB_X509_STRING_TYPES_H_
#define BIRTHMARK_LIB_X509_STRING_TYPES_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "lib/x509/name.h"

namespace birthmark::x509::internal {

// Utf8Length counts the characters of `text`. False if it is not UTF-8 in
// shortest form without surrogates, or has a NUL character.
bool Utf8Length(absl::string_view text, size_t* length);

// IsPrintableString says whether all of `text` is in PrintableString's set.
bool IsPrintableString(absl::string_view text);

// ToUtf8 converts the content of an element tagged `tag` (a CBS_ASN1_TAG).
// False if the tag is of no DirectoryString or IA5String, or the content has
// characters that it does not allow, or NUL.
bool ToUtf8(unsigned tag, absl::string_view content, StringType* type,
            std::string* utf8);

}  // namespace birthmark::x509::internal

#endif  // BIRTHMARK_LIB_X509_STRING_TYPES_H_
