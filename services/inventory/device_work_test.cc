// DeviceJobService, the runner and upkeep, on a private PostgreSQL.
#include "services/inventory/device_work.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "birthmark/ca/v1/ca_service.pb.h"
#include "birthmark/device/v1/device_job_service.pb.h"
#include "lib/base/clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/ids.h"
#include "lib/rpc/channel.h"
#include "lib/storage/pg_device_job_store.h"
#include "lib/storage/pg_device_search_store.h"
#include "lib/telemetry/metrics.h"
#include "services/inventory/testing.h"
#include "tests/support/herd.h"

namespace birthmark::inventory {
namespace {

namespace pb = device::v1;

using absl::StatusCode;
using tests::Herd;

constexpr int kThreshold = 10;

// A CA that signs, or is away.
class FakeCa : public rpc::Channel {
 public:
  std::atomic<bool> away = false;
  std::atomic<int> records = 0;

 protected:
  absl::Status DoUnary(absl::string_view,
                       const google::protobuf::Message& request,
                       google::protobuf::Message& response,
                       absl::Duration) override {
    if (away) {
      return absl::UnavailableError("the CA is away");
    }
    const auto& asked =
        dynamic_cast<const ca::v1::SignRecordsRequest&>(request);
    for (int i = 0; i < asked.payloads_size(); ++i) {
      dynamic_cast<ca::v1::SignRecordsResponse&>(response).add_jws(
          absl::StrCat("h.", ++records, ".s"));
    }
    return absl::OkStatus();
  }
};

class DeviceWorkTest : public testing::Test {
 protected:
  DeviceWorkTest()
      : search_(world_.database()),
        jobs_(world_.database(), search_),
        pruner_(world_.database()),
        work_(std::make_unique<DeviceWork>(
            world_.dependencies(), DeviceWork::Stores{jobs_, search_, pruner_},
            ca_, kThreshold, registry_)) {
    work_->Register(world_.router());
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const std::string& method,
                                const Request& request,
                                absl::string_view who = "ada") {
    return world_.Call<Response>("device.v1.DeviceJobService." + method,
                                 request, who);
  }
  pb::CreateDeviceJobRequest Request(const std::string& id,
                                     const std::string& filter) {
    pb::CreateDeviceJobRequest request;
    request.set_parent("fleets/acme");
    request.set_device_job_id(id);
    request.mutable_device_job()->set_action(pb::DEVICE_JOB_ACTION_QUARANTINE);
    request.mutable_device_job()->set_filter(filter);
    request.mutable_device_job()->set_reason("a worm");
    return request;
  }
  absl::StatusOr<pb::DeviceJob> Create(
      const pb::CreateDeviceJobRequest& request) {
    return Call<pb::DeviceJob>("CreateDeviceJob", request);
  }
  template <typename Move>
  absl::StatusOr<pb::DeviceJob> Do(const std::string& method,
                                   const std::string& id,
                                   absl::string_view who = "ada") {
    Move request;
    request.set_name("fleets/acme/deviceJobs/" + id);
    return Call<pb::DeviceJob>(method, request, who);
  }
  pb::DeviceJob Get(const std::string& id) {
    return Do<pb::GetDeviceJobRequest>("GetDeviceJob", id).value();
  }
  bool AwaitState(const std::string& id, pb::DeviceJobState state) {
    return Await([&] { return Get(id).state() == state; });
  }
  static bool Await(const std::function<bool()>& condition) {
    for (int i = 0; i < 6000; ++i) {
      if (condition()) {
        return true;
      }
      absl::SleepFor(absl::Milliseconds(10));
    }
    return false;
  }
  Herd GivenHerd(int devices, const std::string& name = "herd") {
    Herd herd = {.batch = "b2", .name = name, .devices = devices};
    world_.Sql(HerdSql(herd));
    return herd;
  }
  absl::StatusOr<pb::DeviceJob> Add(const std::string& id,
                                    const std::vector<std::string>& uids) {
    pb::AddDeviceJobItemsRequest request;
    request.set_name("fleets/acme/deviceJobs/" + id);
    for (const std::string& uid : uids) {
      request.add_device_uids(uid);
    }
    return Call<pb::DeviceJob>("AddDeviceJobItems", request);
  }
  int Number(const std::string& select) {
    return std::stoi(world_.Sql(select));
  }

