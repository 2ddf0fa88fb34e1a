// Many devices are quarantined and decommissioned at a time, while processes
// die: each device is done once, and the account is exact.
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "birthmark/device/v1/device_job_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/base/clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/rpc/grpc_channel.h"
#include "tests/support/deployment.h"
#include "tests/support/herd.h"

namespace birthmark::tests {
namespace {

namespace pb = device::v1;

using absl::StatusCode;

constexpr char kSecondInventory[] = "inventory2";
constexpr char kAcme[] = "fleets/acme";
constexpr absl::Duration kPatience = absl::Minutes(3);

template <typename Condition>
bool Await(const Condition& condition) {
  const absl::Duration begin = Clock::Real().MonotonicNow();
  while (!condition()) {
    if (Clock::Real().MonotonicNow() - begin > kPatience) {
      return false;
    }
    absl::SleepFor(absl::Milliseconds(50));
  }
  return true;
}

// An operator who calls DeviceJobService.
class Operator {
 public:
  Operator(const Deployment& deployment, const std::string& identity) {
    auto channel = rpc::GrpcChannel::New(
        {.address = deployment.Address("inventory"),
         .server_name = Deployment::ServerName("inventory"),
         .roots_file = identity + "/roots.pem",
         .identity = {identity + "/operator.pem", identity + "/operator.key"}});
    EXPECT_TRUE(channel.ok()) << channel.status();
    channel_ = *std::move(channel);
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const std::string& method,
                                const Request& request) {
    return channel_->Unary<Response>(
        "birthmark.device.v1.DeviceJobService." + method, request,
        absl::Seconds(30));
  }
  absl::StatusOr<pb::DeviceJob> Create(const std::string& fleet,
                                       const std::string& id,
                                       pb::DeviceJobAction action,
                                       const std::string& filter,
                                       int rate = 0) {
    pb::CreateDeviceJobRequest request;
    request.set_parent(fleet);
    request.set_device_job_id(id);
    request.mutable_device_job()->set_action(action);
    request.mutable_device_job()->set_filter(filter);
    request.mutable_device_job()->set_reason("end of the season");
    request.mutable_device_job()->set_rate(rate);
    return Call<pb::DeviceJob>("CreateDeviceJob", request);
  }
  template <typename Request>
  absl::StatusOr<pb::DeviceJob> Move(const std::string& method,
                                     const std::string& name) {
    Request request;
    request.set_name(name);
    return Call<pb::DeviceJob>(method, request);
  }
  pb::DeviceJob Get(const std::string& name) {
    const auto job = Move<pb::GetDeviceJobRequest>("GetDeviceJob", name);
    EXPECT_OK(job);
    return job.value_or(pb::DeviceJob());
  }
  bool AwaitState(const std::string& name, pb::DeviceJobState state) {
    return Await([&] { return Get(name).state() == state; });
  }

 private:
  std::unique_ptr<rpc::GrpcChannel> channel_;
};

class DeviceJobsTest : public testing::Test {
 protected:
  DeviceJobsTest()
      : day_(deployment_, deployment_.home() + "/operator"),
        night_(deployment_, AddOperator()) {}

  // Returns the second operator's folder.
  std::string AddOperator() {
    const std::string folder = deployment_.dir() + "/night";
    EXPECT_EQ(deployment_
                  .Birthmark({"operator", "add", deployment_.home(), "night",
                              "--out", folder})
                  .exit_code,
              0);
    EXPECT_EQ(RunProgram({Deployment::Server(), "migrate", "--config",
                          deployment_.home() + "/config/migrate.textproto"})
                  .exit_code,
              0);
    return folder;
  }
  void StartSecondInventory() {
    const std::string config = deployment_.home() + "/config/";
    WriteFile(absl::StrCat(config, kSecondInventory, ".textproto"),
              absl::StrReplaceAll(ReadAll(config + "inventory.textproto"),
                                  {{"inventory.sock", "inventory2.sock"}}));
    deployment_.Start(kSecondInventory);
  }
  void Given(const Herd& herd) {
    deployment_.postgres().Sql("birthmark", HerdSql(herd));
  }
  int64_t Count(const std::string& from) {
    return std::stoll(deployment_.Sql("SELECT count(*) FROM " + from));
  }
  void Kill(const std::string& role) {
    deployment_.process(role).Kill();
    deployment_.Start(role);
  }
  void KillDatabase() {
    deployment_.postgres().KillHard();
    deployment_.postgres().Start();
  }

