#include "services/cli/revocation_job_watch.h"

#include <deque>
#include <sstream>
#include <string>

#include "lib/base/fake_clock.h"
#include "lib/base/testing.h"
#include "services/cli/fake_services.h"

namespace birthmark::cli {
namespace {

using revocation::v1::GetRevocationJobRequest;
using revocation::v1::RevocationJob;
using revocation::v1::RevocationJobState;
using testing::HasSubstr;

constexpr char kName[] = "revocationJobs/leak";

RevocationJob Job(RevocationJobState state, int64_t revoked) {
  RevocationJob job;
  job.set_name(kName);
  job.set_state(state);
  job.set_expected_count(1000);
  job.set_revoked_count(revoked);
  job.set_create_actor("operator/admin");
  return job;
}

class RevocationJobWatchTest : public testing::Test {
 protected:
  RevocationJobWatchTest() {
    services_.On<GetRevocationJobRequest, RevocationJob>(
        "GetRevocationJob",
        [this](const GetRevocationJobRequest& request)
            -> absl::StatusOr<RevocationJob> {
          EXPECT_EQ(request.name(), kName);
          clock_.Advance(absl::Seconds(6));
          if (answers_.empty()) {
            return absl::UnavailableError("down");
          }
          absl::StatusOr<RevocationJob> answer = answers_.front();
          answers_.pop_front();
          return answer;
        });
  }

  absl::StatusOr<RevocationJob> Watch() {
    const auto channel = services_.Connect();
    return WatchRevocationJob(
        *channel, kName,
        {.interval = absl::ZeroDuration(), .patience = absl::Minutes(1)},
        context_);
  }

  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
  FakeClock clock_;
  Context context_{.in = in_, .out = out_, .err = err_, .clock = clock_};
  FakeServices services_;
  std::deque<absl::StatusOr<RevocationJob>> answers_;
};

TEST_F(RevocationJobWatchTest, FollowsAJobThroughApprovalToItsEnd) {
  answers_ = {Job(revocation::v1::REVOCATION_JOB_STATE_PENDING_APPROVAL, 0),
              Job(revocation::v1::REVOCATION_JOB_STATE_RUNNING, 0),
              Job(revocation::v1::REVOCATION_JOB_STATE_RUNNING, 600),
              Job(revocation::v1::REVOCATION_JOB_STATE_DONE, 1000)};
  ASSERT_OK_AND_ASSIGN(const RevocationJob job, Watch());
  EXPECT_EQ(job.state(), revocation::v1::REVOCATION_JOB_STATE_DONE);
  EXPECT_THAT(err_.str(), HasSubstr("pending approval: 0 of 1000 revoked"));
  EXPECT_THAT(err_.str(), HasSubstr("approve leak"));
  // 600 in the 6 s since it ran.
  EXPECT_THAT(err_.str(), HasSubstr("running: 600 of 1000 revoked, 100/s, "
                                    "about 4 s left"));
}

TEST_F(RevocationJobWatchTest, TheRateForgetsAPause) {
  answers_ = {Job(revocation::v1::REVOCATION_JOB_STATE_PAUSED, 100),
              Job(revocation::v1::REVOCATION_JOB_STATE_RUNNING, 100),
              Job(revocation::v1::REVOCATION_JOB_STATE_RUNNING, 700),
              Job(revocation::v1::REVOCATION_JOB_STATE_DONE, 1000)};
  ASSERT_OK(Watch());
  EXPECT_THAT(err_.str(), HasSubstr("running: 100 of 1000 revoked\n"));
  EXPECT_THAT(err_.str(), HasSubstr("700 of 1000 revoked, 100/s"));
}

TEST_F(RevocationJobWatchTest, SaysOnceThatAServiceIsAwayAndGoesOn) {
  answers_ = {Job(revocation::v1::REVOCATION_JOB_STATE_RUNNING, 1),
              absl::UnavailableError("down"), absl::UnavailableError("down"),
              Job(revocation::v1::REVOCATION_JOB_STATE_CANCELLED, 1)};
  ASSERT_OK_AND_ASSIGN(const RevocationJob job, Watch());
  EXPECT_EQ(job.state(), revocation::v1::REVOCATION_JOB_STATE_CANCELLED);
  const size_t first = err_.str().find("asking again");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(err_.str().find("asking again", first + 1), std::string::npos);
}

TEST_F(RevocationJobWatchTest, GivesUpOnAServiceThatStaysAway) {
  answers_ = {Job(revocation::v1::REVOCATION_JOB_STATE_RUNNING, 1)};
  EXPECT_THAT(Watch(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(RevocationJobWatchTest, ARefusalEndsIt) {
  answers_ = {absl::NotFoundError("no such job")};
  EXPECT_THAT(Watch(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(RevocationJobWatchTest, WhatHoldsTheJobUpIsShownInOneLine) {
  RevocationJob job = Job(revocation::v1::REVOCATION_JOB_STATE_RUNNING, 5);
  job.set_last_error("the disk\nis \x1b[2Jfull");
  answers_ = {job, Job(revocation::v1::REVOCATION_JOB_STATE_DONE, 5)};
  ASSERT_OK(Watch());
  EXPECT_THAT(err_.str(), HasSubstr("held up by: the disk is ?[2Jfull\n"));
}

TEST_F(RevocationJobWatchTest, OnATerminalOneLineChangesAndGoes) {
  context_.err_is_terminal = true;
  answers_ = {Job(revocation::v1::REVOCATION_JOB_STATE_RUNNING, 1),
              Job(revocation::v1::REVOCATION_JOB_STATE_DONE, 1000)};
  ASSERT_OK(Watch());
  EXPECT_EQ(err_.str().find('\n'), std::string::npos);
  EXPECT_THAT(err_.str(), testing::EndsWith("\r\x1b[K"));
}

}  // namespace
}  // namespace birthmark::cli
