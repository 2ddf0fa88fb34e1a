// PgDeviceJobStore on PostgreSQL, under the role of the inventory.

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/audit/new_entry.h"
#include "lib/base/fake_clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/ids.h"
#include "lib/storage/database.h"
#include "lib/storage/pg_device_job_store.h"
#include "lib/storage/pg_device_search_store.h"
#include "tests/support/herd.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using absl::StatusCode;
using testing::Each;
using testing::Field;
using testing::SizeIs;
using tests::Herd;
using tests::PostgresCluster;

constexpr char kActor[] = "spiffe://birthmark.test/operator/ada";
constexpr int kThreshold = 100;

// One database for all tests, emptied before each.
const std::string& DatabaseName() {
  static const std::string& name =
      *new std::string(PostgresCluster::Shared().CreateDatabase());
  return name;
}

class DeviceJobStoreTest : public testing::Test {
 protected:
  DeviceJobStoreTest() {
    PostgresCluster::Shared().Empty(DatabaseName());
    auto database =
        Database::Open(PostgresCluster::Shared().Dsn(
                           DatabaseName(), PostgresCluster::kInventory),
                       8);
    database_ = *std::move(database);
    search_ = std::make_unique<PgDeviceSearchStore>(*database_);
    jobs_ = std::make_unique<PgDeviceJobStore>(*database_, *search_);
    clock_.Set(absl::FromUnixSeconds(1795000000));
  }

  std::string Sql(const std::string& statement) {
    return PostgresCluster::Shared().Sql(DatabaseName(), statement);
  }
  int64_t Count(const std::string& statement) {
    return std::stoll(Sql("SELECT count(*) " + statement));
  }
  Herd GivenHerd(int devices, int state = 2, const std::string& name = "herd",
                 const std::string& fleet = "acme") {
    Herd herd = {
        .fleet = fleet, .name = name, .devices = devices, .state = state};
    Sql(HerdSql(herd));
    return herd;
  }
  static std::vector<std::string> Uids(const Herd& herd) {
    std::vector<std::string> uids;
    for (int i = 1; i <= herd.devices; ++i) {
      uids.push_back(HerdUid(herd, i));
    }
    return uids;
  }

  DeviceJobRow Job(const std::string& id, DeviceActKind action,
                   const std::string& filter) {
    DeviceJobRow row;
    row.fleet_id = "acme";
    row.job_id = id;
    row.action = action;
    row.filter = filter;
    row.reason = "because";
    row.create_actor = kActor;
    row.create_time = Now();
    row.update_time = row.create_time;
    row.next_step_time = row.create_time;
    return row;
  }
  DeviceJobRow GivenJob(const std::string& id, DeviceActKind action,
                        const std::string& filter = "model = m1",
                        int rate = 0) {
    DeviceJobRow row = Job(id, action, filter);
    row.rate = rate;
    EXPECT_OK(jobs_->Create(row, Change("device_job.create")));
    return row;
  }
  Mutation Change(absl::string_view action) {
    return {.audit = {audit::NewEntry(clock_, kActor, action, "things/1")}};
  }
  absl::Time Now() { return NowSeconds(clock_); }
  DeviceJobStore::Makers Makers() {
    return {.filter_of =
                [](const DeviceJobRow& job) -> absl::StatusOr<DeviceFilter> {
              if (job.filter == "bad") {
                return absl::InvalidArgumentError("bad filter");
              }
              DeviceFilter filter;
              filter.fleet_id = job.fleet_id;
              filter.model = "m1";
              return filter;
            },
            .needs_approval =
                [](const DeviceJobRow& job) { return job.items > kThreshold; },
            .new_id = [this] { return crypto::NewUid(clock_); },
            .entries_for =
                [this](const DeviceJobRow& job, const DeviceActResult& result) {
                  return std::vector<audit::Entry>{
                      audit::NewEntry(clock_, job.create_actor, "device.change",
                                      result.device.device_uid)};
                },
            .end_for =
                [this](const DeviceJobRow& job) {
                  return audit::NewEntry(clock_, job.create_actor,
                                         "device_job.finish", job.job_id);
                }};
  }
  absl::StatusOr<std::optional<DeviceJobRow>> Step(int limit) {
    std::optional<DeviceJobRow> job;
    return jobs_->Step(clock_.Now(), limit, Makers(), job);
  }
  // Steps until nothing is due; time goes on by an hour with each.
  void StepAll(int limit) {
    while (true) {
      clock_.Advance(absl::Hours(1));
      const auto job = Step(limit);
      ASSERT_OK(job);
      if (!job->has_value()) {
        return;
      }
    }
  }
  absl::StatusOr<DeviceJobRow> MoveTo(const std::string& id,
                                      DeviceJobState state,
                                      const std::string& approver = "") {
    return jobs_->Move(
        "acme", id,
        [&](DeviceJobRow& job) {
          job.state = state;
          job.approve_actor = approver;
          if (state == DeviceJobState::kCancelled) {
            job.end_time = Now();
          }
          return absl::OkStatus();
        },
        [&](const DeviceJobRow&) { return Change("device_job.move"); });
  }
  DeviceJobRow Get(const std::string& id) { return *jobs_->Get("acme", id); }
  std::vector<DeviceJobItemRow> Items(const std::string& id) {
    return jobs_->ListItems("acme", id, std::nullopt, 0, 10000)->items;
  }

