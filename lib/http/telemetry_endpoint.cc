#include "lib/http/telemetry_endpoint.h"

#include <utility>

#include "lib/base/status_macros.h"
#include "lib/http/message.h"
#include "lib/http/response.h"

namespace birthmark::http {
namespace {

Response Metrics(const telemetry::Registry& registry) {
  Response response;
  response.headers = Shared(
      "Content-Type: text/plain; version=0.0.4\r\nCache-Control: no-store\r\n");
  response.body = Shared(registry.Text());
  return response;
}

Response Answer(const Request& request, const telemetry::Registry& registry,
                const TelemetryEndpoint::ReadyCheck& ready) {
  if (request.method != Method::kGet && request.method != Method::kHead) {
    return MethodNotAllowed("GET, HEAD");
  }
  if (request.path == "/metrics") {
    return Metrics(registry);
  }
  if (request.path == "/healthz") {
    return TextResponse(200, "ok");
  }
  if (request.path == "/readyz") {
    const absl::Status status = ready == nullptr ? absl::OkStatus() : ready();
    return status.ok() ? TextResponse(200, "ok")
                       : Unavailable(status.message());
  }
  return TextResponse(404, "there are /metrics, /healthz and /readyz");
}

}  // namespace

absl::StatusOr<std::unique_ptr<TelemetryEndpoint>> TelemetryEndpoint::Start(
    const std::string& address, const telemetry::Registry& registry,
    ReadyCheck ready) {
  ServerOptions options;
  options.listen_addresses = {address};
  options.threads = 1;
  options.connections = 32;
  options.body_bytes = 0;
  BIRTHMARK_ASSIGN_OR_RETURN(
      auto server,
      Server::Start(options, [&registry, ready = std::move(ready)](
                                 const Request& request, Responder responder) {
        responder.Send(Answer(request, registry, ready));
      }));
  return std::unique_ptr<TelemetryEndpoint>(
      new TelemetryEndpoint(std::move(server)));
}

TelemetryEndpoint::TelemetryEndpoint(std::unique_ptr<Server> server)
    : server_(std::move(server)) {}

}  // namespace birthmark::http
