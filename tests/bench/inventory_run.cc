#include "tests/bench/inventory_run.h"

#include <stdlib.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/base/clock.h"
#include "tests/bench/bare_sql.h"
#include "tests/bench/cpu_account.h"
#include "tests/bench/end_on_signal.h"
#include "tests/support/process.h"

namespace birthmark::bench {
namespace {

constexpr absl::Duration kCrlsInTime = absl::Minutes(20);
// Calls of a walk through an empty list, at most.
constexpr int kWalk = 2000;

[[noreturn]] void Die(const std::string& what) {
  std::cerr << what << std::endl;
  exit(1);
}

std::string NewFolder() {
  std::string folder = "/tmp/bminv.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    Die("cannot make a folder in /tmp");
  }
  RemoveOnSignal(folder);
  return folder;
}

std::string TimeText(int64_t seconds) {
  return absl::FormatTime("\"%Y-%m-%dT%H:%M:%SZ\"",
                          absl::FromUnixSeconds(seconds), absl::UTCTimeZone());
}

}  // namespace

InventoryRun::InventoryRun(const InventoryOptions& options)
    : options_(options),
      folder_(options.data.empty() ? NewFolder() : options.data) {}

InventoryRun::~InventoryRun() {
  pool_.clear();
  deployment_.reset();
  if (options_.data.empty()) {
    tests::RunProgram({"rm", "-rf", folder_});
  }
}

InventoryLoad InventoryRun::Load() {
  const InventoryLoad load = LoadInventory(folder_, options_.devices);
  past_ = std::make_unique<InventoryPast>(ReadInventoryPast(folder_));
  return load;
}

void InventoryRun::Start() {
  deployment_ = std::make_unique<tests::Deployment>(tests::Deployment::Options{
      .durable = true,
      .database_folder = folder_,
      .tcp = true,
      .status = true,
      .public_url = "http://status.birthmark.test",
      .config = {{"inventory", "device_approval_threshold: 1000000000"}}});
  if (getenv("BIRTHMARK_KEEP") == nullptr) {
    RemoveOnSignal(deployment_->dir());
  }
  const absl::Duration give_up = Clock::Real().MonotonicNow() + kCrlsInTime;
  while (deployment_->Sql(
             "SELECT count(*) FROM crl_shards s WHERE NOT EXISTS (SELECT FROM "
             "crls c WHERE c.issuer_id = s.issuer_id AND c.crl_shard = "
             "s.crl_shard)") != "0") {
    if (Clock::Real().MonotonicNow() > give_up) {
      Die("the CRLs do not get made");
    }
    absl::SleepFor(absl::Milliseconds(500));
  }
}

std::vector<QueryTimes> InventoryRun::MeasureQueries() {
  InventoryQueries queries(*deployment_, *past_);
  std::vector<QueryTimes> all;
  const auto add = [&all](std::vector<QueryTimes> more) {
    for (QueryTimes& times : more) {
      const auto same = std::find_if(
          all.begin(), all.end(),
          [&](const QueryTimes& known) { return known.name == times.name; });
      if (same == all.end()) {
        all.push_back(std::move(times));
        continue;
      }
      same->times.insert(same->times.end(), times.times.begin(),
                         times.times.end());
      same->devices += times.devices;
      same->short_pages += times.short_pages;
      same->failed += times.failed;
    }
  };
  for (int i = 0; i < options_.repeats; ++i) {
    QueryTimes bare;
    bare.name = "bare.statement";
    bare.times = TimeBareSql(
        deployment_->postgres().host(), deployment_->dir(),
        absl::StrCat("\\set n random(0, ", options_.devices - 1,
                     ")\nSELECT * FROM devices WHERE fleet_id = 'home' AND "
                     "serial_number = 'SN-' || lpad(:n::text, 10, '0');\n"),
        options_.calls);
    add({std::move(bare)});
    add({queries.Ping(options_.calls)});
    add(queries.LookUp(options_.calls));
    add(queries.List(options_.calls));
    add(queries.Count(options_.calls));
  }
  return all;
}

