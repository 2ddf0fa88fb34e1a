// TelemetryEndpoint serves what monitoring asks for, over plain HTTP:
//   /metrics  200, the registry's text
//   /healthz  200 as long as the process answers
//   /readyz   200 if the readiness callback says OK, else 503 with its text

#ifndef BIRTHMARK_LIB_HTTP_TELEMETRY_ENDPOINT_H_
#define BIRTHMARK_LIB_HTTP_TELEMETRY_ENDPOINT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/http/server.h"
#include "lib/telemetry/metrics.h"

namespace birthmark::http {

// TelemetryEndpoint runs on one thread of its own: 32 connections, 5 seconds
// for each request, no request bodies.
class TelemetryEndpoint {
 public:
  // ReadyCheck runs on the endpoint's thread and must not take long.
  using ReadyCheck = std::function<absl::Status()>;

  // Start listens on `host:port`; port 0 takes any free one. `registry` must
  // outlive the endpoint. kInvalidArgument for an address that cannot be used,
  // kUnavailable if it is taken.
  static absl::StatusOr<std::unique_ptr<TelemetryEndpoint>> Start(
      const std::string& address, const telemetry::Registry& registry,
      ReadyCheck ready);

  // address is `host:port` with the real port.
  const std::string& address() const { return server_->address(); }

 private:
  explicit TelemetryEndpoint(std::unique_ptr<Server> server);

  std::unique_ptr<Server> server_;
};

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_TELEMETRY_ENDPOINT_H_
