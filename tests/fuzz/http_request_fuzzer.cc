#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "lib/http/conditional.h"
#include "lib/http/conversation.h"
#include "lib/http/inbox.h"
#include "lib/http/message.h"
#include "lib/http/output.h"
#include "lib/http/response.h"
#include "lib/http/target.h"
#include "tests/fuzz/fuzz_target.h"

namespace birthmark::fuzz {
namespace {

using http::Conversation;

// The first octet of an input says in pieces of which size the rest arrives,
// and how many of them come between two deliveries of late answers.
constexpr size_t kMaxPiece = 64;

// Client is the world around a conversation.
class Client {
 public:
  void Run(absl::string_view bytes, size_t piece, size_t patience) {
    size_t pieces = 0;
    while (!bytes.empty()) {
      if (!conversation_.WantsInput()) {
        if (conversation_.ended()) {
          break;
        }
        Deliver();
        continue;
      }
      const Conversation::Room room = conversation_.NewRoom();
      FUZZ_CHECK(room.size > 0);
      const size_t size = std::min({room.size, bytes.size(), piece});
      std::memcpy(room.data, bytes.data(), size);
      conversation_.Received(size);
      bytes.remove_prefix(size);
      Advance();
      if (++pieces % patience == 0) {
        Deliver();
      }
    }
    Finish();
  }

 private:
  void Advance() {
    while (conversation_.Advance(output_)) {
      Drain();
    }
    Drain();
  }

  // Whatever was asked gets its answer, and then there is an end.
  void Finish() {
    for (int i = 0; conversation_.in_flight(); ++i) {
      FUZZ_CHECK(i < 10000);
      Deliver();
    }
    if (conversation_.mid_request()) {
      conversation_.TimeOut(output_);
    }
    conversation_.EndSoon();
    Drain();
    FUZZ_CHECK(conversation_.ended());
    FUZZ_CHECK(answers_ >= handled_ || early_end_);
  }

  void Handle(const http::Request& request, http::Responder responder) {
    ++handled_;
    FUZZ_CHECK(request.path == "*" || absl::StartsWith(request.path, "/"));
    FUZZ_CHECK(!request.method_name.empty());
    FUZZ_CHECK(request.body.size() <= kLimits.request.body_bytes);
    http::DecodeOcspPath(request.path.substr(1)).IgnoreError();
    const bool unchanged =
        http::IsNotModified(request, "\"abc\"", absl::UnixEpoch());
    switch (request.path.size() % 4) {
      case 0:
        late_.push_back(std::move(responder));
        break;
      case 1:
        responder.Send(unchanged ? http::NotModified(nullptr)
                                 : http::TextResponse(200, request.body));
        break;
      case 2: {
        http::Response response = http::NotFound();
        response.close = request.query == "close";
        early_end_ = early_end_ || response.close;
        responder.Send(std::move(response));
        break;
      }
      default:
        break;
    }
  }

  void Deliver() {
    if (!late_.empty()) {
      late_.back().Send(http::TextResponse(200, "late"));
      late_.pop_back();
    }
    std::vector<http::Inbox::Answered> answers;
    inbox_->Take(answers);
    for (auto& answered : answers) {
      conversation_.Answered(answered.sequence, std::move(answered.response),
                             output_);
    }
    Advance();
  }

  void Drain() {
    while (!output_.empty()) {
      iovec entries[4];
      const size_t filled = output_.Gather(entries, 4);
      FUZZ_CHECK(filled > 0);
      const absl::string_view first(
          static_cast<const char*>(entries[0].iov_base), entries[0].iov_len);
      FUZZ_CHECK(first.size() <= output_.size());
      for (size_t at = first.find(kStatusLine); at != absl::string_view::npos;
           at = first.find(kStatusLine, at + 1)) {
        ++answers_;
      }
      output_.Sent(first.size());
    }
  }

  static constexpr char kStatusLine[] = "HTTP/1.1 ";
  static constexpr Conversation::Limits kLimits{{512, 1024}, 3};

  const http::Handler handler_ = [this](const http::Request& request,
                                        http::Responder responder) {
    Handle(request, std::move(responder));
  };
  const std::shared_ptr<http::Inbox> inbox_ =
      std::make_shared<http::Inbox>([] {});
  const Conversation::Shared shared_{kLimits, handler_, inbox_,
                                     "Date: today\r\n"};
  Conversation conversation_{shared_, 1};
  http::Output output_;
  std::vector<http::Responder> late_;
  size_t handled_ = 0;
  size_t answers_ = 0;
  bool early_end_ = false;
};

}  // namespace

std::vector<std::string> Seeds() {
  const std::string get =
      "GET /abc?close HTTP/1.1\r\nHost: x\r\nIf-None-Match: W/\"abc\"\r\n\r\n";
  const std::string late = "HEAD /abcdefg HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string plain = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string post =
      "POST http://x/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
      "Content-Length: 4\r\n\r\nbody";
  const std::string chunked =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4;a=b\r\nbody\r\n2\r\nxx\r\n0\r\nTrailer: x\r\n\r\n";
  const std::string old = "GET /ab HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  const std::string ocsp =
      "GET /MEYwRDBCMEAwPjAJBgUrDgMCGgUABBR%2Bw== HTTP/1.1\r\nHost: x\r\n\r\n";
  return {"\x01" + plain + late + post + chunked, "\x3f" + plain + late + get,
          "\x4f" + late + late + late + late + plain,
          "\xff" + old + ocsp + "\r\n" + post,
          "\x05" + chunked + plain + "nonsense\r\n\r\n"};
}

}  // namespace birthmark::fuzz

// Any bytes in any pieces: requests that are handed over keep to the limits,
// each gets an answer, and there is an end.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const absl::string_view bytes(reinterpret_cast<const char*>(data) + 1,
                                size - 1);
  birthmark::fuzz::Client client;
  client.Run(bytes, 1 + data[0] % birthmark::fuzz::kMaxPiece,
             1 + data[0] / birthmark::fuzz::kMaxPiece);
  return 0;
}