  FakeClock clock_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<DeviceSearchStore> search_;
  std::unique_ptr<PgDeviceJobStore> jobs_;
};

TEST_F(DeviceJobStoreTest, KeepsWhatWasAskedFor) {
  DeviceJobRow row = Job("one", DeviceActKind::kQuarantine, "state = ACTIVE");
  row.playbook = "soc-7";
  row.rate = 50;
  ASSERT_OK(jobs_->Create(row, Change("device_job.create")));
  EXPECT_THAT(jobs_->Create(row, Change("device_job.create")),
              StatusIs(StatusCode::kAlreadyExists, reasons::kDeviceJobExists));
  ASSERT_OK_AND_ASSIGN(const DeviceJobRow got, jobs_->Get("acme", "one"));
  EXPECT_EQ(got.state, DeviceJobState::kCollecting);
  EXPECT_EQ(got.action, DeviceActKind::kQuarantine);
  EXPECT_EQ(got.filter, "state = ACTIVE");
  EXPECT_EQ(got.reason, "because");
  EXPECT_EQ(got.playbook, "soc-7");
  EXPECT_EQ(got.rate, 50);
  EXPECT_EQ(got.create_actor, kActor);
  EXPECT_EQ(got.create_time, row.create_time);
  EXPECT_EQ(got.version, 1);
  EXPECT_THAT(jobs_->Get("acme", "two"),
              StatusIs(StatusCode::kNotFound, reasons::kDeviceJobNotFound));
  EXPECT_THAT(jobs_->Get("globex", "one"),
              StatusIs(StatusCode::kNotFound, reasons::kDeviceJobNotFound));
}

TEST_F(DeviceJobStoreTest, ListsInOrderOfAge) {
  for (const char* id : {"c", "a", "b"}) {
    GivenJob(id, DeviceActKind::kRelease);
    clock_.Advance(absl::Seconds(1));
  }
  DeviceJobRow other = Job("d", DeviceActKind::kRelease, "");
  other.fleet_id = "globex";
  ASSERT_OK(jobs_->Create(other, Change("device_job.create")));
  const auto ids = [](const std::vector<DeviceJobRow>& jobs) {
    std::string text;
    for (const DeviceJobRow& job : jobs) {
      text += job.job_id;
    }
    return text;
  };
  EXPECT_EQ(ids(*jobs_->List("", std::nullopt, 10)), "cabd");
  EXPECT_EQ(ids(*jobs_->List("acme", std::nullopt, 2)), "ca");
  const DeviceJobRow a = Get("a");
  EXPECT_EQ(
      ids(*jobs_->List("acme", DeviceJobCursor{a.create_time, "acme", "a"}, 9)),
      "b");
}

