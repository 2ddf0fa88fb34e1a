// Parts of request targets. Pure functions.

#ifndef BIRTHMARK_LIB_HTTP_TARGET_H_
#define BIRTHMARK_LIB_HTTP_TARGET_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark::http {

// PercentDecode undoes %XX, with hexadecimal of either case; '+' stays '+'.
// kInvalidArgument if two hexadecimal digits do not follow a '%'.
absl::StatusOr<std::string> PercentDecode(absl::string_view text);

// DecodeOcspPath returns the DER of an OCSP request by GET (RFC 5019, 5; RFC
// 6960, A.1): `encoded` is the path behind the responder's own and the '/' that
// ends it. It is percent-decoded base64 whose '/', '+' and '=' may be there raw
// or encoded. kInvalidArgument for anything but the one canonical base64 of at
// least one byte.
absl::StatusOr<std::string> DecodeOcspPath(absl::string_view encoded);

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_TARGET_H_