std::vector<WalkTimes> InventoryRun::MeasureEmptyWalks() {
  return InventoryQueries(*deployment_, *past_).WalkEmpty(kWalk);
}

ReportCost InventoryRun::MeasureReports(double per_second,
                                        absl::Duration duration) {
  if (pool_.empty()) {
    pool_ = MakeDevicePool(*deployment_, *past_, options_.pool);
    reports_ = std::make_unique<ReportLoad>(pool_);
    reports_->WarmUp(std::min(options_.callers, 16));
  }
  const pid_t registration = deployment_->process("registration").pid();
  const pid_t postgres = deployment_->postgres().postmaster();
  const absl::Duration registration_before = ProcessCpu(registration);
  const absl::Duration postgres_before = TreeCpu(postgres);
  ReportCost cost;
  cost.result = reports_->Run(per_second, duration, options_.callers);
  const double count =
      static_cast<double>(std::max<int64_t>(1, cost.result.reports));
  cost.registration_cpu_ms =
      absl::ToDoubleMilliseconds(ProcessCpu(registration) -
                                 registration_before) /
      count;
  cost.postgres_cpu_ms =
      absl::ToDoubleMilliseconds(TreeCpu(postgres) - postgres_before) / count;
  return cost;
}

JobCost InventoryRun::MeasureJob(const std::string& name,
                                 device::v1::DeviceJobAction action,
                                 const std::string& filter) {
  JobLoad load(*deployment_);
  const pid_t inventory = deployment_->process("inventory").pid();
  const pid_t postgres = deployment_->postgres().postmaster();
  const absl::Duration inventory_before = ProcessCpu(inventory);
  const absl::Duration postgres_before = TreeCpu(postgres);
  JobCost cost;
  cost.name = name;
  cost.result = load.Run(action, filter);
  const double count =
      static_cast<double>(std::max<int64_t>(1, cost.result.done));
  cost.inventory_cpu_ms =
      absl::ToDoubleMilliseconds(ProcessCpu(inventory) - inventory_before) /
      count;
  cost.postgres_cpu_ms =
      absl::ToDoubleMilliseconds(TreeCpu(postgres) - postgres_before) / count;
  return cost;
}

std::vector<JobCost> InventoryRun::MeasureJobs() {
  // Devices that were made one after the other, of which nine in ten are
  // active and four in five are of the fleet.
  const int64_t span =
      std::min(options_.job_devices * 100 / 75, past_->devices() / 3);
  const int64_t parts = std::max<int64_t>(2, past_->devices() / span);
  const auto range = [&](int64_t part) {
    const int64_t begin = part * span;
    const int64_t end = std::min(begin + span, past_->devices() - 1);
    return std::pair(past_->CreateTime(begin), past_->CreateTime(end));
  };
  // What earlier runs have changed is left alone.
  std::vector<std::string> filters;
  int64_t part = absl::ToUnixSeconds(Clock::Real().Now()) % parts;
  for (int64_t tried = 0; tried < parts && filters.size() < 2; ++tried) {
    const auto [from, until] = range(part++ % parts);
    if (deployment_->Sql(absl::StrCat(
            "SELECT count(*) >= ", options_.job_devices / 2,
            " FROM devices WHERE fleet_id = 'home' AND state = 2 AND "
            "create_time >= to_timestamp(",
            from, ") AND create_time < to_timestamp(", until, ")")) == "t") {
      filters.push_back(absl::StrCat("create_time >= ", TimeText(from),
                                     " AND create_time < ", TimeText(until),
                                     " AND state = "));
    }
  }
  if (filters.size() < 2) {
    Die("too few devices are active still: have them loaded again");
  }
  return {MeasureJob("quarantine", device::v1::DEVICE_JOB_ACTION_QUARANTINE,
                     filters[0] + "ACTIVE"),
          MeasureJob("release", device::v1::DEVICE_JOB_ACTION_RELEASE,
                     filters[0] + "QUARANTINED"),
          MeasureJob("decommission", device::v1::DEVICE_JOB_ACTION_DECOMMISSION,
                     filters[1] + "ACTIVE")};
}

}  // namespace birthmark::bench
