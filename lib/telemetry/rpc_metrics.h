// RpcMetrics counts the calls that a server gets:
//   birthmark_rpc_calls_total{method,code}   ended calls
//   birthmark_rpc_latency_seconds{method}    unary calls, queueing included
//   birthmark_rpc_in_flight{method}          calls now

#ifndef BIRTHMARK_LIB_TELEMETRY_RPC_METRICS_H_
#define BIRTHMARK_LIB_TELEMETRY_RPC_METRICS_H_

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/telemetry/metrics.h"

namespace birthmark::telemetry {

// RpcMethodMetrics are those of one method. Thread-safe.
class RpcMethodMetrics {
 public:
  RpcMethodMetrics(std::string method, Family<Counter>& calls,
                   Histogram& latency, Gauge& in_flight);

  void Begin() { in_flight_.Add(1); }
  // End ends a call that Begin began. Streams have no latency.
  void End(absl::StatusCode code, absl::Duration latency);
  void EndStream(absl::StatusCode code);

 private:
  void Count(absl::StatusCode code);

  const std::string method_;
  Family<Counter>& calls_;
  Histogram& latency_;
  Gauge& in_flight_;
  std::array<std::atomic<Counter*>, 17> by_code_{};
};

// RpcMetrics is thread-safe. `registry` must outlive it.
class RpcMetrics {
 public:
  explicit RpcMetrics(Registry& registry);

  // Method returns the metrics of a method of the API, by its full name. Never
  // pass what a client made up: unknown methods all count as `unknown`.
  RpcMethodMetrics& Method(const std::string& full_name);
  RpcMethodMetrics& unknown() { return unknown_; }

 private:
  Family<Counter>& calls_;
  Family<Histogram>& latency_;
  Family<Gauge>& in_flight_;
  RpcMethodMetrics unknown_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<RpcMethodMetrics>> methods_;
};

}  // namespace birthmark::telemetry

#endif  // BIRTHMARK_LIB_TELEMETRY_RPC_METRICS_H_
