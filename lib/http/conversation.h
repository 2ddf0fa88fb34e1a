// Conversation is one connection without its socket: bytes in, calls of the
// handler, answers out in the order of the requests.

#ifndef BIRTHMARK_LIB_HTTP_CONVERSATION_H_
#define BIRTHMARK_LIB_HTTP_CONVERSATION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/http/inbox.h"
#include "lib/http/message.h"
#include "lib/http/output.h"
#include "lib/http/request_parser.h"

namespace birthmark::http {

// Not thread-safe: it belongs to the thread of its inbox.
class Conversation {
 public:
  struct Limits {
    RequestParser::Limits request;
    size_t pipelined_requests;
  };

  // What a conversation shares with others.
  struct Shared {
    const Limits limits;
    const Handler& handler;
    const std::shared_ptr<Inbox> inbox;
    std::string date;  // "Date: ...\r\n"
  };

  enum class Problem { kNone, kMalformed, kHeaderTooLarge, kBodyTooLarge };

  // Room is where input goes.
  struct Room {
    char* data;
    size_t size;
  };

  // `shared` must outlive the conversation; `id` tells it from all others of
  // its inbox.
  Conversation(const Shared& shared, uint64_t id);

  uint64_t id() const { return id_; }

  // NewRoom is where to put what comes next, at least one byte. Valid until
  // Received. Not called unless WantsInput.
  Room NewRoom();

  // Received says that so many bytes were put there.
  void Received(size_t bytes);

  // Advance handles what has been received, as many requests as may be in
  // flight, and appends to `output` what is to be sent. True if it stopped
  // before the end: call it again when `output` is sent.
  bool Advance(Output& output);

  // Answered takes the answer to an earlier request and appends to `output`
  // what may be sent now.
  void Answered(uint64_t sequence, Response response, Output& output);

  // TimeOut gives the request that is half there up: 408.
  void TimeOut(Output& output);

  // EndSoon lets what is in flight, or else what is half there, be the last.
  void EndSoon();

  // ended says that nothing follows what was appended so far: send it, close.
  bool ended() const { return closing_ && slots_.empty(); }

  // unread says that the client may still be sending when its answer comes.
  bool unread() const { return problem_ != Problem::kNone || begin_ < end_; }

  bool WantsInput() const { return !closing_ && !full(); }
  bool in_flight() const { return !slots_.empty(); }
  // mid_request says whether part of a request is there.
  bool mid_request() const { return begin_ < end_; }
  // sequence is the number of the next request.
  uint64_t sequence() const { return next_sequence_; }
  // problem is why the conversation ends.
  Problem problem() const { return problem_; }

 private:
  // Slot is a request whose answer is not appended yet.
  struct Slot {
    bool head_only;
    bool http10;
    bool keep_alive;
    bool answered;
    Response response;
  };

  bool full() const {
    return slots_.size() >= shared_.limits.pipelined_requests;
  }
  bool ParseOne(Output& output);
  void Dispatch(absl::string_view bytes, Output& output);
  void Fail(int status, Problem problem, Output& output);
  void Finish(Slot slot, Output& output);
  void AppendReady(Output& output);
  void Append(const Slot& slot, Output& output);
  void Resize(size_t capacity);

  const Shared& shared_;
  const uint64_t id_;
  RequestParser parser_;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0;  // Of the bytes that are not handled.
  size_t end_ = 0;
  std::vector<Slot> slots_;  // Their numbers end at next_sequence_.
  uint64_t next_sequence_ = 0;
  bool continued_ = false;  // "100 Continue" went out for this request.
  bool ending_ = false;     // The next request is the last.
  bool closing_ = false;    // No more requests.
  Problem problem_ = Problem::kNone;
};

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_CONVERSATION_H_
