#include "tests/bench/registration_run.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "lib/base/clock.h"
#include "tests/bench/device_calls.h"

namespace birthmark::bench {
namespace {

// More devices than are expected to come.
constexpr double kReserve = 1.6;

template <typename... Parts>
[[noreturn]] void Die(const Parts&... parts) {
  std::cerr << absl::StrCat(parts...) << std::endl;
  exit(1);
}

}  // namespace

RegistrationRun::RegistrationRun(const RegistrationOptions& options)
    : options_(options),
      deployment_({.durable = true, .tcp = true}),
      maker_(deployment_) {}

Visits RegistrationRun::Measure(const std::vector<Device>& devices, bool again,
                                absl::Duration duration, const Visit& visit) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  Visits visits;
  const Usage start = UsageNow(deployment_);
  const absl::Duration end = start.time + duration;
  const auto serve = [&] {
    std::vector<absl::Duration> latencies;
    while (true) {
      const absl::Duration begin = Clock::Real().MonotonicNow();
      const size_t i = next.fetch_add(1);
      if (begin >= end || (i >= devices.size() && !again)) {
        break;
      }
      const Device& device = devices[i % devices.size()];
      const auto channel = ConnectDevice(deployment_, device);
      const absl::Status status = visit(*channel, device);
      if (!status.ok()) {
        Die("a device was not served: ", status.ToString());
      }
      latencies.push_back(Clock::Real().MonotonicNow() - begin);
    }
    std::lock_guard<std::mutex> lock(mutex);
    visits.latencies.insert(visits.latencies.end(), latencies.begin(),
                            latencies.end());
  };
  std::vector<std::thread> clients;
  for (int i = 0; i < options_.clients; ++i) {
    clients.emplace_back(serve);
  }
  for (std::thread& client : clients) {
    client.join();
  }
  visits.used = UsageNow(deployment_) - start;
  visits.count = visits.latencies.size();
  if (visits.count == 0) {
    Die("no device was served");
  }
  return visits;
}

size_t RegistrationRun::DevicesFor(absl::Duration duration, double rate) const {
  return static_cast<size_t>(rate * kReserve *
                             absl::ToDoubleSeconds(duration)) +
         static_cast<size_t>(options_.clients) * 2;
}

Visits RegistrationRun::Register(absl::Duration duration,
                                 double expected_rate) {
  const Visits visits =
      Measure(maker_.Make(DevicesFor(duration, expected_rate)), /*again=*/false,
              duration, [](rpc::GrpcChannel& channel, const Device& device) {
                return RegisterDevice(channel, device);
              });
  registered_ += visits.count;
  rate_ = static_cast<double>(visits.count) /
          absl::ToDoubleSeconds(visits.used.time);
  return visits;
}

void RegistrationRun::WarmUp() { Register(options_.warm_up, rate_); }

Visits RegistrationRun::MeasureHandshakes() {
  return Measure(maker_.Make(100), /*again=*/true, options_.duration,
                 [](rpc::GrpcChannel& channel, const Device&) {
                   return CheckHealth(channel);
                 });
}

Visits RegistrationRun::MeasureRegistrations() {
  return Register(options_.duration, rate_);
}

uint64_t RegistrationRun::CountRecords() {
  return CountRegistered(deployment_, registered_);
}

}  // namespace birthmark::bench
