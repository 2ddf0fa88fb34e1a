// RequestParser reads one request at a time from a growing buffer. What can be
// understood in two ways is refused, so that no proxy before us disagrees on
// where a request ends (RFC 9112, 11.2).

#ifndef BIRTHMARK_LIB_HTTP_REQUEST_PARSER_H_
#define BIRTHMARK_LIB_HTTP_REQUEST_PARSER_H_

#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "lib/http/message.h"

namespace birthmark::http {

// Not thread-safe.
class RequestParser {
 public:
  struct Limits {
    size_t header_bytes;
    size_t body_bytes;

    // Of a whole request: chunks cost a few bytes more than they carry.
    size_t total_bytes() const { return header_bytes + 2 * body_bytes + 4096; }
  };

  enum class Result {
    kNeedMore,
    kComplete,
    kMalformed,
    kHeaderTooLarge,
    kBodyTooLarge,
  };

  explicit RequestParser(const Limits& limits) : limits_(limits) { Reset(); }

  // Parse goes on with `bytes`: those of all calls since Reset, perhaps at
  // another address, and more. Not called again after another result than
  // kNeedMore.
  Result Parse(absl::string_view bytes);

  // After kComplete.

  // size is how many bytes the request has.
  size_t size() const { return at_; }
  // Fill gives `request` views of `bytes`, as for Parse, and of the parser.
  void Fill(absl::string_view bytes, Request& request) const;
  bool keep_alive() const { return message_->keep_alive(); }

  // True from the end of the request line on.
  bool http10() const { return message_->http10; }

  // expects_continue says whether the client waits for "100 Continue" before
  // it sends the body.
  bool expects_continue() const {
    return header_end_ != 0 && message_->expects_continue;
  }

  // Reset prepares for the next request.
  void Reset();

 private:
  using ErrorCode = boost::beast::error_code;
  using View = boost::beast::string_view;
  using Base = boost::beast::http::basic_parser<true>;

  struct Piece {
    uint32_t at = 0;
    uint32_t size = 0;
  };

  // Message notes what of the request is asked for later.
  class Message final : public Base {
   public:
    // Declared, since std::optional asks for it before this class is complete.
    Message();

    Method method = Method::kOther;
    bool http10 = false;
    bool expects_continue = false;
    Piece method_name, path, query;
    Piece content_type, if_none_match, if_modified_since;
    std::string chunked_body;
    absl::string_view bytes;  // While Parse runs.

   private:
    void on_request_impl(boost::beast::http::verb verb, View name, View target,
                         int version, ErrorCode& error) override;
    void on_response_impl(int, View, int, ErrorCode&) override {}
    void on_field_impl(boost::beast::http::field field, View name, View value,
                       ErrorCode& error) override;
    void on_header_impl(ErrorCode& error) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>&,
                           ErrorCode&) override {}
    std::size_t on_body_impl(View body, ErrorCode&) override {
      return body.size();
    }
    void on_chunk_header_impl(std::uint64_t, View, ErrorCode&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, View body,
                                   ErrorCode&) override {
      chunked_body.append(body.data(), body.size());
      return body.size();
    }
    void on_finish_impl(ErrorCode&) override {}

    Piece PieceOf(View view) const;
    bool IsFolded(View name, View value) const;
    bool NoteFraming(boost::beast::http::field field, View value);

    int hosts_ = 0;
    bool has_length_ = false;
    bool has_coding_ = false;
    bool header_done_ = false;
  };

  const Limits limits_;
  std::optional<Message> message_;
  size_t at_ = 0;          // Bytes parsed.
  size_t header_end_ = 0;  // 0: not yet known.
};

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_REQUEST_PARSER_H_
