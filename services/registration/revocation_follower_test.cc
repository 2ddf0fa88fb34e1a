#include "services/registration/revocation_follower.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/fake_clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/telemetry/log.h"
#include "lib/telemetry/metrics.h"
#include "services/registration/journal_repair.h"
#include "services/registration/revocation_testing.h"

namespace birthmark::registration {
namespace {

using storage::RevocationState;

class RevocationFollowerTest : public testing::Test {
 protected:
  std::unique_ptr<RevocationFollower> Start(
      storage::RevocationJournal* journal) {
    auto follower = RevocationFollower::New(log_, journal, Clock::Real(),
                                            metrics_, listener_.Listen());
    EXPECT_OK(follower);
    return follower.ok() ? *std::move(follower) : nullptr;
  }

  bool JournalHas(size_t count) {
    return Eventually([&] { return journal_.changes().size() == count; });
  }

  telemetry::Registry registry_;
  Metrics metrics_{registry_};
  TestLog log_;
  TestJournal journal_;
  TestListener listener_;
};

TEST_F(RevocationFollowerTest, WhatIsNotifiedIsJournalledAndPublished) {
  log_.Commit(MakeChange(1));
  const auto follower = Start(&journal_);
  EXPECT_EQ(journal_.changes().size(), 1u) << "before it serves";
  EXPECT_EQ(follower->view().revision, 1);
  log_.Commit(MakeChange(2));
  log_.Commit(MakeChange(3));
  listener_.Notify();
  EXPECT_TRUE(JournalHas(3));
  EXPECT_EQ(follower->view().revision, 3);
  EXPECT_EQ(follower->Since(1, 10)->size(), 2u);
  EXPECT_EQ(follower->Since(2, 10)->front().revision, 3);
  EXPECT_EQ(follower->Since(1, 1)->size(), 1u);
  EXPECT_TRUE(follower->Since(3, 10)->empty());
  EXPECT_FALSE(follower->Since(0, 10).has_value()) << "from before its start";
  EXPECT_TRUE(Eventually([&] {
    return metrics_.revision.Value() == 3 &&
           metrics_.journal_revision.Value() == 3;
  }));
}

TEST_F(RevocationFollowerTest, ARevocationIsSettledWithoutANotification) {
  const auto follower = Start(&journal_);
  log_.Commit(MakeChange(1));
  follower->Settle();
  EXPECT_EQ(journal_.changes().size(), 1u);
  EXPECT_EQ(metrics_.journal_errors.Value(), 0);
}

TEST_F(RevocationFollowerTest, ThoseWhoSettleTogetherShareTheWork) {
  const auto follower = Start(&journal_);
  journal_.Delay(absl::Milliseconds(200));
  std::vector<std::thread> threads;
  for (int i = 0; i < 30; ++i) {
    threads.emplace_back([&, i] {
      const int64_t revision = log_.Commit(MakeChange(i));
      follower->Settle();
      EXPECT_GE(journal_.highest(), revision);
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(journal_.changes().size(), 30u);
  EXPECT_LT(journal_.appends(), 15);
}

TEST_F(RevocationFollowerTest, AJournalThatCannotBeWrittenKeepsNobody) {
  journal_.Fail(MakeError(absl::StatusCode::kUnavailable,
                          reasons::kJournalUnavailable, "the disk is full"));
  log_.Commit(MakeChange(1));
  const auto follower = Start(&journal_);
  ASSERT_NE(follower, nullptr);
  log_.Commit(MakeChange(2));
  telemetry::CaptureLogs logs;
  follower->Settle();
  EXPECT_EQ(metrics_.journal_errors.Value(), 1);
  bool logged = false;
  for (const std::string& line : logs.lines()) {
    logged = logged || absl::StrContains(line, "revocation_not_in_journal");
  }
  EXPECT_TRUE(logged);
  EXPECT_EQ(follower->Since(1, 10)->size(), 1u) << "verifiers are told";
  journal_.Fail(absl::OkStatus());
  EXPECT_TRUE(JournalHas(2)) << "it is tried again";
  EXPECT_EQ(journal_.changes()[0].revision, 1);
}

TEST_F(RevocationFollowerTest, AJournalThatHangsKeepsNobodyForLong) {
  const auto follower = Start(&journal_);
  journal_.Delay(absl::Seconds(8));
  log_.Commit(MakeChange(1));
  const absl::Duration begin = Clock::Real().MonotonicNow();
  follower->Settle();
  EXPECT_LT(Clock::Real().MonotonicNow() - begin, absl::Seconds(7));
  EXPECT_EQ(metrics_.journal_errors.Value(), 1);
}

TEST_F(RevocationFollowerTest, WithoutAJournalItWarnsAndFollows) {
  telemetry::CaptureLogs logs;
  const auto follower = Start(nullptr);
  ASSERT_EQ(logs.lines().size(), 1u);
  EXPECT_TRUE(absl::StrContains(logs.lines()[0], "no_revocation_journal"));
  log_.Commit(MakeChange(1));
  listener_.Notify();
  EXPECT_TRUE(Eventually([&] { return follower->view().revision == 1; }));
  follower->Settle();
}

TEST_F(RevocationFollowerTest, AnUnreadableDatabaseFailsTheStart) {
  log_.Fail(absl::UnavailableError("gone"));
  EXPECT_THAT(RevocationFollower::New(log_, &journal_, Clock::Real(), metrics_,
                                      listener_.Listen()),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(RevocationFollowerTest, AfterAnOutageNothingIsMissing) {
  const auto follower = Start(&journal_);
  log_.Fail(absl::UnavailableError("gone"));
  listener_.Notify();
  log_.Commit(MakeChange(1));
  log_.Commit(MakeChange(2));
  log_.Fail(absl::OkStatus());
  listener_.Connect();
  EXPECT_TRUE(JournalHas(2));
}

TEST_F(RevocationFollowerTest, ARestoredDatabaseIsRepairedAtStart) {
  for (int i = 1; i <= 10; ++i) {
    log_.Commit(MakeChange(i));
  }
  { const auto follower = Start(&journal_); }
  log_.SetBack(4);
  telemetry::CaptureLogs logs;
  const auto follower = Start(&journal_);
  EXPECT_EQ(log_.changes().size(), 10u);
  EXPECT_EQ(log_.changes()[4].revision, 10 + kLeap + 1);
  EXPECT_EQ(metrics_.revocations_restored.Value(), 6);
  ASSERT_EQ(log_.audit().size(), 6u);
  EXPECT_EQ(log_.audit()[0].actor, "birthmark:journal");
  EXPECT_TRUE(
      absl::StartsWith(log_.audit()[0].resource, "issuers/idevid/certificate"));
  bool said = false;
  for (const std::string& line : logs.lines()) {
    said = said ||
           absl::StrContains(line,
                             "the database is behind the revocation journal: 6 "
                             "of 10 revocations brought back");
  }
  EXPECT_TRUE(said);
  EXPECT_EQ(journal_.last()->revision, log_.changes().back().revision);
}

TEST_F(RevocationFollowerTest, ARestoredDatabaseIsRepairedAtAReconnect) {
  const auto follower = Start(&journal_);
  for (int i = 1; i <= 5; ++i) {
    log_.Commit(MakeChange(i));
  }
  follower->Settle();
  const int64_t history = follower->view().history;
  log_.SetBack(2);
  // Somebody without a journal was there first, and gave 3 another meaning.
  log_.Commit(MakeChange(77));
  listener_.Connect();
  EXPECT_TRUE(Eventually([&] { return log_.changes().size() == 6u; }));
  EXPECT_TRUE(
      Eventually([&] { return follower->view().history == history + 1; }));
  EXPECT_TRUE(Eventually([&] {
    for (const auto& change : journal_.changes()) {
      if (change.serial == MakeChange(77).serial) {
        return true;
      }
    }
    return false;
  })) << "the journal learns what it has missed";
  EXPECT_FALSE(follower->Since(5, 10).has_value());
}

// Nothing live was lost, so that nothing comes back and the latest revision
// stays below the journal's until somebody revokes.
TEST_F(RevocationFollowerTest, ARepairHappensOnce) {
  storage::RevocationChange expired = MakeChange(3);
  expired.not_after = absl::UnixEpoch();
  for (const int kept : {2, 0}) {
    TestLog log;
    TestJournal journal;
    const auto start = [&] {
      auto follower = RevocationFollower::New(log, &journal, Clock::Real(),
                                              metrics_, listener_.Listen());
      EXPECT_OK(follower);
      return *std::move(follower);
    };
    for (int i = 1; i <= kept; ++i) {
      log.Commit(MakeChange(i));
    }
    log.Commit(expired);
    { const auto follower = start(); }
    log.SetBack(kept);
    { const auto follower = start(); }
    EXPECT_EQ(log.skips(), 1);
    EXPECT_EQ(log.changes().size(), static_cast<size_t>(kept));
    {
      const auto follower = start();
      listener_.Connect();
      follower->Settle();
      EXPECT_EQ(follower->view().history, 1);
    }
    EXPECT_EQ(log.skips(), 1);

    // And again if the same backup is restored again: what would be given next
    // was given before.
    log.SetBack(kept);
    { const auto follower = start(); }
    EXPECT_EQ(log.skips(), 2);
    EXPECT_EQ(log.Commit(MakeChange(9)), kept + 1 + kLeap + 1);
  }
}

TEST_F(RevocationFollowerTest, AConsistentDatabaseIsLeftAlone) {
  const auto follower = Start(&journal_);
  log_.Commit(MakeChange(1));
  follower->Settle();
  listener_.Connect();
  log_.Commit(MakeChange(2));
  follower->Settle();
  EXPECT_EQ(follower->view().history, 1);
  EXPECT_EQ(log_.changes().back().revision, 2);
}

TEST_F(RevocationFollowerTest, ItSaysWhetherItIsAlive) {
  FakeClock clock;
  const auto follower = *RevocationFollower::New(log_, &journal_, clock,
                                                 metrics_, listener_.Listen());
  EXPECT_TRUE(follower->view().alive) << "it has just read the database";
  clock.Advance(RevocationFollower::kAliveTime + absl::Seconds(1));
  EXPECT_FALSE(follower->view().alive);
  listener_.Beat();
  EXPECT_TRUE(follower->view().alive);
}

TEST_F(RevocationFollowerTest, WhatIsKeptIsBounded) {
  const auto follower = Start(nullptr);
  const int many = static_cast<int>(RevocationFollower::kKept) + 500;
  for (int i = 0; i < many; ++i) {
    log_.Commit(MakeChange(i));
  }
  listener_.Notify();
  EXPECT_TRUE(Eventually([&] { return follower->view().revision == many; }));
  EXPECT_FALSE(follower->Since(499, 10).has_value());
  EXPECT_EQ(follower->Since(500, 10)->front().revision, 501);
}

}  // namespace
}  // namespace birthmark::registration
