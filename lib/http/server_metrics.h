// ServerMetrics counts what a server does by itself. Requests by route and
// status are the handler's to count.

#ifndef BIRTHMARK_LIB_HTTP_SERVER_METRICS_H_
#define BIRTHMARK_LIB_HTTP_SERVER_METRICS_H_

#include <string>

#include "lib/telemetry/metrics.h"

namespace birthmark::http {

// Thread-safe. The registry must outlive it.
struct ServerMetrics {
  // `listener` is the label that tells a process's servers apart.
  ServerMetrics(telemetry::Registry& registry, const std::string& listener);

  // birthmark_http_connections
  telemetry::Gauge& connections;
  // birthmark_http_connections_accepted_total
  telemetry::Counter& accepted;
  // birthmark_http_connections_refused_total, by reason: `limit`, none of the
  // open ones was idle; `descriptors`, the process has no more.
  telemetry::Counter& refused_limit;
  telemetry::Counter& refused_descriptors;
  // birthmark_http_connections_displaced_total: idle ones that made room.
  telemetry::Counter& displaced;
  // birthmark_http_timeouts_total, by kind.
  telemetry::Counter& request_timeouts;
  telemetry::Counter& idle_timeouts;
  telemetry::Counter& write_timeouts;
  // birthmark_http_bad_requests_total, by kind: `malformed`, answered 400;
  // `header`, 431; `body`, 413.
  telemetry::Counter& malformed;
  telemetry::Counter& oversized_header;
  telemetry::Counter& oversized_body;
};

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_SERVER_METRICS_H_
