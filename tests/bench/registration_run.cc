#include "tests/bench/registration_run.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "birthmark/registration/v1/registration_service.pb.h"
#include "google/protobuf/empty.pb.h"
#include "lib/base/clock.h"
#include "lib/x509/certificate.h"

namespace birthmark::bench {
namespace {

using google::protobuf::Empty;
using registration::v1::RegisterDeviceRequest;
using registration::v1::RegisterDeviceResponse;

constexpr char kRegister[] =
    "birthmark.registration.v1.RegistrationService.RegisterDevice";
// Its messages are read and written as empty ones: what is in them is unknown
// fields.
constexpr char kHealth[] = "grpc.health.v1.Health.Check";
// More devices than are expected to come.
constexpr double kReserve = 1.6;

template <typename... Parts>
[[noreturn]] void Die(const Parts&... parts) {
  std::cerr << absl::StrCat(parts...) << std::endl;
  exit(1);
}

absl::Status CheckHealth(rpc::GrpcChannel& channel, const Device&) {
  return channel.Unary<Empty>(kHealth, Empty()).status();
}

absl::Status RegisterDevice(rpc::GrpcChannel& channel, const Device& device) {
  RegisterDeviceRequest request;
  request.set_csr_der(device.csr_der);
  const auto response =
      channel.Unary<RegisterDeviceResponse>(kRegister, request);
  if (!response.ok()) {
    return response.status();
  }
  const auto certificate =
      x509::Certificate::Parse(response->certificate_chain_der(0));
  if (!certificate.ok() || (*certificate)->spki_der != device.spki_der) {
    return absl::InternalError("a certificate of another key");
  }
  return absl::OkStatus();
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
      auto channel = rpc::GrpcChannel::New(
          {.address = deployment_.Address("registration"),
           .server_name = tests::Deployment::ServerName("registration"),
           .roots_file = deployment_.home() + "/trust/root.pem",
           .identity = device.identity});
      const absl::Status status =
          channel.ok() ? visit(**channel, device) : channel.status();
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
              duration, RegisterDevice);
  registered_ += visits.count;
  rate_ = static_cast<double>(visits.count) /
          absl::ToDoubleSeconds(visits.used.time);
  return visits;
}

void RegistrationRun::WarmUp() { Register(options_.warm_up, rate_); }

Visits RegistrationRun::MeasureHandshakes() {
  return Measure(maker_.Make(100), /*again=*/true, options_.duration,
                 CheckHealth);
}

Visits RegistrationRun::MeasureRegistrations() {
  return Register(options_.duration, rate_);
}

uint64_t RegistrationRun::CountRecords() {
  const auto count = [this](const std::string& from) {
    const std::string text =
        deployment_.Sql(absl::StrCat("SELECT count(*) FROM ", from));
    uint64_t number = 0;
    if (!absl::SimpleAtoi(text, &number)) {
      Die("'", text, "' is no count");
    }
    return number;
  };
  const uint64_t certificates = count("certificates WHERE profile = 'ldevid'");
  const uint64_t devices = count(
      "(SELECT device_uid FROM certificates WHERE profile = 'ldevid' "
      "GROUP BY 1) certified JOIN devices USING (device_uid) WHERE state = 2");
  if (certificates != registered_ || devices != registered_) {
    Die(registered_, " devices were registered; the database has ",
        certificates, " certificates of ", devices, " active devices");
  }
  return certificates;
}

}  // namespace birthmark::bench
