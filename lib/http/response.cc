#include "lib/http/response.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace birthmark::http {

std::shared_ptr<const std::string> Shared(std::string bytes) {
  return std::make_shared<const std::string>(std::move(bytes));
}

Response TextResponse(int status, absl::string_view text) {
  return TextResponse(status, text, "");
}

Response TextResponse(int status, absl::string_view text,
                      absl::string_view headers) {
  Response response;
  response.status = status;
  response.headers = Shared(absl::StrCat(
      "Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n",
      headers));
  response.body = Shared(absl::StrCat(text, "\n"));
  return response;
}

Response BadRequest(absl::string_view why) { return TextResponse(400, why); }

Response NotFound() { return TextResponse(404, "not found"); }

Response MethodNotAllowed(absl::string_view allowed) {
  return TextResponse(405, absl::StrCat("allowed: ", allowed),
                      absl::StrCat("Allow: ", allowed, "\r\n"));
}

Response UnsupportedMediaType(absl::string_view why) {
  return TextResponse(415, why);
}

Response Unavailable(absl::string_view why) { return TextResponse(503, why); }

Response NotModified(std::shared_ptr<const std::string> headers) {
  Response response;
  response.status = 304;
  response.headers = std::move(headers);
  return response;
}

absl::string_view StatusText(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

}  // namespace birthmark::http
