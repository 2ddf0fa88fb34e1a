#include "lib/http/conversation.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "lib/http/response.h"

namespace birthmark::http {
namespace {

// Holds most requests; a connection that waits costs no more.
constexpr size_t kSmallBuffer = 2048;
// What a client that pipelines gets.
constexpr size_t kLargeBuffer = 16 * 1024;

}  // namespace

Conversation::Conversation(const Shared& shared, uint64_t id)
    : shared_(shared), id_(id), parser_(shared.limits.request) {}

void Conversation::Resize(size_t capacity) {
  std::unique_ptr<char[]> larger(new char[capacity]);
  if (begin_ < end_) {
    std::memcpy(larger.get(), buffer_.get() + begin_, end_ - begin_);
  }
  buffer_ = std::move(larger);
  capacity_ = capacity;
  end_ -= begin_;
  begin_ = 0;
}

Conversation::Room Conversation::NewRoom() {
  if (begin_ == end_) {
    size_t wanted = capacity_;
    if (end_ == capacity_) {
      wanted = std::clamp(2 * capacity_, kSmallBuffer, kLargeBuffer);
    } else if (end_ < capacity_ / 4) {
      wanted = kSmallBuffer;
    }
    begin_ = end_ = 0;
    if (wanted != capacity_) {
      Resize(wanted);
    }
  } else if (capacity_ - end_ < kSmallBuffer / 4) {
    const size_t used = end_ - begin_;
    if (used <= capacity_ / 2) {
      std::memmove(buffer_.get(), buffer_.get() + begin_, used);
      begin_ = 0;
      end_ = used;
    } else {
      Resize(2 * capacity_);
    }
  }
  return {buffer_.get() + end_, capacity_ - end_};
}

void Conversation::Received(size_t bytes) { end_ += bytes; }

bool Conversation::Advance(Output& output) {
  size_t handled = 0;
  while (!closing_ && !full() && begin_ < end_) {
    if (handled == shared_.limits.pipelined_requests) {
      return true;
    }
    if (!ParseOne(output)) {
      break;
    }
    ++handled;
  }
  return false;
}

// ParseOne returns false if there is no complete request.
bool Conversation::ParseOne(Output& output) {
  absl::string_view bytes(buffer_.get() + begin_, end_ - begin_);
  if (parser_.size() == 0 && bytes.front() == '\r') {
    // An empty line before a request is some old client's (RFC 9112, 2.2).
    if (bytes.size() == 1) {
      return false;
    }
    if (bytes[1] == '\n') {
      begin_ += 2;
      bytes.remove_prefix(2);
      if (bytes.empty()) {
        return false;
      }
    }
  }
  switch (parser_.Parse(bytes)) {
    case RequestParser::Result::kComplete:
      Dispatch(bytes, output);
      return true;
    case RequestParser::Result::kNeedMore:
      // Behind other answers it would be taken for one of them. Without it,
      // clients wait a moment and then send.
      if (parser_.expects_continue() && !continued_ && !in_flight()) {
        continued_ = true;
        output.AppendText("HTTP/1.1 100 Continue\r\n\r\n");
      }
      return false;
    case RequestParser::Result::kMalformed:
      Fail(400, Problem::kMalformed, output);
      return false;
    case RequestParser::Result::kHeaderTooLarge:
      Fail(431, Problem::kHeaderTooLarge, output);
      return false;
    case RequestParser::Result::kBodyTooLarge:
      Fail(413, Problem::kBodyTooLarge, output);
      return false;
  }
  return false;
}

void Conversation::Dispatch(absl::string_view bytes, Output& output) {
  Request request;
  parser_.Fill(bytes, request);
  const uint64_t sequence = next_sequence_++;
  Slot slot{request.method == Method::kHead, parser_.http10(),
            parser_.keep_alive() && !ending_, false, Response()};
  closing_ = !slot.keep_alive;
  {
    Inbox::Inline here(*shared_.inbox, id_, sequence);
    shared_.handler(request, Responder(shared_.inbox, id_, sequence));
    if (here.response().has_value()) {
      slot.answered = true;
      slot.response = *std::move(here.response());
    }
  }
  begin_ += parser_.size();
  parser_.Reset();
  continued_ = false;
  Finish(std::move(slot), output);
}

// Finish appends the answer to the newest request if it is its turn.
void Conversation::Finish(Slot slot, Output& output) {
  if (slot.answered && slots_.empty()) {
    closing_ = closing_ || slot.response.close;
    Append(slot, output);
    return;
  }
  slots_.push_back(std::move(slot));
}

void Conversation::Append(const Slot& slot, Output& output) {
  Framing framing;
  framing.head_only = slot.head_only;
  framing.http10 = slot.http10;
  framing.keep_alive = slot.keep_alive && !slot.response.close;
  framing.date = shared_.date;
  output.Append(slot.response, framing);
}

void Conversation::Fail(int status, Problem problem, Output& output) {
  problem_ = problem;
  closing_ = true;
  ++next_sequence_;
  Finish({false, parser_.http10(), false, true,
          TextResponse(status, StatusText(status))},
         output);
}

void Conversation::TimeOut(Output& output) {
  if (!closing_) {
    Fail(408, Problem::kNone, output);
  }
}

void Conversation::Answered(uint64_t sequence, Response response,
                            Output& output) {
  const uint64_t first = next_sequence_ - slots_.size();
  if (sequence < first || sequence >= next_sequence_) {
    return;
  }
  Slot& slot = slots_[sequence - first];
  if (slot.answered) {
    return;
  }
  slot.answered = true;
  slot.response = std::move(response);
  AppendReady(output);
}

void Conversation::AppendReady(Output& output) {
  auto slot = slots_.begin();
  while (slot != slots_.end() && slot->answered) {
    Append(*slot, output);
    const bool last = !slot->keep_alive || slot->response.close;
    ++slot;
    if (last) {
      // An answer that closes leaves none to those behind it.
      closing_ = true;
      slot = slots_.end();
    }
  }
  slots_.erase(slots_.begin(), slot);
}

void Conversation::EndSoon() {
  ending_ = true;
  if (in_flight()) {
    slots_.back().keep_alive = false;
    closing_ = true;
  } else if (!mid_request()) {
    closing_ = true;
  }
}

}  // namespace birthmark::http
