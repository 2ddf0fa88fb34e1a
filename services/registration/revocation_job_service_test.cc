#include "services/registration/revocation_job_service.h"

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ids.h"
#include "services/registration/service_calls.h"
#include "services/registration/testing.h"

namespace birthmark::registration {
namespace {

namespace pb = revocation::v1;

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kService[] = "birthmark.revocation.v1.RevocationService.";
constexpr int kThreshold = 2;

class RevocationJobServiceTest : public testing::Test {
 protected:
  RevocationJobServiceTest()
      : service_(world_.dependencies(), kThreshold, [this] { ++woken_; }),
        calls_(world_.clock, kService, *pb::Crl::descriptor()->file()) {
    service_.Register(calls_.router());
  }

  void GivenCertificates(int count) {
    for (int i = 0; i < count; ++i) {
      storage::CertificateRow row;
      row.serial = HexDecode(world_.serials.Next()).value();
      row.issuer_id = "ldevid";
      row.spki_sha256 = crypto::Sha256(row.serial);
      row.fleet_id = "acme";
      row.crl_shard = i % 2;
      row.create_time = NowSeconds(world_.clock);
      row.not_after = row.create_time + absl::Hours(24);
      ASSERT_OK(world_.certificates.Insert({row}, {world_.Change().audit[0]}));
    }
  }

  static pb::CreateRevocationJobRequest GoodRequest() {
    pb::CreateRevocationJobRequest request;
    request.set_job_id("leak");
    request.mutable_job()->mutable_selector()->set_fleet("fleets/acme");
    request.mutable_job()->set_reason(
        certificate::v1::REVOCATION_REASON_KEY_COMPROMISE);
    return request;
  }

  template <typename Request>
  absl::StatusOr<pb::RevocationJob> Call(
      absl::string_view method, const Request& request,
      const rpc::Caller& caller = World::Operator()) {
    return calls_.Call<pb::RevocationJob>(absl::StrCat(method, "RevocationJob"),
                                          request, caller);
  }
  template <typename Request>
  static Request Named(absl::string_view id = "leak") {
    Request request;
    request.set_name(absl::StrCat("revocationJobs/", id));
    return request;
  }
  absl::StatusOr<pb::RevocationJob> Pause() {
    return Call("Pause", Named<pb::PauseRevocationJobRequest>());
  }
  absl::StatusOr<pb::RevocationJob> Resume() {
    return Call("Resume", Named<pb::ResumeRevocationJobRequest>());
  }
  absl::StatusOr<pb::RevocationJob> Cancel() {
    return Call("Cancel", Named<pb::CancelRevocationJobRequest>());
  }
  absl::StatusOr<pb::RevocationJob> Approve(const std::string& etag,
                                            const std::string& who) {
    auto request = Named<pb::ApproveRevocationJobRequest>();
    request.set_etag(etag);
    return Call("Approve", request, World::Operator(who));
  }

