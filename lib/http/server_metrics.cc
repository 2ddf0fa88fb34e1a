#include "lib/http/server_metrics.h"

namespace birthmark::http {
namespace {

telemetry::Family<telemetry::Counter>& Refused(telemetry::Registry& registry) {
  return registry.AddCounter(
      "birthmark_http_connections_refused_total",
      "Connections closed at once, by what there was none left of.",
      {"listener", "reason"});
}

telemetry::Family<telemetry::Counter>& Timeouts(telemetry::Registry& registry) {
  return registry.AddCounter("birthmark_http_timeouts_total",
                             "Connections ended for being slow.",
                             {"listener", "kind"});
}

telemetry::Family<telemetry::Counter>& BadRequests(
    telemetry::Registry& registry) {
  return registry.AddCounter("birthmark_http_bad_requests_total",
                             "Requests refused before a handler saw them.",
                             {"listener", "kind"});
}

}  // namespace

ServerMetrics::ServerMetrics(telemetry::Registry& registry,
                             const std::string& listener)
    : connections(registry
                      .AddGauge("birthmark_http_connections",
                                "Open HTTP connections.", {"listener"})
                      .With({listener})),
      accepted(registry
                   .AddCounter("birthmark_http_connections_accepted_total",
                               "HTTP connections taken.", {"listener"})
                   .With({listener})),
      refused_limit(Refused(registry).With({listener, "limit"})),
      refused_descriptors(Refused(registry).With({listener, "descriptors"})),
      displaced(registry
                    .AddCounter("birthmark_http_connections_displaced_total",
                                "Idle connections closed to make room.",
                                {"listener"})
                    .With({listener})),
      request_timeouts(Timeouts(registry).With({listener, "request"})),
      idle_timeouts(Timeouts(registry).With({listener, "idle"})),
      write_timeouts(Timeouts(registry).With({listener, "write"})),
      malformed(BadRequests(registry).With({listener, "malformed"})),
      oversized_header(BadRequests(registry).With({listener, "header"})),
      oversized_body(BadRequests(registry).With({listener, "body"})) {}

}  // namespace birthmark::http
