#include "tests/bench/comeback_run.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/rpc/grpc_channel.h"
#include "tests/bench/cpu_account.h"
#include "tests/bench/device_calls.h"

namespace birthmark::bench {
namespace {

constexpr absl::Duration kDark = absl::Seconds(1);
constexpr absl::Duration kSampling = absl::Milliseconds(100);
constexpr absl::Duration kFirstBackoff = absl::Milliseconds(250);
constexpr absl::Duration kLongestBackoff = absl::Seconds(10);
constexpr absl::Duration kTimeout = absl::Seconds(60);

// As many connections as the machine allows, here and in the servers, which
// inherit it.
void RaiseFileLimit() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

tests::Deployment::Options ManyFiles() {
  RaiseFileLimit();
  return {.durable = true, .tcp = true};
}

bool Passes(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) ||
         absl::IsDeadlineExceeded(status) || absl::IsAborted(status);
}

// Crowd is the devices, from several threads.
class Crowd {
 public:
  Crowd(const tests::Deployment& deployment, const std::vector<Device>& devices)
      : deployment_(deployment), devices_(devices) {}

  // Serves one device after the other until none is left.
  void Work() {
    std::mt19937_64 random(std::random_device{}());
    while (true) {
      const size_t i = next_.fetch_add(1);
      if (i >= devices_.size()) {
        return;
      }
      const auto channel = ConnectDevice(deployment_, devices_[i]);
      absl::Duration backoff = kFirstBackoff;
      absl::Status status = RegisterDevice(*channel, devices_[i], kTimeout);
      while (!status.ok()) {
        std::uniform_real_distribution<double> part(0.5, 1);
        absl::SleepFor(std::max(backoff * part(random), Note(status)));
        backoff = std::min(backoff * 2, kLongestBackoff);
        status = RegisterDevice(*channel, devices_[i], kTimeout);
      }
      std::lock_guard<std::mutex> lock(mutex_);
      served_.push_back(Clock::Real().MonotonicNow());
    }
  }

  void ServiceIsBack() {
    std::lock_guard<std::mutex> lock(mutex_);
    back_ = Clock::Real().MonotonicNow();
  }

  size_t served() {
    std::lock_guard<std::mutex> lock(mutex_);
    return served_.size();
  }

  // After the last Work.
  void Report(Comeback& comeback) {
    for (const absl::Duration time : served_) {
      comeback.waits.push_back(std::max(time - *back_, absl::ZeroDuration()));
      comeback.time = std::max(comeback.time, comeback.waits.back());
    }
    comeback.failures_before = before_;
    comeback.failures_after = after_;
    comeback.without_delay = without_delay_;
  }

 private:
  // Returns how long the service asked to wait.
  absl::Duration Note(const absl::Status& why) {
    if (!Passes(why)) {
      std::cerr << "a device was refused: " << why << std::endl;
      exit(1);
    }
    const std::string reason = Reason(why);
    const auto info = GetErrorInfo(why);
    const bool says_when = info.has_value() && info->retry_after.has_value();
    std::lock_guard<std::mutex> lock(mutex_);
    ++(back_.has_value()
           ? after_
           : before_)[reason.empty() ? absl::StatusCodeToString(why.code())
                                     : reason];
    without_delay_ += absl::IsResourceExhausted(why) && !says_when ? 1 : 0;
    return says_when ? *info->retry_after : absl::ZeroDuration();
  }

  const tests::Deployment& deployment_;
  const std::vector<Device>& devices_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  // Under mutex_ from here on.
  std::optional<absl::Duration> back_;
  std::vector<absl::Duration> served_;
  std::map<std::string, uint64_t> before_, after_;
  uint64_t without_delay_ = 0;
};

}  // namespace

ComebackRun::ComebackRun(size_t devices)
    : deployment_(ManyFiles()),
      devices_(DeviceMaker(deployment_).Make(devices)) {}

Comeback ComebackRun::Run(int clients) {
  const std::vector<std::string> roles = {"ca", "inventory", "registration"};
  deployment_.postgres().KillHard();
  for (const std::string& role : roles) {
    deployment_.process(role).Kill();
  }
  Crowd crowd(deployment_, devices_);
  std::vector<std::thread> threads;
  for (int i = 0; i < clients; ++i) {
    threads.emplace_back([&crowd] { crowd.Work(); });
  }
  absl::SleepFor(kDark);
  // Until the one that was killed has quite gone.
  while (!deployment_.postgres().TryStart()) {
    absl::SleepFor(kSampling);
  }
  for (const std::string& role : roles) {
    deployment_.Start(role);
  }
  crowd.ServiceIsBack();
  Comeback comeback;
  const Usage start = UsageNow(deployment_);
  const auto sample = [&] {
    for (const char* role : {"ca", "registration"}) {
      const int64_t bytes = ResidentBytes(deployment_.process(role).pid());
      comeback.resident_before.emplace(role, bytes);
      int64_t& most = comeback.resident_most[role];
      most = std::max(most, bytes);
    }
  };
  sample();
  while (crowd.served() < devices_.size()) {
    absl::SleepFor(kSampling);
    sample();
  }
  comeback.used = UsageNow(deployment_) - start;
  for (std::thread& thread : threads) {
    thread.join();
  }
  crowd.Report(comeback);
  return comeback;
}

uint64_t ComebackRun::CountRecords() {
  return CountRegistered(deployment_, devices_.size());
}

}  // namespace birthmark::bench
