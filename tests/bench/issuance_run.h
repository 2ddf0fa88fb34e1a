// IssuanceRun measures bulk issuance on a deployment of its own: real processes
// over mutual TLS on the loopback network, PostgreSQL as in production.
#ifndef BIRTHMARK_TESTS_BENCH_ISSUANCE_RUN_H_
#define BIRTHMARK_TESTS_BENCH_ISSUANCE_RUN_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lib/crypto/batch_verifier.h"
#include "lib/rpc/grpc_channel.h"
#include "tests/bench/issuance_report.h"
#include "tests/bench/line_load.h"
#include "tests/support/deployment.h"

namespace birthmark::bench {

struct IssuanceOptions {
  // Devices that exist before.
  int64_t devices = 10000;
  crypto::Arithmetic arithmetic = crypto::BestArithmetic();
  int lines = 4;
  size_t items_per_message = 100;
  size_t in_flight = 0;  // of a line; 0: what the server allows
  absl::Duration warm_up = absl::Seconds(4);
  // Before each measurement, until streams and queues are as full as they get.
  absl::Duration ramp_up = absl::Seconds(1);
  absl::Duration duration = absl::Seconds(6);
};

// IssuanceRun is not thread-safe. Whatever goes wrong ends the program: figures
// of a run that went wrong mean nothing.
class IssuanceRun {
 public:
  explicit IssuanceRun(const IssuanceOptions& options);

  tests::Deployment& deployment() { return deployment_; }

  // WarmUp loads the deployment without measuring, and learns how many items a
  // measurement needs.
  void WarmUp();

  // How long it took to make the devices that exist before.
  absl::Duration load_time() const { return load_time_; }

  // Measure is one repeat, of the whole duration and under full load for all
  // of it.
  Repeat Measure();

  // issued is how many certificates came in all.
  uint64_t issued() const { return issued_; }
  // verified is how many of them were checked: chain to the root, and the key.
  uint64_t verified() const { return verified_; }

  // CountRecords returns how many certificates of this run the database holds.
  // Ends the program if there are not as many as came, or if the lines have
  // another count.
  uint64_t CountRecords();

 private:
  using Loads = std::vector<std::unique_ptr<LineLoad>>;

  // Nothing if the items did not last.
  std::optional<Repeat> TryMeasure();
  Loads Prepare(absl::Duration duration);
  void Start(const Loads& loads);
  void Stop(const Loads& loads);
  void Verify(const LineLoad& load);
  uint64_t Certificates(const Loads& loads) const;

  const IssuanceOptions options_;
  tests::Deployment deployment_;
  std::vector<std::unique_ptr<rpc::GrpcChannel>> channels_;
  std::string first_serial_;  // hex; all certificates of the run are later
  absl::Duration load_time_;
  int runs_ = 0;
  double expected_rate_ = 3000;  // certificates a second, of all lines
  uint64_t issued_ = 0;
  uint64_t verified_ = 0;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_ISSUANCE_RUN_H_
