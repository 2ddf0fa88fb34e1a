// OverloadRun asks more of a deployment than it can do: real processes over
// mutual TLS on the loopback network, PostgreSQL as in production.
#ifndef BIRTHMARK_TESTS_BENCH_OVERLOAD_RUN_H_
#define BIRTHMARK_TESTS_BENCH_OVERLOAD_RUN_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lib/rpc/grpc_channel.h"
#include "tests/bench/insistent_line.h"
#include "tests/support/deployment.h"

namespace birthmark::bench {

// Load is a number of lines that send as fast as they may.
struct Load {
  int lines = 0;
  int greedy = 0;  // how many of them send more than they may
  absl::Duration duration;
};

// Outcome is what came of a load.
struct Outcome {
  double certificates_per_second = 0;  // after the ramp-up
  Refusals refusals;                   // of all lines
  // Of each server, in bytes, every half second.
  std::map<std::string, std::vector<int64_t>> resident;
};

// OverloadRun is not thread-safe. Whatever goes wrong ends the program.
class OverloadRun {
 public:
  // For loads of at most so many lines.
  explicit OverloadRun(int lines);

  // Put puts a load on the deployment. `expected_rate` certificates a second
  // say how many items it needs.
  Outcome Put(const Load& load, double expected_rate);

  // Resident returns the servers' memory now, in bytes.
  std::map<std::string, int64_t> Resident();

  // received is how many certificates came, in all.
  uint64_t received() const { return received_; }
  // CountRecords returns how many certificates the database holds. Those whose
  // answer was not waited for are among them.
  uint64_t CountRecords();

 private:
  tests::Deployment deployment_;
  std::vector<std::unique_ptr<rpc::GrpcChannel>> channels_;
  int loads_ = 0;
  uint64_t received_ = 0;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_OVERLOAD_RUN_H_
