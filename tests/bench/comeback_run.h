// ComebackRun cuts the power of a deployment and has all devices of a fleet
// come back at once, each over a new mutual TLS connection.
#ifndef BIRTHMARK_TESTS_BENCH_COMEBACK_RUN_H_
#define BIRTHMARK_TESTS_BENCH_COMEBACK_RUN_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/bench/device_maker.h"
#include "tests/bench/usage.h"
#include "tests/support/deployment.h"

namespace birthmark::bench {

// Comeback is what came of it.
struct Comeback {
  // Of each device, from when the service was back until it was served; at
  // least zero.
  std::vector<absl::Duration> waits;
  // Until the last one was.
  absl::Duration time;
  Usage used;
  // Attempts that failed, by reason or code: before the service was back, and
  // after.
  std::map<std::string, uint64_t> failures_before, failures_after;
  // RESOURCE_EXHAUSTED without a delay.
  uint64_t without_delay = 0;
  // Of each server, in bytes: when it had started, and the most there was.
  std::map<std::string, int64_t> resident_before, resident_most;
};

// ComebackRun is not thread-safe. Whatever goes wrong ends the program.
class ComebackRun {
 public:
  explicit ComebackRun(size_t devices);

  // Run returns when every device is registered. So many `clients` are on their
  // way at a time; a device waits as long as it is told, else ever longer.
  Comeback Run(int clients);

  // CountRecords returns how many operational certificates the database holds.
  // Ends the program unless each device has one and is active.
  uint64_t CountRecords();

 private:
  tests::Deployment deployment_;
  std::vector<Device> devices_;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_COMEBACK_RUN_H_