  Deployment deployment_;
  Operator day_;
  Operator night_;
};

TEST_F(DeviceJobsTest, ExactWhateverDies) {
  const Herd old = {.batch = "old",
                    .name = "old",
                    .devices = 2000,
                    .wipe_timeout_seconds = 1};
  const Herd suspects = {.fleet = "globex", .name = "suspects", .devices = 900};
  const int unknown = 40;
  Given(old);
  Given(suspects);
  StartSecondInventory();
  // A list as it may come from a file: some of it is of somebody else, some
  // comes twice.
  const std::string quarantine = "fleets/globex/deviceJobs/quarantine";
  ASSERT_OK(day_.Create("fleets/globex", "quarantine",
                        pb::DEVICE_JOB_ACTION_QUARANTINE, "", 300));
  pb::AddDeviceJobItemsRequest list;
  list.set_name(quarantine);
  for (int i = 1; i <= suspects.devices; ++i) {
    list.add_device_uids(HerdUid(suspects, i));
  }
  for (int i = 1; i <= unknown; ++i) {
    list.add_device_uids(HerdUid(old, i));
    list.add_device_uids(HerdUid(suspects, i));
  }
  ASSERT_OK(day_.Call<pb::DeviceJob>("AddDeviceJobItems", list));
  ASSERT_OK(day_.Call<pb::DeviceJob>("AddDeviceJobItems", list));
  ASSERT_OK(day_.Move<pb::StartDeviceJobRequest>("StartDeviceJob", quarantine));
  const std::string retire = "fleets/acme/deviceJobs/retire";
  ASSERT_OK(day_.Create(kAcme, "retire", pb::DEVICE_JOB_ACTION_DECOMMISSION,
                        "batch = old", 500));
  for (const std::string& job : {quarantine, retire}) {
    ASSERT_TRUE(day_.AwaitState(job, pb::DEVICE_JOB_STATE_PENDING_APPROVAL));
    EXPECT_EQ(Count("device_events"), 0);
  }
  for (const std::string& job : {quarantine, retire}) {
    ASSERT_OK(
        night_.Move<pb::ApproveDeviceJobRequest>("ApproveDeviceJob", job));
  }

  std::mt19937 random(std::random_device{}());
  const auto wait = [&](int most) {
    absl::SleepFor(absl::Milliseconds(
        std::uniform_int_distribution<int>(0, most)(random)));
  };
  for (int round = 0; round < 2; ++round) {
    wait(400);
    Kill("inventory");
    wait(400);
    Kill(kSecondInventory);
    wait(400);
    KillDatabase();
    wait(400);
    Kill("ca");
  }
  ASSERT_TRUE(Await([&] {
    return Count("device_jobs WHERE state = 5") == 2 &&
           Count("decommissions WHERE certificate IS NOT NULL") == old.devices;
  })) << deployment_.Sql("SELECT string_agg(j::text, ' ') FROM device_jobs j")
      << deployment_.process("inventory").Err();

  const int held = suspects.devices;
  EXPECT_EQ(
      deployment_.Sql("SELECT format('%s %s %s %s %s', items, done, unchanged, "
                      "failed, certificates) FROM device_jobs WHERE job_id = "
                      "'retire'"),
      absl::StrCat(old.devices, " ", old.devices, " 0 0 ", 2 * old.devices));
  EXPECT_EQ(
      deployment_.Sql("SELECT format('%s %s %s %s %s', items, done, unchanged, "
                      "failed, certificates) FROM device_jobs WHERE job_id = "
                      "'quarantine'"),
      absl::StrCat(held + unknown, " ", held, " 0 ", unknown, " ", 2 * held));
  EXPECT_EQ(Count("device_job_items WHERE outcome = 1"), 0);
  EXPECT_EQ(Count("device_job_items WHERE outcome = 2"), old.devices + held);
  EXPECT_EQ(Count("device_job_items WHERE error_reason = 'DEVICE_NOT_FOUND'"),
            unknown);
  // Each device in its state, each event once.
  EXPECT_EQ(Count("devices WHERE fleet_id = 'acme' AND state = 5 AND "
                  "display_name = ''"),
            old.devices);
  EXPECT_EQ(Count("devices WHERE fleet_id = 'globex' AND state = 3"), held);
  EXPECT_EQ(Count("(SELECT FROM device_events GROUP BY device_uid, kind HAVING "
                  "count(*) > 1) AS twice"),
            0);
  for (const char* kind : {"decommissioning", "decommissioned"}) {
    EXPECT_EQ(Count(absl::StrCat("device_events WHERE kind = '", kind, "'")),
              old.devices);
  }
  EXPECT_EQ(Count("device_events WHERE kind = 'quarantined'"), held);
  // Each certificate changed once.
  EXPECT_EQ(Count("revocations WHERE state = 2 AND version = 2"),
            2 * old.devices);
  EXPECT_EQ(Count("revocations WHERE state = 1 AND version = 2"), 2 * held);
  EXPECT_EQ(Count("revocation_changes"), 2 * (old.devices + held));
  EXPECT_EQ(Count("keys WHERE state = 2"), 2 * old.devices);
  // The audit log has each once, and the hash of each certificate of
  // decommission.
  EXPECT_EQ(Count("audit_entries WHERE action = 'device.decommission'"),
            old.devices);
  EXPECT_EQ(Count("audit_entries WHERE action = 'device.quarantine'"), held);
  EXPECT_EQ(Count("audit_entries WHERE action = 'device.certify_decommission'"),
            old.devices);
  EXPECT_EQ(
      Count("decommissions d JOIN audit_entries a ON a.action = "
            "'device.certify_decommission' AND a.resource = "
            "'fleets/acme/devices/' || d.device_uid AND a.entry LIKE '%' || "
            "encode(sha256(convert_to(d.certificate, 'UTF8')), 'hex') || '%'"),
      old.devices);
}

TEST_F(DeviceJobsTest, IsApprovedPausedResumedAndCancelled) {
  Given({.batch = "b", .name = "all", .devices = 150});
  const std::string name = "fleets/acme/deviceJobs/slow";
  ASSERT_OK(day_.Create(kAcme, "slow", pb::DEVICE_JOB_ACTION_QUARANTINE,
                        "batch = b AND state = ACTIVE", 10));
  EXPECT_THAT(day_.Create(kAcme, "slow", pb::DEVICE_JOB_ACTION_QUARANTINE,
                          "batch = b", 10),
              StatusIs(StatusCode::kAlreadyExists, reasons::kDeviceJobExists));
  ASSERT_TRUE(day_.AwaitState(name, pb::DEVICE_JOB_STATE_PENDING_APPROVAL));
  EXPECT_TRUE(day_.Get(name).needs_approval());
  EXPECT_EQ(day_.Get(name).device_count(), 150);
  EXPECT_THAT(
      day_.Move<pb::ApproveDeviceJobRequest>("ApproveDeviceJob", name),
      StatusIs(StatusCode::kPermissionDenied, reasons::kSecondOperatorNeeded));
  EXPECT_THAT(
      day_.Move<pb::PauseDeviceJobRequest>("PauseDeviceJob", name),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceJobState));
  ASSERT_OK(night_.Move<pb::ApproveDeviceJobRequest>("ApproveDeviceJob", name));

