// Answers that every handler needs. The text ones are text/plain, uncached,
// and say why in one line.

#ifndef BIRTHMARK_LIB_HTTP_RESPONSE_H_
#define BIRTHMARK_LIB_HTTP_RESPONSE_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "lib/http/message.h"

namespace birthmark::http {

// Shared makes bytes ready for a Response.
std::shared_ptr<const std::string> Shared(std::string bytes);

// TextResponse answers `text` and a line feed.
Response TextResponse(int status, absl::string_view text);

// TextResponse with `headers`: complete lines, as in Response.
Response TextResponse(int status, absl::string_view text,
                      absl::string_view headers);

Response BadRequest(absl::string_view why);            // 400
Response NotFound();                                   // 404
Response MethodNotAllowed(absl::string_view allowed);  // 405, "GET, HEAD"
Response UnsupportedMediaType(absl::string_view why);  // 415
Response Unavailable(absl::string_view why);           // 503

// NotModified is a 304 with the header lines that the 200 would have had
// (RFC 9110, 15.4.5).
Response NotModified(std::shared_ptr<const std::string> headers);

// StatusText is the reason phrase of `status`, "Unknown" for foreign ones.
absl::string_view StatusText(int status);

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_RESPONSE_H_
