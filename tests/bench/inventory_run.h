// InventoryRun measures the inventory on a deployment of its own: real
// processes over mutual TLS on the loopback network, PostgreSQL as in
// production. docs/performance.md says what the figures mean.
#ifndef BIRTHMARK_TESTS_BENCH_INVENTORY_RUN_H_
#define BIRTHMARK_TESTS_BENCH_INVENTORY_RUN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/bench/device_pool.h"
#include "tests/bench/inventory_data.h"
#include "tests/bench/inventory_queries.h"
#include "tests/bench/job_load.h"
#include "tests/bench/report_load.h"
#include "tests/support/deployment.h"

namespace birthmark::bench {

struct InventoryOptions {
  int64_t devices = 100000;
  // Where the database is kept. Empty: nowhere.
  std::string data;
  int calls = 1000;
  int repeats = 1;
  int pool = 500;
  int callers = 128;
  double reports_per_second = 2000;
  absl::Duration duration = absl::Seconds(60);
  int64_t job_devices = 20000;
};

// ReportCost is what reports took; CPU for one.
struct ReportCost {
  ReportResult result;
  double registration_cpu_ms = 0;
  double postgres_cpu_ms = 0;
};

// JobCost is what a job took; CPU for one device.
struct JobCost {
  std::string name;
  JobResult result;
  double inventory_cpu_ms = 0;
  double postgres_cpu_ms = 0;
};

// Not thread-safe. Whatever goes wrong ends the program.
class InventoryRun {
 public:
  explicit InventoryRun(const InventoryOptions& options);
  ~InventoryRun();

  const InventoryOptions& options() const { return options_; }

  // Load has the devices in the database.
  InventoryLoad Load();
  // Start starts the services and waits until all CRLs are there.
  void Start();

  // MeasureQueries calls each query; the bare statement and a call that needs
  // no database are among them.
  std::vector<QueryTimes> MeasureQueries();
  std::vector<WalkTimes> MeasureEmptyWalks();

  // MeasureReports: 0 a second are as many as there can be.
  ReportCost MeasureReports(double per_second, absl::Duration duration);

  // MeasureJobs quarantines devices, releases them, and decommissions others.
  std::vector<JobCost> MeasureJobs();

 private:
  JobCost MeasureJob(const std::string& name,
                     device::v1::DeviceJobAction action,
                     const std::string& filter);

  const InventoryOptions options_;
  std::string folder_;
  std::unique_ptr<InventoryPast> past_;
  std::unique_ptr<tests::Deployment> deployment_;
  std::vector<PooledDevice> pool_;
  std::unique_ptr<ReportLoad> reports_;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_INVENTORY_RUN_H_
