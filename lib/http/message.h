// Requests and answers of the HTTP server, as its handlers see them.

#ifndef BIRTHMARK_LIB_HTTP_MESSAGE_H_
#define BIRTHMARK_LIB_HTTP_MESSAGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace birthmark::http {

enum class Method { kGet, kHead, kPost, kOther };

// Request is one complete request. Its views live until the handler returns:
// who answers later keeps what it needs of them.
struct Request {
  Method method = Method::kOther;
  // As sent, e.g. "GET".
  absl::string_view method_name;
  // The target up to '?', as sent: nothing in it is decoded. An absolute
  // target (http://host/path) has lost its scheme and host.
  absl::string_view path;
  // The target after '?'. Empty if there is none.
  absl::string_view query;
  // Header fields without the white space around them, empty if absent.
  absl::string_view content_type;
  absl::string_view if_none_match;
  absl::string_view if_modified_since;
  // With its transfer coding undone.
  absl::string_view body;
};

// Response is an answer. Header lines and body are shared, so that a cached
// answer is sent as it lies in the cache. The server adds the status line,
// Date, Content-Length and Connection, and leaves the body out of an answer to
// HEAD and of a 304 or 204: a handler answers HEAD as it answers GET.
struct Response {
  int status = 200;
  // Complete lines, each with its CRLF, without an empty one at the end:
  // "Content-Type: text/plain\r\nCache-Control: no-store\r\n". Null: none.
  std::shared_ptr<const std::string> headers;
  // Null: an empty one.
  std::shared_ptr<const std::string> body;
  // Close the connection after this answer.
  bool close = false;
};

// AnswerSink takes answers: a server, or a test of a handler (testing.h).
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  // Answer takes the one answer to a request that the sink knows by these
  // numbers. On any thread.
  virtual void Answer(uint64_t conversation, uint64_t sequence,
                      Response response) = 0;
};

// Responder answers one request. It may be kept and called later, from any
// thread, also when the connection or the server is gone: the answer is then
// dropped. A Responder that ends without an answer answers 500. Not itself
// thread-safe.
class Responder {
 public:
  Responder(std::shared_ptr<AnswerSink> sink, uint64_t conversation,
            uint64_t sequence)
      : sink_(std::move(sink)),
        conversation_(conversation),
        sequence_(sequence) {}
  Responder(Responder&& other) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  ~Responder();

  // Send answers. Calls after the first do nothing.
  void Send(Response response);

 private:
  std::shared_ptr<AnswerSink> sink_;  // Null once answered or moved from.
  uint64_t conversation_;
  uint64_t sequence_;
};

// Handler runs on the server's threads, on several at once. It must neither
// throw nor block: an answer that takes long is sent from elsewhere through the
// kept Responder. An answer sent before it returns costs least.
using Handler = std::function<void(const Request&, Responder)>;

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_MESSAGE_H_
