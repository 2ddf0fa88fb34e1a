#include "services/registration/revocation_job_runner.h"

#include <algorithm>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/testing.h"
#include "lib/crypto/hash.h"
#include "services/registration/testing.h"

namespace birthmark::registration {
namespace {

using storage::RevocationJobRow;
using storage::RevocationJobState;

class RevocationJobRunnerTest : public testing::Test {
 protected:
  void GivenCertificates(int count) {
    for (int i = 0; i < count; ++i) {
      storage::CertificateRow row;
      row.serial = HexDecode(world_.serials.Next()).value();
      row.issuer_id = "ldevid";
      row.spki_sha256 = crypto::Sha256(row.serial);
      row.fleet_id = "acme";
      row.create_time = NowSeconds(world_.clock);
      row.not_after = row.create_time + absl::Hours(24);
      ASSERT_OK(world_.certificates.Insert({row}, {world_.Change().audit[0]}));
    }
  }
  void GivenJob(const std::string& id, int rate,
                const std::string& fleet = "acme") {
    RevocationJobRow row;
    row.job_id = id;
    row.selector.fleet_id = fleet;
    row.create_time = NowSeconds(world_.clock);
    row.update_time = row.create_time;
    row.issued_before = row.create_time + absl::Seconds(1);
    row.next_step_time = row.create_time;
    row.rate = rate;
    row.reason = 9;
    row.create_actor = "ada";
    ASSERT_OK(world_.revocation_jobs.Create(row, world_.Change()));
  }
  std::unique_ptr<RevocationJobRunner> NewRunner() {
    return std::make_unique<RevocationJobRunner>(world_.revocation_jobs,
                                                 world_.clock, metrics_);
  }
  RevocationJobRow Get(const std::string& id) {
    return *world_.revocation_jobs.Get(id);
  }
  // Waits until `done`, for a minute at most. The fake time goes on meanwhile.
  template <typename Done>
  bool Await(RevocationJobRunner& runner, absl::Duration step,
             const Done& done) {
    for (int i = 0; i < 6000; ++i) {
      if (done()) {
        return true;
      }
      world_.clock.Advance(step);
      runner.Wake();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  bool Finishes(RevocationJobRunner& runner, const std::string& id) {
    return Await(runner, absl::Milliseconds(100),
                 [&] { return Get(id).state == RevocationJobState::kDone; });
  }
  int Entries(const std::string& action) {
    const auto actions = world_.actions();
    return std::count(actions.begin(), actions.end(), action);
  }

  World world_;
  Metrics metrics_{world_.metrics};
};

TEST_F(RevocationJobRunnerTest, DoesAJobAndAccountsForIt) {
  GivenCertificates(450);
  GivenJob("one", 10000);
  const auto runner = NewRunner();
  ASSERT_TRUE(Finishes(*runner, "one"));
  const RevocationJobRow job = Get("one");
  EXPECT_EQ(job.revoked, 450);
  EXPECT_TRUE(job.end_time.has_value());
  EXPECT_EQ(Entries("certificate.revoke"), 450);
  EXPECT_EQ(Entries("revocation_job.finish"), 1);
  EXPECT_EQ(metrics_.job_revocations.Value(), 450);
}

TEST_F(RevocationJobRunnerTest, OneThatEndsLeavesTheRestToTheNext) {
  GivenCertificates(300);
  GivenJob("one", 20);
  int64_t before = 0;
  for (int i = 0; i < 5; ++i) {
    const auto runner = NewRunner();
    ASSERT_TRUE(Await(*runner, absl::Milliseconds(500),
                      [&] { return Get("one").revoked > before; }));
    before = Get("one").revoked;
    EXPECT_LT(before, 300);
  }
  const auto runner = NewRunner();
  ASSERT_TRUE(Await(*runner, absl::Seconds(1), [&] {
    return Get("one").state == RevocationJobState::kDone;
  }));
  EXPECT_EQ(Get("one").revoked, 300);
  EXPECT_EQ(Entries("certificate.revoke"), 300);
}

TEST_F(RevocationJobRunnerTest, SeveralWorkOnSeveralJobs) {
  GivenCertificates(500);
  GivenJob("one", 10000);
  GivenJob("two", 10000);
  const auto a = NewRunner();
  const auto b = NewRunner();
  ASSERT_TRUE(Finishes(*a, "one"));
  ASSERT_TRUE(Finishes(*b, "two"));
  const RevocationJobRow one = Get("one");
  const RevocationJobRow two = Get("two");
  EXPECT_EQ(one.revoked + one.already_revoked, 500);
  EXPECT_EQ(two.revoked + two.already_revoked, 500);
  EXPECT_EQ(one.revoked + two.revoked, 500);
  EXPECT_EQ(Entries("certificate.revoke"), 500);
}

TEST_F(RevocationJobRunnerTest, WhatIsPausedInFlightStaysAsItIs) {
  GivenCertificates(100);
  GivenJob("one", 10);
  const auto runner = NewRunner();
  ASSERT_TRUE(Await(*runner, absl::Milliseconds(500),
                    [&] { return Get("one").revoked > 0; }));
  const auto move = [&](RevocationJobState state) {
    ASSERT_OK(world_.revocation_jobs.Move(
        "one",
        [&](RevocationJobRow& row) {
          row.state = state;
          if (state == RevocationJobState::kCancelled) {
            row.end_time = world_.clock.Now();
          }
          return absl::OkStatus();
        },
        [&](const auto&) { return world_.Change(); }));
  };
  move(RevocationJobState::kPaused);
  const int64_t paused_at = Get("one").revoked;
  EXPECT_LT(paused_at, 100);
  for (int i = 0; i < 20; ++i) {
    world_.clock.Advance(absl::Seconds(1));
    runner->Wake();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(Get("one").revoked, paused_at);
  move(RevocationJobState::kRunning);
  ASSERT_TRUE(Await(*runner, absl::Milliseconds(500),
                    [&] { return Get("one").revoked > paused_at; }));
  move(RevocationJobState::kCancelled);
  const int64_t cancelled_at = Get("one").revoked;
  for (int i = 0; i < 20; ++i) {
    world_.clock.Advance(absl::Seconds(1));
    runner->Wake();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(Get("one").revoked, cancelled_at);
  EXPECT_EQ(Get("one").state, RevocationJobState::kCancelled);
  EXPECT_EQ(Entries("certificate.revoke"), cancelled_at);
}

TEST_F(RevocationJobRunnerTest, AFailureIsToldAndTriedAgain) {
  GivenCertificates(5);
  GivenJob("one", 1000);
  world_.database.FailNext(absl::InternalError("relation is secret"));
  const auto runner = NewRunner();
  // Not by the database: its next call fails.
  ASSERT_TRUE(Await(*runner, absl::ZeroDuration(),
                    [&] { return metrics_.job_errors.Value() > 0; }));
  ASSERT_TRUE(Await(*runner, absl::ZeroDuration(),
                    [&] { return !Get("one").last_error.empty(); }));
  EXPECT_EQ(Get("one").last_error, "internal error: see the server's log");
  EXPECT_EQ(metrics_.job_errors.Value(), 1);
  ASSERT_TRUE(Finishes(*runner, "one"));
  EXPECT_EQ(Get("one").revoked, 5);
  EXPECT_EQ(Get("one").last_error, "");
}

TEST_F(RevocationJobRunnerTest, KeepsTheRate) {
  GivenCertificates(100);
  GivenJob("one", 10);
  const absl::Time start = world_.clock.Now();
  const auto runner = NewRunner();
  ASSERT_TRUE(Finishes(*runner, "one"));
  EXPECT_GE(world_.clock.Now() - start, absl::Seconds(8));
}

}  // namespace
}  // namespace birthmark::registration
