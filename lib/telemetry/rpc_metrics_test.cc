#include "lib/telemetry/rpc_metrics.h"

#include "lib/base/testing.h"

namespace birthmark::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RpcMetricsTest, CountsCallsByMethodAndCode) {
  Registry registry;
  RpcMetrics metrics(registry);
  RpcMethodMetrics& get = metrics.Method("a.b.Get");
  get.Begin();
  get.End(absl::StatusCode::kNotFound, absl::Milliseconds(3));
  get.Begin();
  EXPECT_THAT(registry.Text(),
              HasSubstr("birthmark_rpc_calls_total{"
                        "code=\"NOT_FOUND\",method=\"a.b.Get\"} 1"));
  EXPECT_THAT(registry.Text(),
              HasSubstr("birthmark_rpc_in_flight{method=\"a.b.Get\"} 1"));
  EXPECT_THAT(registry.Text(), HasSubstr("birthmark_rpc_latency_seconds_count{"
                                         "method=\"a.b.Get\"} 1"));
}

TEST(RpcMetricsTest, AMethodHasOneSetOfMetrics) {
  Registry registry;
  RpcMetrics metrics(registry);
  EXPECT_EQ(&metrics.Method("a"), &metrics.Method("a"));
}

TEST(RpcMetricsTest, CodesThatDoNotExistCountAsUnknown) {
  Registry registry;
  RpcMetrics metrics(registry);
  metrics.unknown().Begin();
  metrics.unknown().EndStream(static_cast<absl::StatusCode>(77));
  EXPECT_THAT(registry.Text(),
              HasSubstr("code=\"UNKNOWN\",method=\"unknown\"} 1"));
  EXPECT_THAT(registry.Text(), Not(HasSubstr("77")));
}

}  // namespace
}  // namespace birthmark::telemetry