  World world_;
  FakeCa ca_;
  telemetry::Registry registry_;
  storage::PgDeviceSearchStore search_;
  storage::PgDeviceJobStore jobs_;
  storage::PgRequestPruner pruner_;
  std::unique_ptr<DeviceWork> work_;
};

TEST_F(DeviceWorkTest, AFilterIsPreviewedAndDone) {
  GivenHerd(5);
  pb::CreateDeviceJobRequest request = Request("job", "batch = b2");
  request.set_validate_only(true);
  ASSERT_OK_AND_ASSIGN(const pb::DeviceJob preview, Create(request));
  EXPECT_EQ(preview.device_count(), 5);
  ASSERT_EQ(preview.preview_size(), 1);
  EXPECT_EQ(preview.preview(0).state(), pb::DEVICE_STATE_ACTIVE);
  EXPECT_EQ(preview.expected_certificates(), 10);
  EXPECT_GT(preview.expected_crl_bytes(), 10 * 40);
  EXPECT_FALSE(preview.needs_approval());
  EXPECT_EQ(preview.name(), "");
  EXPECT_EQ(Number("SELECT count(*) FROM device_jobs"), 0);

  request.set_validate_only(false);
  ASSERT_OK_AND_ASSIGN(const pb::DeviceJob created, Create(request));
  EXPECT_EQ(created.name(), "fleets/acme/deviceJobs/job");
  EXPECT_EQ(created.state(), pb::DEVICE_JOB_STATE_COLLECTING);
  ASSERT_TRUE(AwaitState("job", pb::DEVICE_JOB_STATE_DONE));
  const pb::DeviceJob job = Get("job");
  EXPECT_EQ(job.device_count(), 5);
  EXPECT_EQ(job.done_count(), 5);
  EXPECT_EQ(job.certificate_count(), 10);
  EXPECT_TRUE(job.has_end_time());
  EXPECT_EQ(Number("SELECT count(*) FROM devices WHERE state = 3"), 5);
  EXPECT_EQ(Number("SELECT count(*) FROM audit_entries WHERE action IN "
                   "('device.quarantine', 'device_job.create', "
                   "'device_job.finish')"),
            7);
}

TEST_F(DeviceWorkTest, AListIsAddedStartedAndListed) {
  const Herd herd = GivenHerd(3);
  ASSERT_OK(Create(Request("list", "")));
  ASSERT_OK(Add("list", {HerdUid(herd, 1), HerdUid(herd, 2),
                         "0194f1e0-0000-7000-8000-00000000000f"}));
  ASSERT_OK(Do<pb::StartDeviceJobRequest>("StartDeviceJob", "list"));
  ASSERT_TRUE(AwaitState("list", pb::DEVICE_JOB_STATE_DONE));
  // Again: nothing happens.
  ASSERT_OK(Do<pb::StartDeviceJobRequest>("StartDeviceJob", "list"));
  EXPECT_THAT(
      Add("list", {HerdUid(herd, 3)}),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceJobState));
  pb::ListDeviceJobItemsRequest request;
  request.set_parent("fleets/acme/deviceJobs/list");
  request.set_page_size(2);
  ASSERT_OK_AND_ASSIGN(auto page, Call<pb::ListDeviceJobItemsResponse>(
                                      "ListDeviceJobItems", request));
  ASSERT_EQ(page.items_size(), 2);
  EXPECT_EQ(page.items(0).device(), "fleets/acme/devices/" + HerdUid(herd, 1));
  EXPECT_EQ(page.items(0).outcome(), pb::DEVICE_JOB_OUTCOME_DONE);
  request.set_page_token(page.next_page_token());
  ASSERT_OK_AND_ASSIGN(page, Call<pb::ListDeviceJobItemsResponse>(
                                 "ListDeviceJobItems", request));
  ASSERT_EQ(page.items_size(), 1);
  EXPECT_EQ(page.items(0).error_reason(), reasons::kDeviceNotFound);
  EXPECT_EQ(page.next_page_token(), "");
}

TEST_F(DeviceWorkTest, ManyDevicesNeedASecondOperator) {
  GivenHerd(kThreshold + 1);
  ASSERT_OK(Create(Request("many", "batch = b2")));
  ASSERT_TRUE(AwaitState("many", pb::DEVICE_JOB_STATE_PENDING_APPROVAL));
  EXPECT_THAT(
      Do<pb::ApproveDeviceJobRequest>("ApproveDeviceJob", "many"),
      StatusIs(StatusCode::kPermissionDenied, reasons::kSecondOperatorNeeded));
  EXPECT_THAT(
      Do<pb::ResumeDeviceJobRequest>("ResumeDeviceJob", "many"),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceJobState));
  EXPECT_EQ(Number("SELECT count(*) FROM devices WHERE state = 3"), 0);
  ASSERT_OK_AND_ASSIGN(
      const pb::DeviceJob job,
      Do<pb::ApproveDeviceJobRequest>("ApproveDeviceJob", "many", "bob"));
  EXPECT_EQ(job.approve_actor(), World::Operator("bob").actor);
  ASSERT_TRUE(AwaitState("many", pb::DEVICE_JOB_STATE_DONE));
  EXPECT_EQ(Get("many").done_count(), kThreshold + 1);
  EXPECT_THAT(
      Do<pb::CancelDeviceJobRequest>("CancelDeviceJob", "many"),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceJobState));
}

