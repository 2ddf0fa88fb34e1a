// ReportLoad is devices that report their firmware.
#ifndef BIRTHMARK_TESTS_BENCH_REPORT_LOAD_H_
#define BIRTHMARK_TESTS_BENCH_REPORT_LOAD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/bench/device_pool.h"

namespace birthmark::bench {

// ReportResult is what came of a load.
struct ReportResult {
  double per_second = 0;  // reports that were recorded
  int64_t reports = 0;
  int64_t failed = 0;
  std::map<std::string, int64_t> failures;  // by what they failed with
  // Since a report was due, not since it was sent: a server that is behind
  // cannot hide it.
  std::vector<absl::Duration> times;
};

// ReportLoad has the devices of a pool report in turns. Of a device's reports
// every other one says what the one before said; in between the version of its
// application changes. Not thread-safe.
class ReportLoad {
 public:
  // `pool` must outlive it.
  explicit ReportLoad(std::vector<PooledDevice>& pool);

  // WarmUp has each device report once, over a new connection. Ends the
  // program if a report fails.
  void WarmUp(int callers);

  // Run starts `per_second` reports a second, whatever becomes of those
  // before (0: each caller reports as soon as its last report is answered), and
  // waits for their answers.
  ReportResult Run(double per_second, absl::Duration duration, int callers);

 private:
  absl::Status Report(size_t which);

  std::vector<PooledDevice>& pool_;
  std::vector<std::atomic<int64_t>> reports_;  // of each device
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_REPORT_LOAD_H_
