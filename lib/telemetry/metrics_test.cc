#include "lib/telemetry/metrics.h"

#include "lib/base/testing.h"

namespace birthmark::telemetry {
namespace {

using ::testing::HasSubstr;

TEST(MetricsTest, TextHasNameHelpLabelsAndValue) {
  Registry registry;
  auto& issued = registry.AddCounter("birthmark_issued_total",
                                     "Certificates issued.", {"profile"});
  issued.With({"idevid"}).Increment();
  issued.With({"idevid"}).Increment(2);
  EXPECT_THAT(registry.Text(),
              HasSubstr("# HELP birthmark_issued_total Certificates issued."));
  EXPECT_THAT(registry.Text(),
              HasSubstr("birthmark_issued_total{profile=\"idevid\"} 3"));
}

TEST(MetricsTest, AMetricWithoutLabelsIsThereBeforeItIsUsed) {
  Registry registry;
  registry.AddGauge("birthmark_queue", "Waiting.");
  EXPECT_THAT(registry.Text(), HasSubstr("birthmark_queue 0"));
}

TEST(MetricsTest, TheSameNameIsTheSameFamily) {
  Registry registry;
  registry.AddCounter("a_total", "A.", {"x"}).With({"1"}).Increment();
  auto& again = registry.AddCounter("a_total", "A.", {"x"});
  EXPECT_EQ(again.With({"1"}).Value(), 1);
}

TEST(MetricsTest, HistogramsCountByBucket) {
  Registry registry;
  auto& latency = registry.AddHistogram("l_seconds", "L.", {}, {0.1, 1});
  latency.With({}).Observe(0.5);
  EXPECT_THAT(registry.Text(), HasSubstr("l_seconds_bucket{le=\"0.1\"} 0"));
  EXPECT_THAT(registry.Text(), HasSubstr("l_seconds_bucket{le=\"1\"} 1"));
}

TEST(MetricsDeathTest, OtherLabelsForATakenNameEndTheProcess) {
  Registry registry;
  registry.AddCounter("a_total", "A.", {"x"});
  EXPECT_DEATH(registry.AddCounter("a_total", "A.", {"y"}), "other labels");
}

TEST(MetricsDeathTest, AnotherKindForATakenNameEndsTheProcess) {
  Registry registry;
  registry.AddCounter("a_total", "A.");
  EXPECT_DEATH(registry.AddGauge("a_total", "A."), "a_total");
}

TEST(MetricsDeathTest, AWrongNumberOfLabelValuesEndsTheProcess) {
  Registry registry;
  auto& family = registry.AddCounter("a_total", "A.", {"x"});
  EXPECT_DEATH(family.With({}), "label values");
}

}  // namespace
}  // namespace birthmark::telemetry
