// Document is something that is served as it lies in memory, with the header
// lines that let caches keep it no longer than is right.

#ifndef BIRTHMARK_SERVICES_STATUS_DOCUMENT_H_
#define BIRTHMARK_SERVICES_STATUS_DOCUMENT_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/http/message.h"

namespace birthmark::status {

// Document is immutable once made, and shared by those who send it.
struct Document {
  std::string body;
  std::string content_type;
  std::string etag;  // with its quotes
  absl::Time last_modified;
  // After this it must not be served. InfiniteFuture: no such end.
  absl::Time expires;
  // What goes with it while now + max_age <= expires; empty without such an
  // end.
  std::string headers;

  // bytes is what it costs to keep, its control block and malloc's included.
  size_t bytes() const;
};

// MakeDocument computes etag and headers. `max_age` is how long HTTP caches may
// keep it.
std::shared_ptr<const Document> MakeDocument(std::string body,
                                             absl::string_view content_type,
                                             absl::Time last_modified,
                                             absl::Time expires,
                                             absl::Duration max_age);

// Serve answers `request` with `document`, which has not expired at `now`: 200,
// or 304 if the client has it. Nothing is copied unless the document runs out
// within `max_age`.
http::Response Serve(const http::Request& request,
                     std::shared_ptr<const Document> document, absl::Time now,
                     absl::Duration max_age);

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_DOCUMENT_H_
