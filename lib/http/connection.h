// Connection is a Conversation on a socket, with its deadlines.

#ifndef BIRTHMARK_LIB_HTTP_CONNECTION_H_
#define BIRTHMARK_LIB_HTTP_CONNECTION_H_

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "lib/http/conversation.h"
#include "lib/http/output.h"
#include "lib/http/server_metrics.h"

namespace birthmark::http {

class Connection;

// Timeouts are in milliseconds.
struct Timeouts {
  int64_t request;
  int64_t idle;
  int64_t write;
};

// ConnectionSet is what the connections of one thread share. For that thread
// alone but for `load`.
struct ConnectionSet {
  using List = std::list<std::unique_ptr<Connection>>;

  Conversation::Shared shared;
  Timeouts timeouts;
  ServerMetrics* metrics;
  // Of those that are open or on their way here. Any thread.
  std::atomic<int> load{0};
  // Called when the last one has closed.
  std::function<void()> on_empty;

  // Coarse time, so that requests cost no system call for it.
  int64_t now_ms = 0;
  // What is rendered is sent at once, if the socket takes it.
  Output scratch;
  // Where goes what nobody will look at.
  std::array<char, 4096> trash;
  // In order of their deadlines.
  List idle;
  List busy;
  // Waiting for their last completion.
  List closed;
  absl::flat_hash_map<uint64_t, Connection*> by_id;

  bool empty() const { return idle.empty() && busy.empty(); }
  size_t size() const { return by_id.size(); }

  // Add starts a conversation.
  void Add(boost::asio::ip::tcp::socket socket, uint64_t id);
  // Reap frees those in `closed` that nothing refers to any more. Called when
  // no member function of a connection runs.
  void Reap();
};

// Not thread-safe: it belongs to its set's thread.
class Connection {
 public:
  Connection(ConnectionSet& set, boost::asio::ip::tcp::socket socket,
             uint64_t id);

  // Start reads. `self` is the connection's place, in set.idle.
  void Start(ConnectionSet::List::iterator self);

  void Answered(uint64_t sequence, Response response);

  // EndSoon closes as soon as what was asked is answered.
  void EndSoon();

  // Close closes at once.
  void Close();

  // CheckDeadline ends what took too long.
  void CheckDeadline();

  int64_t deadline_ms() const { return deadline_ms_; }
  bool referred_to() const { return reading_ || awaiting_room_; }

 private:
  enum class State { kIdle, kRequest, kHandler, kWrite, kLinger };

  void Read();
  void OnRead(const boost::system::error_code& error, size_t bytes);
  void OnDiscarded(size_t bytes);
  void OnRoom(const boost::system::error_code& error);
  void Advance();
  Output& output() { return unsent_.empty() ? set_.scratch : unsent_; }
  bool Write();
  bool Block(Output& output);
  void Settle();
  void Enter(State state, int64_t timeout_ms);
  void Linger();
  void Abort();
  void MoveTo(ConnectionSet::List& list);
  void CountProblem();

  ConnectionSet& set_;
  boost::asio::ip::tcp::socket socket_;
  Conversation conversation_;
  ConnectionSet::List* list_ = nullptr;
  ConnectionSet::List::iterator self_;
  State state_ = State::kIdle;
  int64_t deadline_ms_ = 0;
  uint64_t state_sequence_ = 0;  // Of the conversation, when state_ began.
  Output unsent_;                // What the socket did not take.
  size_t sent_ = 0;              // Since the deadline was set.
  size_t discarded_ = 0;
  bool reading_ = false;
  bool awaiting_room_ = false;
  bool client_ended_ = false;
  bool closed_ = false;
  bool problem_counted_ = false;
};

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_CONNECTION_H_
