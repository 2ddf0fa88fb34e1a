#include "lib/telemetry/rpc_metrics.h"

#include <utility>

namespace birthmark::telemetry {
namespace {

constexpr char kUnknownMethod[] = "unknown";

// The names that gRPC gives the codes.
std::string CodeName(absl::StatusCode code) {
  return absl::StatusCodeToString(code);
}

}  // namespace

RpcMethodMetrics::RpcMethodMetrics(std::string method, Family<Counter>& calls,
                                   Histogram& latency, Gauge& in_flight)
    : method_(std::move(method)),
      calls_(calls),
      latency_(latency),
      in_flight_(in_flight) {}

void RpcMethodMetrics::End(absl::StatusCode code, absl::Duration latency) {
  latency_.Observe(absl::ToDoubleSeconds(latency));
  EndStream(code);
}

void RpcMethodMetrics::EndStream(absl::StatusCode code) {
  in_flight_.Add(-1);
  Count(code);
}

void RpcMethodMetrics::Count(absl::StatusCode code) {
  auto index = static_cast<size_t>(code);
  if (index >= by_code_.size()) {
    index = static_cast<size_t>(absl::StatusCode::kUnknown);
    code = absl::StatusCode::kUnknown;
  }
  Counter* counter = by_code_[index].load(std::memory_order_acquire);
  if (counter == nullptr) {
    counter = &calls_.With({method_, CodeName(code)});
    by_code_[index].store(counter, std::memory_order_release);
  }
  counter->Increment();
}

RpcMetrics::RpcMetrics(Registry& registry)
    : calls_(registry.AddCounter("birthmark_rpc_calls_total",
                                 "Calls that have ended.", {"method", "code"})),
      latency_(registry.AddHistogram(
          "birthmark_rpc_latency_seconds",
          "Time that unary calls took, queueing included.", {"method"})),
      in_flight_(registry.AddGauge("birthmark_rpc_in_flight",
                                   "Calls in progress.", {"method"})),
      unknown_(kUnknownMethod, calls_, latency_.With({kUnknownMethod}),
               in_flight_.With({kUnknownMethod})) {}

RpcMethodMetrics& RpcMetrics::Method(const std::string& full_name) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto& metrics = methods_[full_name];
  if (metrics == nullptr) {
    metrics = std::make_unique<RpcMethodMetrics>(full_name, calls_,
                                                 latency_.With({full_name}),
                                                 in_flight_.With({full_name}));
  }
  return *metrics;
}

}  // namespace birthmark::telemetry
