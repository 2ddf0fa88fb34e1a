// RegistrationRun measures what a device costs that comes with a new
// connection, on a deployment of its own: real processes over mutual TLS on the
// loopback network, PostgreSQL as in production.
#ifndef BIRTHMARK_TESTS_BENCH_REGISTRATION_RUN_H_
#define BIRTHMARK_TESTS_BENCH_REGISTRATION_RUN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "lib/rpc/grpc_channel.h"
#include "tests/bench/device_maker.h"
#include "tests/bench/usage.h"
#include "tests/support/deployment.h"

namespace birthmark::bench {

struct RegistrationOptions {
  // Devices that are being served at a time.
  int clients = 8;
  absl::Duration warm_up = absl::Seconds(2);
  absl::Duration duration = absl::Seconds(5);
};

// Visits is what a number of devices cost that came one after the other, each
// with a connection of its own.
struct Visits {
  Usage used;
  uint64_t count = 0;
  std::vector<absl::Duration> latencies;
};

// RegistrationRun is not thread-safe. Whatever goes wrong ends the program.
class RegistrationRun {
 public:
  explicit RegistrationRun(const RegistrationOptions& options);

  // WarmUp learns how many devices a measurement needs.
  void WarmUp();

  // MeasureHandshakes has devices connect, ask for the server's health, which
  // nothing but the handshake stands before, and leave.
  Visits MeasureHandshakes();

  // MeasureRegistrations has each device connect, register, and leave.
  Visits MeasureRegistrations();

  // registered is how many devices did in all.
  uint64_t registered() const { return registered_; }

  // CountRecords returns how many operational certificates the database holds.
  // Ends the program unless each registered device has one and is active.
  uint64_t CountRecords();

 private:
  // A visit of a device over a channel of its own.
  using Visit = std::function<absl::Status(rpc::GrpcChannel&, const Device&)>;

  // Visits from `devices`, each once or, if `again`, over and over.
  Visits Measure(const std::vector<Device>& devices, bool again,
                 absl::Duration duration, const Visit& visit);
  Visits Register(absl::Duration duration, double expected_rate);
  size_t DevicesFor(absl::Duration duration, double rate) const;

  const RegistrationOptions options_;
  tests::Deployment deployment_;
  DeviceMaker maker_;
  double rate_ = 300;  // registrations a second
  uint64_t registered_ = 0;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_REGISTRATION_RUN_H_
