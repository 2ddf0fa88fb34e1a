#include "lib/http/output.h"

#include <algorithm>
#include <charconv>

#include "lib/http/response.h"

namespace birthmark::http {
namespace {

// Copying so little costs less than one more entry of a gathered write.
constexpr size_t kCopiedBytes = 256;

void AppendNumber(size_t number, std::string& text) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  text.append(digits, end);
}

void AppendView(absl::string_view view, std::string& text) {
  text.append(view.data(), view.size());
}

void AppendStatusLine(int status, std::string& text) {
  if (status == 200) {
    text += "HTTP/1.1 200 OK\r\n";
    return;
  }
  text += "HTTP/1.1 ";
  AppendNumber(static_cast<size_t>(status), text);
  text += ' ';
  AppendView(StatusText(status), text);
  text += "\r\n";
}

}  // namespace

void Output::Append(const Response& response, const Framing& framing) {
  const size_t before = text_.size();
  AppendStatusLine(response.status, text_);
  AppendView(framing.date, text_);
  const bool has_body = response.status != 304 && response.status != 204;
  const size_t body_size =
      has_body && response.body != nullptr ? response.body->size() : 0;
  if (has_body) {
    text_ += "Content-Length: ";
    AppendNumber(body_size, text_);
    text_ += "\r\n";
  }
  if (!framing.keep_alive) {
    text_ += "Connection: close\r\n";
  } else if (framing.http10) {
    text_ += "Connection: keep-alive\r\n";
  }
  if (response.headers != nullptr) {
    text_ += *response.headers;
  }
  text_ += "\r\n";
  if (body_size > 0 && !framing.head_only) {
    if (body_size <= kCopiedBytes) {
      text_ += *response.body;
    } else {
      parts_.push_back({text_.size(), response.body});
      left_ += body_size;
    }
  }
  left_ += text_.size() - before;
}

void Output::AppendText(absl::string_view text) {
  AppendView(text, text_);
  left_ += text.size();
}

size_t Output::Gather(iovec* entries, size_t limit) const {
  size_t filled = 0;
  const auto add = [&](const char* data, size_t size) {
    if (size > 0 && filled < limit) {
      // A gathered write only reads.
      entries[filled++] = {const_cast<char*>(data), size};
    }
  };
  size_t text_at = text_at_;
  size_t body_at = body_at_;
  for (size_t i = next_part_; i < parts_.size() && filled < limit; ++i) {
    const Part& part = parts_[i];
    add(text_.data() + text_at, part.text_end - text_at);
    add(part.body->data() + body_at, part.body->size() - body_at);
    text_at = part.text_end;
    body_at = 0;
  }
  add(text_.data() + text_at, text_.size() - text_at);
  return filled;
}

void Output::Sent(size_t bytes) {
  left_ -= bytes;
  if (left_ == 0) {
    Clear();
    return;
  }
  while (next_part_ < parts_.size()) {
    Part& part = parts_[next_part_];
    const size_t text = std::min(bytes, part.text_end - text_at_);
    text_at_ += text;
    bytes -= text;
    const size_t body = std::min(bytes, part.body->size() - body_at_);
    body_at_ += body;
    bytes -= body;
    if (body_at_ < part.body->size()) {
      return;
    }
    part.body.reset();
    body_at_ = 0;
    ++next_part_;
  }
  text_at_ += bytes;
}

void Output::Clear() {
  text_.clear();
  parts_.clear();
  next_part_ = 0;
  text_at_ = 0;
  body_at_ = 0;
  left_ = 0;
}

}  // namespace birthmark::http