TEST_F(DeviceWorkTest, ARepeatHasTheFirstAnswer) {
  pb::CreateDeviceJobRequest request = Request("once", "model = none");
  request.set_request_id(crypto::NewRequestId());
  ASSERT_OK_AND_ASSIGN(const pb::DeviceJob first, Create(request));
  ASSERT_TRUE(AwaitState("once", pb::DEVICE_JOB_STATE_DONE));
  ASSERT_OK_AND_ASSIGN(const pb::DeviceJob again, Create(request));
  EXPECT_EQ(again.SerializeAsString(), first.SerializeAsString());
  request.mutable_device_job()->set_rate(7);
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument,
                                        reasons::kRequestIdReused));
  request.clear_request_id();
  EXPECT_THAT(Create(request),
              StatusIs(StatusCode::kAlreadyExists, reasons::kDeviceJobExists));
}

TEST_F(DeviceWorkTest, ListsJobsPageByPage) {
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_OK(Create(Request(id, "")));
    world_.clock().Advance(absl::Seconds(1));
  }
  pb::ListDeviceJobsRequest request;
  request.set_parent("fleets/-");
  request.set_page_size(2);
  ASSERT_OK_AND_ASSIGN(
      auto page, Call<pb::ListDeviceJobsResponse>("ListDeviceJobs", request));
  ASSERT_EQ(page.device_jobs_size(), 2);
  EXPECT_EQ(page.device_jobs(1).name(), "fleets/acme/deviceJobs/b");
  request.set_page_token(page.next_page_token());
  ASSERT_OK_AND_ASSIGN(
      page, Call<pb::ListDeviceJobsResponse>("ListDeviceJobs", request));
  ASSERT_EQ(page.device_jobs_size(), 1);
  EXPECT_EQ(page.next_page_token(), "");
  ASSERT_OK(Do<pb::CancelDeviceJobRequest>("CancelDeviceJob", "a"));
  ASSERT_OK(Do<pb::CancelDeviceJobRequest>("CancelDeviceJob", "a"));
  EXPECT_THAT(
      Do<pb::StartDeviceJobRequest>("StartDeviceJob", "a"),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceJobState));
}

struct BadCase {
  const char* name;
  std::function<void(pb::CreateDeviceJobRequest&)> spoil;
  absl::string_view reason;
};
class BadRequestTest : public DeviceWorkTest,
                       public testing::WithParamInterface<BadCase> {};
TEST_P(BadRequestTest, IsRefused) {
  pb::CreateDeviceJobRequest request = Request("job", "model = m1");
  GetParam().spoil(request);
  EXPECT_THAT(Create(request),
              StatusIs(StatusCode::kInvalidArgument, GetParam().reason));
}
INSTANTIATE_TEST_SUITE_P(
    All, BadRequestTest,
    testing::Values(
        BadCase{"Parent", [](auto& r) { r.set_parent("fleets/-"); },
                reasons::kBadResourceName},
        BadCase{"Id", [](auto& r) { r.set_device_job_id("A"); },
                reasons::kInvalidField},
        BadCase{"NoAction",
                [](auto& r) { r.mutable_device_job()->clear_action(); },
                reasons::kInvalidField},
        BadCase{"UnknownAction",
                [](auto& r) {
                  r.mutable_device_job()->set_action(
                      static_cast<pb::DeviceJobAction>(9));
                },
                reasons::kInvalidField},
        BadCase{"Filter",
                [](auto& r) { r.mutable_device_job()->set_filter("x > 1"); },
                reasons::kFilterInvalid},
        BadCase{"NoReason",
                [](auto& r) { r.mutable_device_job()->clear_reason(); },
                reasons::kInvalidField},
        BadCase{"LongReason",
                [](auto& r) {
                  r.mutable_device_job()->set_reason(std::string(501, 'x'));
                },
                reasons::kInvalidField},
        BadCase{"LongPlaybook",
                [](auto& r) {
                  r.mutable_device_job()->set_playbook(std::string(201, 'x'));
                },
                reasons::kInvalidField},
        BadCase{"PlaybookOfARelease",
                [](auto& r) {
                  r.mutable_device_job()->set_action(
                      pb::DEVICE_JOB_ACTION_RELEASE);
                  r.mutable_device_job()->set_playbook("p");
                },
                reasons::kInvalidField},
        BadCase{"Rate", [](auto& r) { r.mutable_device_job()->set_rate(-1); },
                reasons::kInvalidField},
        BadCase{"PreviewOfAList",
                [](auto& r) {
                  r.set_validate_only(true);
                  r.mutable_device_job()->clear_filter();
                },
                reasons::kInvalidField}),
    [](const auto& info) { return info.param.name; });

