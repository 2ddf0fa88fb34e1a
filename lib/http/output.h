// Output is a queue of answers on their way to a socket: heads as text, bodies
// by reference, handed over in gathered writes.

#ifndef BIRTHMARK_LIB_HTTP_OUTPUT_H_
#define BIRTHMARK_LIB_HTTP_OUTPUT_H_

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/http/message.h"

namespace birthmark::http {

// Framing is what an answer depends on besides the handler's Response.
struct Framing {
  bool head_only = false;  // The request was HEAD.
  bool http10 = false;     // The client's version.
  bool keep_alive = true;  // After this answer.
  absl::string_view date;  // "Date: ...\r\n"
};

// Not thread-safe.
class Output {
 public:
  // Append renders `response`.
  void Append(const Response& response, const Framing& framing);

  // AppendText appends `text` as it is.
  void AppendText(absl::string_view text);

  bool empty() const { return left_ == 0; }
  // size is how many bytes are not sent yet.
  size_t size() const { return left_; }

  // Gather fills up to `limit` entries with what is next and returns how many
  // it filled. They are valid until the next call of another method.
  size_t Gather(iovec* entries, size_t limit) const;

  // Sent drops the first `bytes`, at most size().
  void Sent(size_t bytes);

  // Clear drops everything, and keeps the memory.
  void Clear();

 private:
  // Part is the text that ends at `text_end`, then a body.
  struct Part {
    size_t text_end;
    std::shared_ptr<const std::string> body;
  };

  std::string text_;
  std::vector<Part> parts_;  // What follows the last of them is text only.
  size_t next_part_ = 0;
  size_t text_at_ = 0;  // Of the next unsent byte of text.
  size_t body_at_ = 0;  // Of the next unsent byte of the next part's body.
  size_t left_ = 0;
};

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_OUTPUT_H_
