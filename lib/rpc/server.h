// Server serves a Router over gRPC: TLS 1.3, a client certificate always.

#ifndef BIRTHMARK_LIB_RPC_SERVER_H_
#define BIRTHMARK_LIB_RPC_SERVER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/rpc/authenticator.h"
#include "lib/rpc/identity.h"
#include "lib/rpc/router.h"

namespace birthmark::rpc {

struct ServerOptions {
  // `host:port` (port 0: any free one) or `unix:/path`. A socket file that
  // nobody listens on is removed first.
  std::vector<std::string> listen_addresses;
  // Read again when the files change.
  IdentityFiles identity;
  // Threads that run handlers. 0: eight for each core.
  int worker_threads = 0;
  // Calls that may wait for a thread. 0: 1024.
  int queued_calls = 0;
  // Largest message accepted. 0: 4 MiB.
  int message_bytes = 0;
  // Calls in progress on one connection.
  int streams_per_connection = 256;
};

// Server is thread-safe. It takes calls from Start until Shutdown.
//
// Health (grpc.health.v1) is gRPC's own and answers whoever completes a TLS
// handshake with any client certificate: it says SERVING or NOT_SERVING and
// nothing else.
class Server {
 public:
  // Start listens and serves. `router` must be set up completely; it and
  // `authenticator` must outlive the server. kInvalidArgument for addresses
  // and identity files that cannot be used, kUnavailable if an address is
  // taken.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const ServerOptions& options, Router& router,
      Authenticator& authenticator);

  // Shuts down at once if that was not done before.
  ~Server();

  // addresses are the listening ones, with the real ports, in the given order.
  const std::vector<std::string>& addresses() const;

  // SetServing sets what health says. True from the start.
  void SetServing(bool serving);

  // Shutdown takes no new calls, tells streams to drain, waits until all calls
  // have ended or `drain` is over, then cancels the rest. Idempotent.
  void Shutdown(absl::Duration drain);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_SERVER_H_