TEST_F(DeviceWorkTest, BadListsAreRefused) {
  ASSERT_OK(Create(Request("list", "")));
  EXPECT_THAT(Add("list", {}),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  EXPECT_THAT(Add("list", {"not a uid"}),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  EXPECT_THAT(Add("list", std::vector<std::string>(
                              5001, "0194f1e0-0000-7000-8000-00000000000f")),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  EXPECT_THAT(Add("none", {"0194f1e0-0000-7000-8000-00000000000f"}),
              StatusIs(StatusCode::kNotFound, reasons::kDeviceJobNotFound));
  ASSERT_OK(Create(Request("filter", "model = none")));
  EXPECT_THAT(
      Add("filter", {"0194f1e0-0000-7000-8000-00000000000f"}),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceJobState));
  EXPECT_THAT(
      Do<pb::StartDeviceJobRequest>("StartDeviceJob", "filter"),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceJobState));
  pb::CreateDeviceJobRequest nowhere = Request("job", "");
  nowhere.set_parent("fleets/nowhere");
  EXPECT_THAT(Create(nowhere),
              StatusIs(StatusCode::kNotFound, reasons::kFleetNotFound));
}

TEST_F(DeviceWorkTest, UpkeepCertifiesOnceTheCaIsThere) {
  GivenHerd(4);
  ca_.away = true;
  work_->Start();
  pb::CreateDeviceJobRequest request = Request("end", "batch = b2");
  request.mutable_device_job()->set_action(pb::DEVICE_JOB_ACTION_DECOMMISSION);
  world_.Sql("UPDATE fleets SET wipe_timeout_seconds = 1");
  ASSERT_OK(Create(request));
  ASSERT_TRUE(AwaitState("end", pb::DEVICE_JOB_STATE_DONE));
  EXPECT_EQ(Number("SELECT count(*) FROM devices WHERE state = 4"), 4);
  world_.clock().Advance(absl::Seconds(2));
  ASSERT_TRUE(Await([&] {
    return Number("SELECT count(*) FROM devices WHERE state = 5") == 4;
  }));
  EXPECT_EQ(Number("SELECT count(*) FROM decommissions "
                   "WHERE certificate IS NOT NULL"),
            0);
  ca_.away = false;
  ASSERT_TRUE(Await([&] {
    return Number(
               "SELECT count(*) FROM decommissions "
               "WHERE certificate IS NOT NULL AND wipe_outcome = 3") == 4;
  }));
  EXPECT_EQ(ca_.records, 4);
  EXPECT_EQ(Number("SELECT count(*) FROM audit_entries "
                   "WHERE action = 'device.certify_decommission'"),
            4);
}

TEST_F(DeviceWorkTest, UpkeepFoldsCountsAndForgetsOldAnswers) {
  pb::CreateDeviceJobRequest request = Request("once", "model = none");
  request.set_request_id(crypto::NewRequestId());
  ASSERT_OK(Create(request));
  world_.clock().Advance(absl::Hours(24 * 8));
  request.set_device_job_id("twice");
  request.set_request_id(crypto::NewRequestId());
  ASSERT_OK(Create(request));
  work_->Start();
  ASSERT_TRUE(
      Await([&] { return Number("SELECT count(*) FROM requests") == 1; }));
  GivenHerd(3);
  ASSERT_TRUE(Await([&] {
    return Number("SELECT count(*) FROM device_count_changes") == 0;
  }));
  EXPECT_EQ(Number("SELECT sum(devices) FROM device_counts "
                   "WHERE component = '' AND state = 2"),
            3);
}

}  // namespace
}  // namespace birthmark::inventory
