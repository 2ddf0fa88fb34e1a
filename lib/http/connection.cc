#include "lib/http/connection.h"

#include <errno.h>
#include <sys/socket.h>

#include <limits>
#include <utility>

namespace birthmark::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
// How long and how much of what a client still sends is read after an answer
// that ends the connection, so that it gets to read the answer.
constexpr int64_t kLingerMs = 2000;
constexpr size_t kLingerBytes = 256 * 1024;
// In each write timeout a client takes so much.
constexpr size_t kWriteProgress = 4096;
constexpr size_t kGathered = 130;

}  // namespace

void ConnectionSet::Add(tcp::socket socket, uint64_t id) {
  idle.push_back(std::make_unique<Connection>(*this, std::move(socket), id));
  Connection& connection = *idle.back();
  by_id.emplace(id, &connection);
  if (metrics != nullptr) {
    metrics->accepted.Increment();
    metrics->connections.Add(1);
  }
  connection.Start(std::prev(idle.end()));
}

void ConnectionSet::Reap() {
  for (auto it = closed.begin(); it != closed.end();) {
    it = (*it)->referred_to() ? std::next(it) : closed.erase(it);
  }
}

Connection::Connection(ConnectionSet& set, tcp::socket socket, uint64_t id)
    : set_(set), socket_(std::move(socket)), conversation_(set.shared, id) {}

void Connection::Start(ConnectionSet::List::iterator self) {
  list_ = &set_.idle;
  self_ = self;
  deadline_ms_ = set_.now_ms + set_.timeouts.idle;
  Read();
}

void Connection::Read() {
  if (reading_ || client_ended_ || !conversation_.WantsInput()) {
    return;
  }
  const Conversation::Room room = conversation_.NewRoom();
  reading_ = true;
  socket_.async_read_some(asio::buffer(room.data, room.size),
                          [this](const error_code& error, size_t bytes) {
                            ConnectionSet& set = set_;
                            reading_ = false;
                            OnRead(error, bytes);
                            set.Reap();
                          });
}

void Connection::OnRead(const error_code& error, size_t bytes) {
  if (closed_) {
    return;
  }
  if (error == asio::error::eof) {
    // It may still wait for answers.
    client_ended_ = true;
    Settle();
    return;
  }
  if (error) {
    Close();
    return;
  }
  if (state_ == State::kLinger) {
    OnDiscarded(bytes);
    return;
  }
  conversation_.Received(bytes);
  if (unsent_.empty()) {
    Advance();
  }
}

void Connection::Advance() {
  bool more = true;
  while (more) {
    more = conversation_.Advance(output());
    CountProblem();  // First: whoever has the answer finds it counted.
    if (!Write()) {
      break;
    }
  }
  Settle();
}

void Connection::Answered(uint64_t sequence, Response response) {
  if (state_ == State::kLinger) {
    return;
  }
  const bool was_full = !conversation_.WantsInput();
  const bool was_blocked = !unsent_.empty();
  conversation_.Answered(sequence, std::move(response), output());
  if (was_blocked) {
    return;
  }
  if (Write() && was_full) {
    Advance();
    return;
  }
  Settle();
}

// Write sends output(). False if some of it is left, or the connection is gone.
bool Connection::Write() {
  Output& output = this->output();
  while (!output.empty()) {
    iovec entries[kGathered];
    msghdr message{};
    message.msg_iov = entries;
    message.msg_iovlen = output.Gather(entries, kGathered);
    const ssize_t sent = ::sendmsg(socket_.native_handle(), &message,
                                   MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      output.Sent(static_cast<size_t>(sent));
      sent_ += static_cast<size_t>(sent);
      continue;
    }
    if (errno == EINTR) {
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return Block(output);
    }
    output.Clear();
    Close();
    return false;
  }
  return true;
}

// Block keeps what is left until the socket has room. Always false.
bool Connection::Block(Output& output) {
  if (&output != &unsent_) {
    std::swap(output, unsent_);
  }
  if (state_ != State::kWrite) {
    sent_ = 0;
    Enter(State::kWrite, set_.timeouts.write);
  }
  if (!awaiting_room_) {
    awaiting_room_ = true;
    socket_.async_wait(tcp::socket::wait_write,
                       [this](const error_code& error) {
                         ConnectionSet& set = set_;
                         awaiting_room_ = false;
                         OnRoom(error);
                         set.Reap();
                       });
  }
  return false;
}

