// Acceptor takes connections on one address and gives each to the loop that has
// the fewest.

#ifndef BIRTHMARK_LIB_HTTP_ACCEPTOR_H_
#define BIRTHMARK_LIB_HTTP_ACCEPTOR_H_

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/http/loop.h"

namespace birthmark::http {

// Runs on the thread of one of the loops. All of them must outlive it, and must
// have stopped when it goes.
class Acceptor {
 public:
  // Listen binds `host:port`. kInvalidArgument for an address that cannot be
  // used, kUnavailable if it is taken.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Listen(
      const std::string& address,
      const std::vector<std::unique_ptr<Loop>>& loops, Loop& home,
      ServerMetrics* metrics);

  // address has the real port.
  const std::string& address() const { return address_; }

  // Accept starts. Before the loops run, or on the home loop's thread.
  void Accept();

  // Close stops listening. On any thread; returns when it is done. The home
  // loop must run.
  void Close();

 private:
  Acceptor(const std::vector<std::unique_ptr<Loop>>& loops, Loop& home,
           ServerMetrics* metrics);

  void OnReady();
  void TakeOne(int descriptor);
  void Pause();

  const std::vector<std::unique_ptr<Loop>>& loops_;
  Loop& home_;
  ServerMetrics* const metrics_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer timer_;
  boost::asio::ip::tcp protocol_ = boost::asio::ip::tcp::v4();
  std::string address_;
  size_t next_loop_ = 0;
};

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_ACCEPTOR_H_