TEST_F(DeviceJobStoreTest, DecommissionsAllThatTheFilterSelects) {
  const Herd herd = GivenHerd(25);
  GivenHerd(3, 2, "others", "globex");
  GivenJob("job", DeviceActKind::kDecommission);
  StepAll(10);
  const DeviceJobRow job = Get("job");
  EXPECT_EQ(job.state, DeviceJobState::kDone);
  EXPECT_EQ(job.items, 25);
  EXPECT_EQ(job.done, 25);
  EXPECT_EQ(job.unchanged + job.failed, 0);
  EXPECT_EQ(job.certificates, 50);
  EXPECT_FALSE(job.needs_approval);
  EXPECT_TRUE(job.end_time.has_value());
  EXPECT_THAT(Items("job"), SizeIs(25));
  EXPECT_THAT(Items("job"),
              Each(Field(&DeviceJobItemRow::outcome, DeviceJobOutcome::kDone)));
  EXPECT_EQ(Count("FROM devices WHERE state = 5 AND fleet_id = 'acme'"), 25);
  EXPECT_EQ(Count("FROM devices WHERE state = 2 AND fleet_id = 'globex'"), 3);
  EXPECT_EQ(Count("FROM revocations WHERE state = 2"), 50);
  EXPECT_EQ(Count("FROM device_events WHERE kind = 'decommissioned'"), 25);
  EXPECT_EQ(Count("FROM audit_entries WHERE action = 'device.change'"), 25);
  EXPECT_EQ(Count("FROM audit_entries WHERE action = 'device_job.finish'"), 1);
}

TEST_F(DeviceJobStoreTest, AListHasEachDeviceOnceAndTellsOfUnknownOnes) {
  const Herd herd = GivenHerd(5);
  const Herd registered = GivenHerd(1, 1, "new");
  const Herd other = GivenHerd(1, 2, "other", "globex");
  GivenJob("list", DeviceActKind::kQuarantine, "");
  std::vector<std::string> uids = Uids(herd);
  uids.push_back(uids[0]);
  uids.push_back(HerdUid(registered, 1));
  uids.push_back(HerdUid(other, 1));
  uids.push_back("0194f1e0-0000-7000-8000-000000000001");
  ASSERT_OK_AND_ASSIGN(DeviceJobRow job,
                       jobs_->Add("acme", "list", uids, Now()));
  EXPECT_EQ(job.items, 8);
  ASSERT_OK_AND_ASSIGN(job, jobs_->Add("acme", "list", uids, Now()));
  EXPECT_EQ(job.items, 8);
  // It is not started by itself.
  EXPECT_FALSE(Step(100)->has_value());
  ASSERT_OK(MoveTo("list", DeviceJobState::kRunning));
  EXPECT_THAT(
      jobs_->Add("acme", "list", uids, Now()),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceJobState));
  EXPECT_THAT(jobs_->Add("acme", "none", uids, Now()),
              StatusIs(StatusCode::kNotFound, reasons::kDeviceJobNotFound));
  StepAll(3);
  job = Get("list");
  EXPECT_EQ(job.state, DeviceJobState::kDone);
  EXPECT_EQ(job.done, 5);
  EXPECT_EQ(job.failed, 3);
  EXPECT_EQ(job.certificates, 10);
  ASSERT_OK_AND_ASSIGN(
      const DeviceJobItemPage failed,
      jobs_->ListItems("acme", "list", DeviceJobOutcome::kFailed, 0, 2));
  ASSERT_THAT(failed.items, SizeIs(2));
  EXPECT_EQ(failed.items[0].device_uid, HerdUid(registered, 1));
  EXPECT_EQ(failed.items[0].error_reason, reasons::kDeviceNotActive);
  EXPECT_EQ(failed.items[1].device_uid, HerdUid(other, 1));
  EXPECT_EQ(failed.items[1].error_reason, reasons::kDeviceNotFound);
  EXPECT_EQ(failed.next, 7);
  ASSERT_OK_AND_ASSIGN(
      const DeviceJobItemPage rest,
      jobs_->ListItems("acme", "list", DeviceJobOutcome::kFailed, 7, 2));
  EXPECT_THAT(rest.items, SizeIs(1));
  EXPECT_EQ(rest.next, 0);
  EXPECT_THAT(jobs_->ListItems("acme", "none", std::nullopt, 0, 2),
              StatusIs(StatusCode::kNotFound, reasons::kDeviceJobNotFound));
  EXPECT_EQ(Count("FROM devices WHERE state = 2 AND fleet_id = 'globex'"), 1);
}