void Connection::OnRoom(const error_code& error) {
  if (closed_) {
    return;
  }
  if (error) {
    Close();
    return;
  }
  if (Write()) {
    Advance();
  }
}

// Settle decides what the connection waits for.
void Connection::Settle() {
  if (closed_ || !unsent_.empty()) {
    return;
  }
  if (client_ended_ && !conversation_.in_flight()) {
    Close();
    return;
  }
  if (conversation_.ended()) {
    if (conversation_.unread()) {
      Linger();
    } else {
      Close();
    }
    return;
  }
  const bool another = conversation_.sequence() != state_sequence_;
  if (conversation_.mid_request() && conversation_.WantsInput()) {
    if (state_ != State::kRequest || another) {
      Enter(State::kRequest, set_.timeouts.request);
    }
  } else if (conversation_.in_flight()) {
    Enter(State::kHandler, kNever);
  } else if (state_ != State::kIdle || another) {
    Enter(State::kIdle, set_.timeouts.idle);
  }
  Read();
}

void Connection::Enter(State state, int64_t timeout_ms) {
  state_ = state;
  state_sequence_ = conversation_.sequence();
  deadline_ms_ = timeout_ms == kNever ? kNever : set_.now_ms + timeout_ms;
  MoveTo(state == State::kIdle ? set_.idle : set_.busy);
}

void Connection::MoveTo(ConnectionSet::List& list) {
  list.splice(list.end(), *list_, self_);
  list_ = &list;
}

void Connection::Linger() {
  error_code error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  if (error) {
    Close();
    return;
  }
  Enter(State::kLinger, kLingerMs);
  OnDiscarded(0);
}

void Connection::OnDiscarded(size_t bytes) {
  discarded_ += bytes;
  if (discarded_ > kLingerBytes) {
    Close();
    return;
  }
  if (reading_) {
    return;
  }
  reading_ = true;
  socket_.async_read_some(asio::buffer(set_.trash),
                          [this](const error_code& error, size_t bytes) {
                            ConnectionSet& set = set_;
                            reading_ = false;
                            OnRead(error, bytes);
                            set.Reap();
                          });
}

void Connection::EndSoon() {
  if (state_ != State::kLinger) {
    conversation_.EndSoon();
    Settle();
  }
}

void Connection::CheckDeadline() {
  if (closed_ || set_.now_ms < deadline_ms_) {
    return;
  }
  ServerMetrics* const metrics = set_.metrics;
  switch (state_) {
    case State::kRequest:
      if (metrics != nullptr) {
        metrics->request_timeouts.Increment();
      }
      conversation_.TimeOut(output());
      Write();
      Settle();
      return;
    case State::kWrite:
      if (sent_ >= kWriteProgress) {
        sent_ = 0;
        Enter(State::kWrite, set_.timeouts.write);
        return;
      }
      if (metrics != nullptr) {
        metrics->write_timeouts.Increment();
      }
      Abort();
      return;
    case State::kIdle:
      if (metrics != nullptr) {
        metrics->idle_timeouts.Increment();
      }
      Close();
      return;
    case State::kHandler:
    case State::kLinger:
      Close();
      return;
  }
}

// Abort closes and leaves nothing for the kernel to go on sending.
void Connection::Abort() {
  error_code error;
  socket_.set_option(tcp::socket::linger(true, 0), error);
  Close();
}

void Connection::Close() {
  if (closed_) {
    return;
  }
  closed_ = true;
  error_code error;
  socket_.close(error);
  set_.by_id.erase(conversation_.id());
  MoveTo(set_.closed);
  if (set_.metrics != nullptr) {
    set_.metrics->connections.Add(-1);
  }
  set_.load.fetch_sub(1, std::memory_order_relaxed);
  if (set_.empty() && set_.on_empty != nullptr) {
    set_.on_empty();
  }
}

void Connection::CountProblem() {
  if (set_.metrics == nullptr || problem_counted_) {
    return;
  }
  problem_counted_ = conversation_.problem() != Conversation::Problem::kNone;
  switch (conversation_.problem()) {
    case Conversation::Problem::kNone:
      return;
    case Conversation::Problem::kMalformed:
      set_.metrics->malformed.Increment();
      return;
    case Conversation::Problem::kHeaderTooLarge:
      set_.metrics->oversized_header.Increment();
      return;
    case Conversation::Problem::kBodyTooLarge:
      set_.metrics->oversized_body.Increment();
      return;
  }
}

}  // namespace birthmark::http
