#include "lib/http/request_parser.h"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace birthmark::http {
namespace {

namespace beast_http = boost::beast::http;
using beast_http::field;

absl::string_view FromBeast(boost::beast::string_view view) {
  return absl::string_view(view.data(), view.size());
}

// PathStart returns where the path of a target starts: behind scheme and host
// of an absolute one. npos if it has none.
size_t PathStart(absl::string_view target) {
  if (target == "*" || absl::StartsWith(target, "/")) {
    return 0;
  }
  for (const absl::string_view scheme : {"http://", "https://"}) {
    if (absl::StartsWithIgnoreCase(target, scheme)) {
      return target.find('/', scheme.size());
    }
  }
  return absl::string_view::npos;
}

}  // namespace

RequestParser::Message::Message() = default;

RequestParser::Piece RequestParser::Message::PieceOf(View view) const {
  return {static_cast<uint32_t>(view.data() - bytes.data()),
          static_cast<uint32_t>(view.size())};
}

void RequestParser::Message::on_request_impl(beast_http::verb verb, View name,
                                             View target, int version,
                                             ErrorCode& error) {
  http10 = version < 11;
  if (verb == beast_http::verb::get) {
    method = Method::kGet;
  } else if (verb == beast_http::verb::post) {
    method = Method::kPost;
  } else if (verb == beast_http::verb::head) {
    method = Method::kHead;
  }
  method_name = PieceOf(name);
  const size_t start = PathStart(FromBeast(target));
  if (start == absl::string_view::npos) {
    error = beast_http::error::bad_target;
    return;
  }
  target.remove_prefix(start);
  const size_t mark = FromBeast(target).find('?');
  path = PieceOf(target.substr(0, mark));
  if (mark != absl::string_view::npos) {
    query = PieceOf(target.substr(mark + 1));
  }
}

// NoteFraming returns false for what lets two readers disagree on where the
// body ends.
bool RequestParser::Message::NoteFraming(field field, View value) {
  if (has_length_ || has_coding_) {
    return false;
  }
  if (field == field::content_length) {
    has_length_ = true;
    const absl::string_view digits = FromBeast(value);
    return !digits.empty() &&
           std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit);
  }
  has_coding_ = true;
  return !http10 && absl::EqualsIgnoreCase(FromBeast(value), "chunked");
}

// IsFolded says whether the field goes on in a second line, which is obsolete.
// The base class joins such lines in a buffer of its own, or skips to the
// second if there is nothing in the first.
bool RequestParser::Message::IsFolded(View name, View value) const {
  const char* const name_end = name.data() + name.size();
  return value.data() < name_end ||
         value.data() + value.size() > bytes.data() + bytes.size() ||
         std::find(name_end, value.data(), '\n') != value.data();
}

void RequestParser::Message::on_field_impl(field field, View name, View value,
                                           ErrorCode& error) {
  if (IsFolded(name, value)) {
    error = beast_http::error::bad_obs_fold;
    return;
  }
  if (header_done_) {
    return;  // A trailer field: nobody asks for them.
  }
  const auto note_first = [&](Piece& piece) {
    if (piece.size == 0) {
      piece = PieceOf(value);
    }
  };
  switch (field) {
    case field::host:
      ++hosts_;
      break;
    case field::content_length:
    case field::transfer_encoding:
      if (!NoteFraming(field, value)) {
        error = beast_http::error::bad_content_length;
      }
      break;
    case field::content_type:
      note_first(content_type);
      break;
    case field::if_none_match:
      note_first(if_none_match);
      break;
    case field::if_modified_since:
      note_first(if_modified_since);
      break;
    case field::expect:
      expects_continue =
          !http10 && absl::EqualsIgnoreCase(FromBeast(value), "100-continue");
      break;
    default:
      break;
  }
}

void RequestParser::Message::on_header_impl(ErrorCode& error) {
  header_done_ = true;
  if (hosts_ > 1 || (hosts_ == 0 && !http10)) {
    error = beast_http::error::bad_field;
  }
}

void RequestParser::Reset() {
  message_.emplace();
  message_->header_limit(static_cast<uint32_t>(limits_.header_bytes));
  message_->body_limit(limits_.body_bytes);
  at_ = 0;
  header_end_ = 0;
}

RequestParser::Result RequestParser::Parse(absl::string_view bytes) {
  message_->bytes = bytes;
  while (at_ < bytes.size() && !message_->is_done()) {
    ErrorCode error;
    at_ += message_->put({bytes.data() + at_, bytes.size() - at_}, error);
    if (error == beast_http::error::need_more) {
      break;
    }
    if (error == beast_http::error::body_limit) {
      return Result::kBodyTooLarge;
    }
    if (error == beast_http::error::header_limit) {
      return header_end_ == 0 ? Result::kHeaderTooLarge : Result::kMalformed;
    }
    if (error) {
      return Result::kMalformed;
    }
    if (header_end_ == 0 && message_->is_header_done()) {
      header_end_ = at_;
      message_->eager(true);
    }
  }
  const size_t header = header_end_ == 0 ? bytes.size() : header_end_;
  if (header > limits_.header_bytes) {
    return Result::kHeaderTooLarge;
  }
  if (message_->is_done()) {
    return Result::kComplete;
  }
  return bytes.size() > limits_.total_bytes() ? Result::kBodyTooLarge
                                              : Result::kNeedMore;
}

void RequestParser::Fill(absl::string_view bytes, Request& request) const {
  const auto view = [&](const Piece& piece) {
    return bytes.substr(piece.at, piece.size);
  };
  const Message& message = *message_;
  request.method = message.method;
  request.method_name = view(message.method_name);
  request.path = view(message.path);
  request.query = view(message.query);
  request.content_type = view(message.content_type);
  request.if_none_match = view(message.if_none_match);
  request.if_modified_since = view(message.if_modified_since);
  request.body = message.chunked()
                     ? absl::string_view(message.chunked_body)
                     : bytes.substr(header_end_, at_ - header_end_);
}

}  // namespace birthmark::http