  ASSERT_TRUE(Await([&] { return day_.Get(name).done_count() > 0; }));
  ASSERT_OK_AND_ASSIGN(
      const pb::DeviceJob paused,
      day_.Move<pb::PauseDeviceJobRequest>("PauseDeviceJob", name));
  EXPECT_EQ(paused.state(), pb::DEVICE_JOB_STATE_PAUSED);
  EXPECT_LT(paused.done_count(), 150);
  absl::SleepFor(absl::Milliseconds(1500));
  EXPECT_EQ(day_.Get(name).done_count(), paused.done_count());
  ASSERT_OK(day_.Move<pb::ResumeDeviceJobRequest>("ResumeDeviceJob", name));
  ASSERT_TRUE(
      Await([&] { return day_.Get(name).done_count() > paused.done_count(); }));
  ASSERT_OK_AND_ASSIGN(
      const pb::DeviceJob cancelled,
      day_.Move<pb::CancelDeviceJobRequest>("CancelDeviceJob", name));
  EXPECT_EQ(cancelled.state(), pb::DEVICE_JOB_STATE_CANCELLED);
  EXPECT_EQ(Count("devices WHERE state = 3"), cancelled.done_count());
  EXPECT_EQ(Count("device_job_items WHERE outcome = 1"),
            150 - cancelled.done_count());
}

}  // namespace
}  // namespace birthmark::tests