TEST_F(DeviceJobStoreTest, WhatIsThereAlreadyIsUnchanged) {
  GivenHerd(4);
  GivenJob("first", DeviceActKind::kQuarantine);
  StepAll(100);
  GivenJob("second", DeviceActKind::kQuarantine);
  StepAll(100);
  EXPECT_EQ(Get("second").unchanged, 4);
  EXPECT_EQ(Get("second").certificates, 0);
  GivenJob("third", DeviceActKind::kRelease);
  StepAll(100);
  EXPECT_EQ(Get("third").done, 4);
  EXPECT_EQ(Get("third").certificates, 8);
  EXPECT_EQ(Count("FROM revocations WHERE state = 3"), 8);
}

TEST_F(DeviceJobStoreTest, AJobOfNoDevicesIsDoneAtOnce) {
  GivenHerd(1, 2, "others", "globex");
  GivenJob("none", DeviceActKind::kDecommission);
  StepAll(100);
  EXPECT_EQ(Get("none").state, DeviceJobState::kDone);
  EXPECT_EQ(Get("none").items, 0);
}

TEST_F(DeviceJobStoreTest, ManyDevicesWaitForApproval) {
  GivenHerd(kThreshold + 1);
  GivenJob("many", DeviceActKind::kDecommission);
  StepAll(100);
  EXPECT_EQ(Get("many").state, DeviceJobState::kPendingApproval);
  EXPECT_TRUE(Get("many").needs_approval);
  EXPECT_EQ(Count("FROM devices WHERE state <> 2"), 0);
  ASSERT_OK(MoveTo("many", DeviceJobState::kRunning, "night"));
  StepAll(100);
  EXPECT_EQ(Get("many").done, kThreshold + 1);
  EXPECT_EQ(Get("many").approve_actor, "night");
}

TEST_F(DeviceJobStoreTest, PausesAndEnds) {
  GivenHerd(10);
  GivenJob("job", DeviceActKind::kQuarantine);
  ASSERT_OK(Step(4));  // collects
  ASSERT_OK(Step(4));
  ASSERT_OK(MoveTo("job", DeviceJobState::kPaused));
  EXPECT_FALSE(Step(4)->has_value());
  ASSERT_OK(MoveTo("job", DeviceJobState::kRunning));
  ASSERT_OK(Step(4));
  ASSERT_OK(MoveTo("job", DeviceJobState::kCancelled));
  EXPECT_FALSE(Step(4)->has_value());
  EXPECT_EQ(Get("job").done, 8);
  EXPECT_EQ(Count("FROM devices WHERE state = 3"), 8);
  // What changes nothing stores nothing.
  const int64_t version = Get("job").version;
  ASSERT_OK(MoveTo("job", DeviceJobState::kCancelled));
  EXPECT_EQ(Get("job").version, version);
}

TEST_F(DeviceJobStoreTest, KeepsItsRate) {
  GivenHerd(10);
  GivenJob("slow", DeviceActKind::kQuarantine, "model = m1", /*rate=*/4);
  ASSERT_OK(Step(100));
  ASSERT_OK_AND_ASSIGN(const auto first, Step(100));
  EXPECT_EQ(first->done, 4);
  EXPECT_GE(first->next_step_time, clock_.Now() + absl::Milliseconds(800));
  EXPECT_LE(first->next_step_time, clock_.Now() + absl::Seconds(1));
  EXPECT_FALSE(Step(100)->has_value());
  clock_.Advance(absl::Seconds(1));
  ASSERT_OK_AND_ASSIGN(const auto second, Step(100));
  EXPECT_EQ(second->done, 8);
}

