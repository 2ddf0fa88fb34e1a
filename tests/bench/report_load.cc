#include "tests/bench/report_load.h"

#include <cstdlib>
#include <functional>
#include <iostream>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "birthmark/registration/v1/registration_service.pb.h"
#include "lib/base/clock.h"

namespace birthmark::bench {
namespace {

constexpr char kReport[] =
    "birthmark.registration.v1.RegistrationService.ReportFirmware";
constexpr const char* kVersions[] = {"2.4.1", "2.4.2"};

void Together(int callers, const std::function<void()>& call) {
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back(call);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace

ReportLoad::ReportLoad(std::vector<PooledDevice>& pool)
    : pool_(pool), reports_(pool.size()) {}

absl::Status ReportLoad::Report(size_t which) {
  PooledDevice& device = pool_[which];
  const int64_t before = reports_[which]++;
  const char* const version = kVersions[before / 2 % 2];
  registration::v1::ReportFirmwareRequest request;
  auto& report = *request.add_reports();
  report.set_component("application");
  report.set_version(version);
  report.set_digest(
      InventoryPast::Digest(device.model, "application", version));
  report.set_security_version(InventoryPast::SecurityVersion(version));
  return device.channel
      ->Unary<registration::v1::ReportFirmwareResponse>(kReport, request)
      .status();
}

void ReportLoad::WarmUp(int callers) {
  std::atomic<size_t> next{0};
  Together(callers, [&] {
    for (size_t mine = next++; mine < pool_.size(); mine = next++) {
      const absl::Status status = Report(mine);
      if (!status.ok()) {
        std::cerr << "ReportFirmware: " << status << std::endl;
        exit(1);
      }
    }
  });
}

ReportResult ReportLoad::Run(double per_second, absl::Duration duration,
                             int callers) {
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  ReportResult result;
  const absl::Duration start = Clock::Real().MonotonicNow();
  Together(callers, [&] {
    std::vector<absl::Duration> times;
    std::map<std::string, int64_t> failures;
    while (true) {
      const int64_t mine = next++;
      absl::Duration due = Clock::Real().MonotonicNow();
      if (per_second > 0) {
        const absl::Duration scheduled =
            start + absl::Seconds(static_cast<double>(mine) / per_second);
        if (scheduled > due && scheduled < start + duration) {
          absl::SleepFor(scheduled - due);
        }
        due = scheduled;
      }
      if (due >= start + duration) {
        break;
      }
      const absl::Status status =
          Report(static_cast<size_t>(mine) % pool_.size());
      if (status.ok()) {
        times.push_back(Clock::Real().MonotonicNow() - due);
      } else {
        ++failures[status.ToString()];
      }
    }
    const std::lock_guard<std::mutex> lock(mutex);
    result.times.insert(result.times.end(), times.begin(), times.end());
    for (const auto& [text, count] : failures) {
      result.failures[text] += count;
      result.failed += count;
    }
  });
  const absl::Duration time = Clock::Real().MonotonicNow() - start;
  result.reports = static_cast<int64_t>(result.times.size());
  result.per_second =
      static_cast<double>(result.reports) / absl::ToDoubleSeconds(time);
  return result;
}

}  // namespace birthmark::bench
