// Server is a plain HTTP/1.1 server for small public answers: OCSP, CRLs, CA
// certificates, metrics. Persistent connections, pipelining, HTTP/1.0; no TLS.
//
// Whoever connects is bounded in everything: bytes, requests in flight, time.
// A thread never waits for a client.

#ifndef BIRTHMARK_LIB_HTTP_SERVER_H_
#define BIRTHMARK_LIB_HTTP_SERVER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/http/message.h"
#include "lib/http/server_metrics.h"

namespace birthmark::http {

struct ServerOptions {
  // `host:port`, `[v6]:port`. Port 0: any free one.
  std::vector<std::string> listen_addresses;
  // Each has its own share of the connections. 0: one a core.
  int threads = 0;
  // Open ones. Beyond it the one that is idle for longest makes room; if none
  // is idle, the new one is closed.
  int connections = 4096;
  // Request line and header fields together; beyond it 431.
  size_t header_bytes = 8 * 1024;
  // Beyond it 413.
  size_t body_bytes = 16 * 1024;
  // Requests of one connection whose answers are not sent yet. What a client
  // sends beyond it waits in its own socket.
  int pipelined_requests = 64;
  // From the first byte of a request to its last; beyond it 408.
  absl::Duration request_timeout = absl::Seconds(5);
  // Between an answer and the next request.
  absl::Duration idle_timeout = absl::Seconds(60);
  // In this time a client takes what is left of its answers or 4 KiB of it.
  absl::Duration write_timeout = absl::Seconds(10);
  // Null: not counted. Must outlive the server.
  ServerMetrics* metrics = nullptr;
  // Null: Clock::Real(). Must outlive the server.
  Clock* clock = nullptr;
};

// Server is thread-safe. It takes requests from Start until Shutdown.
class Server {
 public:
  // Start listens and serves. kInvalidArgument for addresses and limits that
  // cannot be used, kUnavailable if an address is taken.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const ServerOptions& options, Handler handler);

  // Shuts down at once if that was not done before. Not on a server thread.
  ~Server();

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // addresses are the listening ones, with the real ports, in the given order.
  const std::vector<std::string>& addresses() const;
  // address is the first of them.
  const std::string& address() const { return addresses().front(); }

  // Shutdown takes no new connections, closes idle ones, waits until what was
  // asked has been answered or `drain` is over, then closes the rest. The
  // handler is not called after it has returned. Idempotent.
  void Shutdown(absl::Duration drain);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_SERVER_H_
