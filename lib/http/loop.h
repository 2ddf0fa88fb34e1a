// Loop is one thread of the server with its share of the connections.

#ifndef BIRTHMARK_LIB_HTTP_LOOP_H_
#define BIRTHMARK_LIB_HTTP_LOOP_H_

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "lib/base/clock.h"
#include "lib/http/connection.h"
#include "lib/http/conversation.h"
#include "lib/http/inbox.h"
#include "lib/http/message.h"
#include "lib/http/server_metrics.h"

namespace birthmark::http {

// Any thread may call it.
class Loop {
 public:
  struct Settings {
    Conversation::Limits limits;
    Timeouts timeouts;
    size_t connections;  // Of this loop.
    ServerMetrics* metrics;
  };

  // `handler` and `clock` must outlive the loop. `on_empty` runs on the loop's
  // thread whenever its last connection has closed.
  Loop(const Settings& settings, const Handler& handler, Clock& clock,
       std::function<void()> on_empty);

  // Stops, and closes everything.
  ~Loop();

  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Run starts the thread.
  void Run();

  // context is where other things may run on the loop's thread.
  boost::asio::io_context& context() { return context_; }

  // load is how many connections it has or is about to have.
  int load() const { return set_.load.load(std::memory_order_relaxed); }

  // Adopt takes a connected socket.
  void Adopt(int descriptor, boost::asio::ip::tcp protocol);

  // ShedIdle closes the connection that is idle for longest, if there is one.
  void ShedIdle();

  // EndSoon closes each connection as soon as it has its answers.
  void EndSoon();

  // Stop ends the thread and closes all connections. Idempotent. Not on the
  // loop's thread.
  void Stop();

 private:
  void AdoptHere(int descriptor, boost::asio::ip::tcp protocol);
  bool ShedIdleHere();
  void TakeAnswers();
  void ReadClock();
  void ScheduleTick();
  void Tick();

  const Settings settings_;
  Clock& clock_;
  const int64_t tick_ms_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      work_{context_.get_executor()};
  const std::shared_ptr<Inbox> inbox_;
  ConnectionSet set_;
  std::vector<Inbox::Answered> answers_;
  boost::asio::steady_timer timer_{context_};
  bool ticking_ = false;
  bool ending_ = false;
  uint64_t next_id_ = 0;
  int64_t date_second_ = -1;
  std::thread thread_;
};

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_LOOP_H_
