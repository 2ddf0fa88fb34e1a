// JobLoad is an operator who changes many devices at a time.
#ifndef BIRTHMARK_TESTS_BENCH_JOB_LOAD_H_
#define BIRTHMARK_TESTS_BENCH_JOB_LOAD_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "birthmark/device/v1/device_job_service.pb.h"
#include "lib/rpc/grpc_channel.h"
#include "tests/support/deployment.h"

namespace birthmark::bench {

// JobResult is what a job took.
struct JobResult {
  int64_t devices = 0;
  int64_t done = 0;
  int64_t failed = 0;
  int64_t certificates = 0;
  absl::Duration collecting;  // from its creation until it ran
  absl::Duration running;     // from then until it was done
  double per_second() const {
    return static_cast<double>(done) / absl::ToDoubleSeconds(running);
  }
  double per_second_in_all() const {
    return static_cast<double>(done) /
           absl::ToDoubleSeconds(collecting + running);
  }
};

// Not thread-safe. Whatever goes wrong ends the program.
class JobLoad {
 public:
  // `deployment` must outlive it.
  explicit JobLoad(tests::Deployment& deployment);

  // Run has a job of the fleet `home` done to what `filter` selects.
  JobResult Run(device::v1::DeviceJobAction action, const std::string& filter);

 private:
  device::v1::DeviceJob Get(const std::string& name);

  const std::unique_ptr<rpc::GrpcChannel> channel_;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_JOB_LOAD_H_