TEST_F(DeviceJobStoreTest, AJobThatFailsIsPostponed) {
  GivenHerd(1);
  GivenJob("bad", DeviceActKind::kQuarantine, "bad");
  std::optional<DeviceJobRow> job;
  EXPECT_THAT(jobs_->Step(clock_.Now(), 10, Makers(), job),
              StatusIs(StatusCode::kInvalidArgument));
  ASSERT_TRUE(job.has_value());
  EXPECT_EQ(job->job_id, "bad");
  ASSERT_OK(
      jobs_->Postpone(*job, "bad filter", clock_.Now() + absl::Seconds(5)));
  EXPECT_EQ(Get("bad").last_error, "bad filter");
  EXPECT_FALSE(Step(10)->has_value());
  clock_.Advance(absl::Seconds(6));
  EXPECT_FALSE(Step(10).ok());
}

TEST_F(DeviceJobStoreTest, ManyRunnersDoEachDeviceOnce) {
  GivenHerd(kThreshold);
  GivenHerd(kThreshold, 2, "more", "globex");
  for (const char* fleet : {"acme", "globex"}) {
    DeviceJobRow row = Job("job", DeviceActKind::kQuarantine, "model = m1");
    row.fleet_id = fleet;
    ASSERT_OK(jobs_->Create(row, Change("device_job.create")));
  }
  std::vector<std::thread> runners;
  std::atomic<int> errors = 0;
  for (int i = 0; i < 4; ++i) {
    runners.emplace_back([&] {
      while (jobs_->Get("acme", "job")->state != DeviceJobState::kDone ||
             jobs_->Get("globex", "job")->state != DeviceJobState::kDone) {
        errors += Step(7).ok() ? 0 : 1;
      }
    });
  }
  for (std::thread& runner : runners) {
    runner.join();
  }
  EXPECT_EQ(errors, 0);
  EXPECT_EQ(Get("job").done, kThreshold);
  EXPECT_EQ(jobs_->Get("globex", "job")->done, kThreshold);
  EXPECT_EQ(Count("FROM device_events WHERE kind = 'quarantined'"),
            2 * kThreshold);
  EXPECT_EQ(Count("FROM revocations WHERE state = 1"), 4 * kThreshold);
}

TEST_F(DeviceJobStoreTest, CountsWhatAJobWouldBeAbout) {
  GivenHerd(6);
  GivenHerd(2, 1, "new");
  GivenHerd(1, 2, "other", "globex");
  GivenJob("some", DeviceActKind::kQuarantine, "");
  const Herd herd = {.name = "herd", .devices = 2};
  ASSERT_OK(jobs_->Add("acme", "some", Uids(herd), Now()));
  ASSERT_OK(MoveTo("some", DeviceJobState::kRunning));
  StepAll(100);

  DeviceFilter filter;
  filter.fleet_id = "acme";
  filter.model = "m1";
  const auto count = [&](DeviceActKind action) {
    return *jobs_->Count(filter, action);
  };
  const std::map<DeviceState, int64_t> devices = {
      {DeviceState::kRegistered, 2},
      {DeviceState::kActive, 4},
      {DeviceState::kQuarantined, 2}};
  EXPECT_EQ(count(DeviceActKind::kQuarantine).devices, devices);
  EXPECT_EQ(count(DeviceActKind::kQuarantine).certificates, 8);
  EXPECT_EQ(count(DeviceActKind::kQuarantine).crl_entries, 8);
  EXPECT_EQ(count(DeviceActKind::kRelease).certificates, 4);
  EXPECT_EQ(count(DeviceActKind::kRelease).crl_entries, 0);
  EXPECT_EQ(count(DeviceActKind::kDecommission).certificates, 16);
  // Those on hold are on the CRLs already.
  EXPECT_EQ(count(DeviceActKind::kDecommission).crl_entries, 12);
  filter.state = DeviceState::kActive;
  filter.serial_number_prefix = "herd-";
  EXPECT_EQ(count(DeviceActKind::kQuarantine).certificates, 8);
  filter.labels.push_back({.key = "site", .value = "north"});
  EXPECT_EQ(count(DeviceActKind::kQuarantine).certificates, 0);
  filter.labels.clear();
  filter.firmware.push_back({.component = "os", .version = "1"});
  EXPECT_THAT(count(DeviceActKind::kQuarantine).devices, testing::IsEmpty());
}

}  // namespace
}  // namespace birthmark::storage
