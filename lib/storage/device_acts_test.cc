// What is done to many devices at a time.

#include "lib/storage/device_acts.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/base/clock.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/base/testing.h"
#include "lib/crypto/ids.h"
#include "lib/storage/database.h"
#include "lib/storage/device_life.h"
#include "lib/storage/session.h"
#include "tests/support/herd.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using Outcome = DeviceActResult::Outcome;
using tests::PostgresCluster;

constexpr char kActor[] = "spiffe://birthmark.test/operator/ada";

audit::Entry EntryFor(const DeviceActResult& result) {
  return {.id = crypto::NewUid(Clock::Real()),
          .time = Clock::Real().Now(),
          .actor = kActor,
          .action = "device.act",
          .resource = result.device.device_uid};
}

absl::StatusOr<std::vector<DeviceActResult>> ActOn(
    Database& database, absl::string_view fleet_id,
    const std::vector<std::string>& uids, DeviceActKind kind) {
  DeviceAct act;
  act.kind = kind;
  act.reason = "test";
  act.actor = kActor;
  act.time = absl::FromUnixSeconds(absl::ToUnixSeconds(Clock::Real().Now()));
  std::vector<DeviceActResult> results;
  BIRTHMARK_RETURN_IF_ERROR(database.Transact([&](Session& session) {
    results = ActOnDevices(
        session, fleet_id, uids, act,
        [] { return crypto::NewUid(Clock::Real()); },
        [](const DeviceActResult& result) {
          return std::vector<audit::Entry>{EntryFor(result)};
        });
    return absl::OkStatus();
  }));
  return results;
}

TEST(DeviceActsTest, GivesEachItsResultInTheOrderAsked) {
  DeviceLife life(0);
  const auto active = life.Add("a", 3, DeviceState::kActive);
  const auto registered = life.Add("r", 1, DeviceState::kRegistered);
  ASSERT_OK(life.Do(Operation::kQuarantine, active[1], ""));
  const std::string unknown = life.Uid();
  ASSERT_OK_AND_ASSIGN(const auto results,
                       ActOn(life.database(), "acme",
                             {active[2], unknown, active[0], registered[0],
                              active[1], "junk", active[2]},
                             DeviceActKind::kQuarantine));
  ASSERT_EQ(results.size(), 7u);
  const auto outcome = [&](int i) { return results[i].outcome; };
  EXPECT_EQ(outcome(0), Outcome::kDone);
  EXPECT_EQ(results[0].device.device_uid, active[2]);
  EXPECT_EQ(results[0].device.state, DeviceState::kQuarantined);
  EXPECT_EQ(results[0].certificates, 2);
  EXPECT_EQ(results[0].held.size(), 2u);
  EXPECT_EQ(outcome(1), Outcome::kFailed);
  EXPECT_EQ(results[1].error_reason, reasons::kDeviceNotFound);
  EXPECT_EQ(outcome(2), Outcome::kDone);
  EXPECT_EQ(outcome(3), Outcome::kFailed);
  EXPECT_EQ(results[3].error_reason, reasons::kDeviceNotActive);
  EXPECT_EQ(outcome(4), Outcome::kUnchanged);
  EXPECT_EQ(results[5].error_reason, reasons::kDeviceNotFound);
  EXPECT_EQ(outcome(6), Outcome::kDone);
  EXPECT_EQ(results[6].event.event_id, results[0].event.event_id);
  EXPECT_EQ(life.Sql("SELECT count(*) FROM audit_entries "
                     "WHERE action = 'device.act'"),
            "2\n");
  EXPECT_EQ(life.Broken(), "");
}

TEST(DeviceActsTest, ActsInItsFleetOnly) {
  DeviceLife life(0);
  const auto uids = life.Add("a", 1, DeviceState::kActive);
  ASSERT_OK_AND_ASSIGN(const auto results, ActOn(life.database(), "other", uids,
                                                 DeviceActKind::kDecommission));
  EXPECT_EQ(results[0].error_reason, reasons::kDeviceNotFound);
  EXPECT_EQ(life.Get(uids[0]).state, DeviceState::kActive);
}

// CpuSeconds is what a process has used so far.
double CpuSeconds(const std::string& pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string text((std::istreambuf_iterator<char>(file)),
                   std::istreambuf_iterator<char>());
  // The name of the process, which ends with a parenthesis, may hold spaces.
  const std::vector<std::string> fields =
      absl::StrSplit(text.substr(text.rfind(')') + 2), ' ');
  return (std::stod(fields[11]) + std::stod(fields[12])) /
         static_cast<double>(sysconf(_SC_CLK_TCK));
}

// On a database that survives the machine, as in production. Printed; the bound
// is for a machine that is busy with other tests.
TEST(DeviceActsTest, ManyDevicesCostLittleEach) {
  constexpr int kDevices = 2000;
  constexpr int kAtOnce = 500;
  constexpr double kLeast = 100;  // a second
  PostgresCluster cluster({.durable = true});
  const std::string name = cluster.CreateDatabase();
  const tests::Herd herd = {.devices = kDevices, .wipe_timeout_seconds = 3600};
  cluster.Sql(name, HerdSql(herd));
  cluster.Sql(name, "ANALYZE");
  const char* setup = std::getenv("DEVICE_ACTS_SETUP");
  if (setup != nullptr) {
    cluster.Sql(name, setup);
  }
  auto database =
      Database::Open(cluster.Dsn(name, PostgresCluster::kInventory), 1);
  ASSERT_OK(database.status());
  std::string pid = cluster.Sql(name,
                                "SELECT pid FROM pg_stat_activity "
                                "WHERE usename = 'birthmark_inventory'");
  pid.resize(pid.find('\n'));
  for (const auto& [kind, what] :
       {std::pair(DeviceActKind::kQuarantine, "quarantined"),
        std::pair(DeviceActKind::kRelease, "released"),
        std::pair(DeviceActKind::kDecommission, "decommissioned")}) {
    const auto start = std::chrono::steady_clock::now();
    const double cpu = CpuSeconds(pid);
    for (int i = 0; i < kDevices; i += kAtOnce) {
      std::vector<std::string> uids;
      for (int j = i + 1; j <= i + kAtOnce; ++j) {
        uids.push_back(HerdUid(herd, j));
      }
      ASSERT_OK_AND_ASSIGN(const auto results,
                           ActOn(**database, "acme", uids, kind));
      for (const DeviceActResult& result : results) {
        ASSERT_EQ(result.outcome, Outcome::kDone);
        ASSERT_EQ(result.certificates, 2);
      }
    }
    const double rate = kDevices / std::chrono::duration<double>(
                                       std::chrono::steady_clock::now() - start)
                                       .count();
    std::cout << what << " a second: " << static_cast<int>(rate)
              << "; PostgreSQL's CPU for each: "
              << static_cast<int>((CpuSeconds(pid) - cpu) / kDevices * 1e6)
              << " us" << std::endl;
    EXPECT_GT(rate, kLeast);
  }
}

}  // namespace
}  // namespace birthmark::storage