  World world_;
  int woken_ = 0;
  RevocationJobService service_;
  ServiceCalls calls_;
};

TEST_F(RevocationJobServiceTest, ASmallOneStartsAtOnce) {
  GivenCertificates(2);
  pb::CreateRevocationJobRequest request = GoodRequest();
  request.mutable_job()->mutable_invalidity_time()->set_seconds(1700000000);
  request.set_request_id(crypto::NewRequestId());
  ASSERT_OK_AND_ASSIGN(const pb::RevocationJob job, Call("Create", request));
  EXPECT_EQ(job.name(), "revocationJobs/leak");
  EXPECT_EQ(job.state(), pb::REVOCATION_JOB_STATE_RUNNING);
  EXPECT_EQ(job.selector().fleet(), "fleets/acme");
  EXPECT_EQ(job.reason(), request.job().reason());
  EXPECT_EQ(job.invalidity_time().seconds(), 1700000000);
  EXPECT_EQ(job.rate(), 1000);
  EXPECT_EQ(job.expected_count(), 2);
  EXPECT_EQ(job.expected_crl_bytes(), 2 * (35 + 2 + 12 + 26));
  EXPECT_EQ(job.expected_crl_shards(), 2);
  EXPECT_EQ(job.create_actor(), World::Operator().actor);
  EXPECT_EQ(job.etag(), "\"1\"");
  EXPECT_EQ(woken_, 1);
  GivenCertificates(1);
  ASSERT_OK_AND_ASSIGN(const pb::RevocationJob repeat, Call("Create", request));
  EXPECT_EQ(repeat.SerializeAsString(), job.SerializeAsString());
  ASSERT_OK_AND_ASSIGN(const pb::RevocationJob got,
                       Call("Get", Named<pb::GetRevocationJobRequest>()));
  EXPECT_EQ(got.SerializeAsString(), job.SerializeAsString());
  EXPECT_THAT(world_.actions(), ElementsAre("revocation_job.create"));
  request.set_request_id(crypto::NewRequestId());
  EXPECT_THAT(Call("Create", request), StatusIs(StatusCode::kAlreadyExists,
                                                reasons::kRevocationJobExists));
}

TEST_F(RevocationJobServiceTest, APreviewChangesNothing) {
  GivenCertificates(3);
  pb::CreateRevocationJobRequest request = GoodRequest();
  request.clear_job_id();
  request.set_validate_only(true);
  ASSERT_OK_AND_ASSIGN(const pb::RevocationJob job, Call("Create", request));
  EXPECT_EQ(job.name(), "");
  EXPECT_EQ(job.state(), pb::REVOCATION_JOB_STATE_UNSPECIFIED);
  EXPECT_EQ(job.expected_count(), 3);
  EXPECT_EQ(job.expected_crl_shards(), 2);
  EXPECT_THAT(world_.actions(), IsEmpty());
  EXPECT_EQ(woken_, 0);
}

TEST_F(RevocationJobServiceTest, ABigOneNeedsASecondOperator) {
  GivenCertificates(kThreshold + 1);
  ASSERT_OK_AND_ASSIGN(const pb::RevocationJob job,
                       Call("Create", GoodRequest()));
  EXPECT_EQ(job.state(), pb::REVOCATION_JOB_STATE_PENDING_APPROVAL);
  EXPECT_THAT(
      Approve(job.etag(), "ada"),
      StatusIs(StatusCode::kPermissionDenied, reasons::kSecondOperatorNeeded));
  EXPECT_THAT(Approve("\"7\"", "grace"),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  EXPECT_THAT(Approve("", "grace"),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
  const auto wrong_state =
      StatusIs(StatusCode::kFailedPrecondition, reasons::kRevocationJobState);
  EXPECT_THAT(Pause(), wrong_state);
  EXPECT_THAT(Resume(), wrong_state);
  ASSERT_OK_AND_ASSIGN(const pb::RevocationJob approved,
                       Approve(job.etag(), "grace"));
  EXPECT_EQ(approved.state(), pb::REVOCATION_JOB_STATE_RUNNING);
  EXPECT_EQ(approved.approve_actor(), World::Operator("grace").actor);
  EXPECT_EQ(approved.etag(), "\"2\"");
  EXPECT_THAT(Approve(approved.etag(), "grace"), wrong_state);
  EXPECT_THAT(world_.actions(),
              ElementsAre("revocation_job.create", "revocation_job.approve"));
}

TEST_F(RevocationJobServiceTest, AnApprovalIsRepeatedOnce) {
  GivenCertificates(kThreshold + 1);
  ASSERT_OK(Call("Create", GoodRequest()));
  auto request = Named<pb::ApproveRevocationJobRequest>();
  request.set_etag("\"1\"");
  request.set_request_id(crypto::NewRequestId());
  ASSERT_OK_AND_ASSIGN(const pb::RevocationJob first,
                       Call("Approve", request, World::Operator("grace")));
  ASSERT_OK_AND_ASSIGN(const pb::RevocationJob repeat,
                       Call("Approve", request, World::Operator("grace")));
  EXPECT_EQ(repeat.SerializeAsString(), first.SerializeAsString());
  request.set_etag("\"2\"");
  EXPECT_THAT(
      Call("Approve", request, World::Operator("grace")),
      StatusIs(StatusCode::kInvalidArgument, reasons::kRequestIdReused));
}

TEST_F(RevocationJobServiceTest, PausesResumesAndCancels) {
  const auto wrong_state =
      StatusIs(StatusCode::kFailedPrecondition, reasons::kRevocationJobState);
  ASSERT_OK(Call("Create", GoodRequest()));
  ASSERT_OK_AND_ASSIGN(const pb::RevocationJob paused, Pause());
  EXPECT_EQ(paused.state(), pb::REVOCATION_JOB_STATE_PAUSED);
  ASSERT_OK_AND_ASSIGN(const pb::RevocationJob again, Pause());
  EXPECT_EQ(again.etag(), paused.etag());
  ASSERT_OK_AND_ASSIGN(const pb::RevocationJob resumed, Resume());
  EXPECT_EQ(resumed.state(), pb::REVOCATION_JOB_STATE_RUNNING);
  EXPECT_OK(Resume());
  ASSERT_OK(Pause());
  ASSERT_OK_AND_ASSIGN(const pb::RevocationJob cancelled, Cancel());
  EXPECT_EQ(cancelled.state(), pb::REVOCATION_JOB_STATE_CANCELLED);
  EXPECT_TRUE(cancelled.has_end_time());
  world_.clock.Advance(absl::Seconds(5));
  ASSERT_OK_AND_ASSIGN(const pb::RevocationJob still, Cancel());
  EXPECT_EQ(still.SerializeAsString(), cancelled.SerializeAsString());
  EXPECT_THAT(Pause(), wrong_state);
  EXPECT_THAT(Resume(), wrong_state);
  EXPECT_THAT(Approve(cancelled.etag(), "grace"), wrong_state);
  EXPECT_THAT(world_.actions(),
              ElementsAre("revocation_job.create", "revocation_job.pause",
                          "revocation_job.resume", "revocation_job.pause",
                          "revocation_job.cancel"));
}

TEST_F(RevocationJobServiceTest, WhatIsDoneIsNotCancelled) {
  ASSERT_OK(Call("Create", GoodRequest()));
  ASSERT_OK(world_.revocation_jobs.Move(
      "leak",
      [&](storage::RevocationJobRow& row) {
        row.state = storage::RevocationJobState::kDone;
        return absl::OkStatus();
      },
      [&](const auto&) { return world_.Change(); }));
  EXPECT_THAT(Cancel(), StatusIs(StatusCode::kFailedPrecondition,
                                 reasons::kRevocationJobState));
}

TEST_F(RevocationJobServiceTest, ListsPageByPage) {
  for (const char* id : {"c", "a", "b"}) {
    pb::CreateRevocationJobRequest request = GoodRequest();
    request.set_job_id(id);
    ASSERT_OK(Call("Create", request));
    world_.clock.Advance(absl::Seconds(1));
  }
  pb::ListRevocationJobsRequest request;
  request.set_page_size(2);
  ASSERT_OK_AND_ASSIGN(const auto first,
                       calls_.Call<pb::ListRevocationJobsResponse>(
                           "ListRevocationJobs", request, World::Operator()));
  ASSERT_THAT(first.revocation_jobs(), SizeIs(2));
  EXPECT_EQ(first.revocation_jobs(0).name(), "revocationJobs/c");
  request.set_page_token(first.next_page_token());
  ASSERT_OK_AND_ASSIGN(const auto second,
                       calls_.Call<pb::ListRevocationJobsResponse>(
                           "ListRevocationJobs", request, World::Operator()));
  ASSERT_THAT(second.revocation_jobs(), SizeIs(1));
  EXPECT_EQ(second.revocation_jobs(0).name(), "revocationJobs/b");
  EXPECT_EQ(second.next_page_token(), "");
}

struct Case {
  const char* name;
  std::function<void(pb::CreateRevocationJobRequest&)> spoil;
};

class BadJobTest : public RevocationJobServiceTest,
                   public testing::WithParamInterface<Case> {};

TEST_P(BadJobTest, IsRefused) {
  pb::CreateRevocationJobRequest request = GoodRequest();
  GetParam().spoil(request);
  EXPECT_THAT(Call("Create", request), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(world_.actions(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    All, BadJobTest,
    testing::Values(
        Case{"NoId", [](auto& r) { r.clear_job_id(); }},
        Case{"BadId", [](auto& r) { r.set_job_id("Leak"); }},
        Case{"LongId", [](auto& r) { r.set_job_id(std::string(64, 'a')); }},
        Case{"NoJob", [](auto& r) { r.clear_job(); }},
        Case{"NoSelector", [](auto& r) { r.mutable_job()->clear_selector(); }},
        Case{"Hold",
             [](auto& r) {
               r.mutable_job()->set_reason(
                   certificate::v1::REVOCATION_REASON_CERTIFICATE_HOLD);
             }},
        Case{"NoReasonOfTheRfc",
             [](auto& r) {
               r.mutable_job()->set_reason(
                   static_cast<certificate::v1::RevocationReason>(8));
             }},
        Case{"Future",
             [](auto& r) {
               r.mutable_job()->mutable_invalidity_time()->set_seconds(
                   4000000000);
             }},
        Case{"NegativeRate", [](auto& r) { r.mutable_job()->set_rate(-1); }},
        Case{"HugeRate", [](auto& r) { r.mutable_job()->set_rate(10001); }},
        Case{"BadRequestId", [](auto& r) { r.set_request_id("1"); }}),
    [](const auto& info) { return info.param.name; });

TEST_F(RevocationJobServiceTest, RefusesNamesThatAreNone) {
  for (const char* name : {"", "leak", "revocationJobs/-/x", "jobs/leak"}) {
    pb::GetRevocationJobRequest get;
    get.set_name(name);
    EXPECT_THAT(Call("Get", get), StatusIs(StatusCode::kInvalidArgument,
                                           reasons::kBadResourceName));
    pb::PauseRevocationJobRequest pause;
    pause.set_name(name);
    EXPECT_THAT(Call("Pause", pause), StatusIs(StatusCode::kInvalidArgument,
                                               reasons::kBadResourceName));
  }
  EXPECT_THAT(Call("Get", Named<pb::GetRevocationJobRequest>("gone")),
              StatusIs(StatusCode::kNotFound, reasons::kRevocationJobNotFound));
  EXPECT_THAT(Pause(),
              StatusIs(StatusCode::kNotFound, reasons::kRevocationJobNotFound));
}

TEST_F(RevocationJobServiceTest, ForOperatorsAlone) {
  const auto refused =
      StatusIs(StatusCode::kPermissionDenied, reasons::kCallerNotAllowed);
  for (const rpc::Caller& caller :
       {World::Line("acme", "l1"), World::EnforcementPoint("broker")}) {
    EXPECT_THAT(Call("Create", GoodRequest(), caller), refused);
    EXPECT_THAT(Call("Get", Named<pb::GetRevocationJobRequest>(), caller),
                refused);
    EXPECT_THAT(
        Call("Approve", Named<pb::ApproveRevocationJobRequest>(), caller),
        refused);
    EXPECT_THAT(Call("Pause", Named<pb::PauseRevocationJobRequest>(), caller),
                refused);
    EXPECT_THAT(Call("Resume", Named<pb::ResumeRevocationJobRequest>(), caller),
                refused);
    EXPECT_THAT(Call("Cancel", Named<pb::CancelRevocationJobRequest>(), caller),
                refused);
    EXPECT_THAT(
        calls_.Call<pb::ListRevocationJobsResponse>(
            "ListRevocationJobs", pb::ListRevocationJobsRequest(), caller),
        refused);
  }
}

}  // namespace
}  // namespace birthmark::registration
