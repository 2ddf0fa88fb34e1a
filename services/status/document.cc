#include "services/status/document.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/crypto/hash.h"
#include "lib/http/conditional.h"
#include "lib/http/date.h"
#include "lib/http/response.h"

namespace birthmark::status {
namespace {

// Of a control block, and what malloc puts around three blocks of memory.
constexpr size_t kOverhead = 16 + 3 * 16;
constexpr size_t kEtagOctets = 12;

std::string Headers(const Document& document, absl::Time expires,
                    absl::Duration max_age) {
  return absl::StrCat(
      "Content-Type: ", document.content_type, "\r\nETag: ", document.etag,
      "\r\nLast-Modified: ", http::HttpDate(document.last_modified),
      "\r\nExpires: ", http::HttpDate(expires),
      "\r\nCache-Control: max-age=", absl::ToInt64Seconds(max_age),
      ", public, no-transform, must-revalidate\r\n");
}

bool HasEnd(const Document& document) {
  return document.expires != absl::InfiniteFuture();
}

size_t Heap(const std::string& text) {
  return text.capacity() < sizeof(std::string) / 2 ? 0 : text.capacity() + 1;
}

}  // namespace

size_t Document::bytes() const {
  return sizeof(Document) + kOverhead + Heap(body) + Heap(content_type) +
         Heap(etag) + Heap(headers);
}

std::shared_ptr<const Document> MakeDocument(std::string body,
                                             absl::string_view content_type,
                                             absl::Time last_modified,
                                             absl::Time expires,
                                             absl::Duration max_age) {
  auto document = std::make_shared<Document>();
  document->etag = absl::StrCat(
      "\"",
      absl::BytesToHexString(
          absl::string_view(crypto::Sha256(body)).substr(0, kEtagOctets)),
      "\"");
  document->body = std::move(body);
  document->body.shrink_to_fit();
  document->content_type = std::string(content_type);
  document->last_modified = last_modified;
  document->expires = expires;
  if (HasEnd(*document)) {
    document->headers = Headers(*document, expires, max_age);
  }
  return document;
}

http::Response Serve(const http::Request& request,
                     std::shared_ptr<const Document> document, absl::Time now,
                     absl::Duration max_age) {
  std::shared_ptr<const std::string> headers;
  if (HasEnd(*document) && now + max_age <= document->expires) {
    headers = {document, &document->headers};
  } else {
    const absl::Duration left =
        std::clamp(document->expires - now, absl::ZeroDuration(), max_age);
    headers = http::Shared(Headers(
        *document, HasEnd(*document) ? document->expires : now + left, left));
  }
  const bool conditional =
      !request.if_none_match.empty() || !request.if_modified_since.empty();
  if (conditional && request.method != http::Method::kPost &&
      http::IsNotModified(request, document->etag, document->last_modified)) {
    return http::NotModified(std::move(headers));
  }
  http::Response response;
  response.headers = std::move(headers);
  const std::string* body = &document->body;
  response.body = {std::move(document), body};
  return response;
}

}  // namespace birthmark::status
