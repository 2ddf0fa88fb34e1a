#include "tests/bench/issuance_report.h"

#include "gtest/gtest.h"

namespace birthmark::bench {
namespace {

Repeat SomeRepeat() {
  Repeat repeat;
  repeat.used.time = absl::Seconds(2);
  repeat.used.servers = {{"ca", absl::Milliseconds(100)},
                         {"postgres", absl::Milliseconds(400)},
                         {"registration", absl::Milliseconds(300)}};
  repeat.used.client = absl::Milliseconds(50);
  repeat.used.machine = absl::Seconds(1);
  repeat.database = {.commits = 80, .wal_bytes = 8000000};
  repeat.certificates = 4000;
  for (int i = 1; i <= 4000; ++i) {
    repeat.latencies.push_back(absl::Microseconds(i));
  }
  repeat.floor = {.verify = absl::Microseconds(60),
                  .sign = absl::Microseconds(20)};
  repeat.floor_on_all_cores = {.verify = absl::Microseconds(70),
                               .sign = absl::Microseconds(30)};
  return repeat;
}

TEST(IssuanceReportTest, CostsAreForOneCertificate) {
  const Figures figures = FiguresOf(SomeRepeat());
  EXPECT_DOUBLE_EQ(figures.certificates_per_second, 2000);
  EXPECT_DOUBLE_EQ(figures.server_cpu_us, 200);
  EXPECT_DOUBLE_EQ(figures.server_cpu_us_by_process.at("ca"), 25);
  EXPECT_DOUBLE_EQ(figures.server_cpu_us_by_process.at("postgres"), 100);
  EXPECT_DOUBLE_EQ(figures.server_cpu_us_by_process.at("registration"), 75);
  EXPECT_DOUBLE_EQ(figures.client_cpu_us, 12.5);
  EXPECT_DOUBLE_EQ(figures.machine_cpu_us, 250);
  EXPECT_DOUBLE_EQ(figures.floor_cpu_us, 80);
  EXPECT_DOUBLE_EQ(figures.floor_all_cores_cpu_us, 100);
  EXPECT_DOUBLE_EQ(figures.share, 0.4);
  EXPECT_DOUBLE_EQ(figures.p50_ms, 2);
  EXPECT_DOUBLE_EQ(figures.p99_ms, 3.96);
  EXPECT_DOUBLE_EQ(figures.commits, 0.02);
  EXPECT_DOUBLE_EQ(figures.wal_bytes, 2000);
}

TEST(IssuanceReportTest, TheMedianIsTakenFigureByFigure) {
  std::vector<Figures> all(3, FiguresOf(SomeRepeat()));
  all[0].server_cpu_us = 300;
  all[1].p99_ms = 7;
  all[1].server_cpu_us_by_process["ca"] = 26;
  all[2].server_cpu_us_by_process["ca"] = 27;
  const Figures median = Median(all);
  EXPECT_DOUBLE_EQ(median.server_cpu_us, 200);
  EXPECT_DOUBLE_EQ(median.p99_ms, 3.96);
  EXPECT_DOUBLE_EQ(median.server_cpu_us_by_process.at("ca"), 26);
}

}  // namespace
}  // namespace birthmark::bench
