// Streams that race for the same keys, item ids and boards, thousands of times:
// the same batch twice, two lines of a fleet, two fleets, through two processes
// of `registration` that know nothing of each other. Whatever the order, each
// thing gets one owner, everybody else is told why not, and the database is
// what the lines were told.
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/base/clock.h"
#include "tests/integration/race_contest.h"
#include "tests/integration/race_judge.h"
#include "tests/integration/race_lane.h"
#include "tests/support/deployment.h"

namespace birthmark::tests {
namespace {

using ::testing::Each;
using ::testing::Gt;

constexpr int kRounds = 10;
constexpr int kContestsPerRound = 400;
// Streams that wait for each other in a circle, or rerun for ever, are not done
// by then.
constexpr absl::Duration kBound = absl::Minutes(5);

class RacesTest : public testing::Test {
 protected:
  RacesTest() {
    const std::string config = deployment_.home() + "/config/registration";
    WriteFile(config + "-2.textproto",
              absl::StrReplaceAll(
                  ReadAll(config + ".textproto"),
                  {{"/registration.sock", "/registration-2.sock"},
                   {"/journal/registration", "/journal/registration-2"}}));
    deployment_.Start("registration-2");
  }

  // AddLane opens a stream of FLEET/LINE, made with `quota` if it is new.
  void AddLane(const std::string& role, const std::string& fleet,
               const std::string& line, int quota = 0) {
    std::string& identity = identities_[absl::StrCat(fleet, "/", line)];
    if (identity.empty()) {
      identity = deployment_.CreateLine(fleet, line, Lane::kModel, quota);
    }
    lanes_.push_back(
        std::make_unique<Lane>(deployment_, role, identity, fleet, line));
    const absl::Status opened = lanes_.back()->Open("b1");
    ASSERT_TRUE(opened.ok()) << opened;
  }

  // Race has all lanes send their items of `round` at once.
  std::vector<std::vector<Told>> Race(const Round& round) {
    std::vector<std::vector<Told>> told(lanes_.size());
    absl::Notification done;
    std::thread watchdog([&] {
      if (!done.WaitForNotificationWithTimeout(kBound)) {
        ADD_FAILURE() << "the streams hang";
        for (const auto& lane : lanes_) {
          lane->Cancel();
        }
      }
    });
    std::vector<std::thread> threads;
    for (size_t lane = 0; lane < lanes_.size(); ++lane) {
      threads.emplace_back([&, lane, seed = random_()] {
        std::mt19937 random(seed);
        auto answers = lanes_[lane]->Issue(round.items[lane], random);
        ASSERT_TRUE(answers.ok()) << answers.status();
        told[lane] = *std::move(answers);
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    done.Notify();
    watchdog.join();
    return told;
  }

  // ExpectNoDeadlock ends the sessions first: then their statistics are there.
  void ExpectNoDeadlock() {
    lanes_.clear();
    deployment_.process("registration").Stop();
    deployment_.process("registration-2").Stop();
    EXPECT_EQ(deployment_.Sql("SELECT deadlocks FROM pg_stat_database "
                              "WHERE datname = 'birthmark'"),
              "0")
        << deployment_.postgres().Deadlocks();
    RecordProperty("rolled_back",
                   deployment_.Sql("SELECT xact_rollback FROM pg_stat_database "
                                   "WHERE datname = 'birthmark'"));
  }

  const uint32_t seed_ =
      testing::GTEST_FLAG(random_seed) != 0
          ? static_cast<uint32_t>(testing::GTEST_FLAG(random_seed))
          : std::random_device()();
  const testing::ScopedTrace trace_{__FILE__, __LINE__,
                                    absl::StrCat("random_seed=", seed_)};
  std::mt19937 random_{seed_};
  Deployment deployment_;
  std::map<std::string, std::string> identities_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

TEST_F(RacesTest, EachContestHasOneWinnerAndTheOthersKnowWhy) {
  AddLane("registration", "acme", "l1");
  AddLane("registration-2", "acme", "l1");
  AddLane("registration", "acme", "l2");
  AddLane("registration-2", "bolt", "l1");
  ASSERT_FALSE(HasFatalFailure());
  RoundMaker maker(random_);
  RaceJudge judge(lanes_);
  absl::Duration racing;
  for (int n = 0; n < kRounds; ++n) {
    const Round round = maker.Make(kContestsPerRound);
    const absl::Duration start = Clock::Real().MonotonicNow();
    const auto told = Race(round);
    racing += Clock::Real().MonotonicNow() - start;
    ASSERT_FALSE(HasFailure());
    judge.Compare(round, told);
  }
  EXPECT_LT(racing, kBound);
  RecordProperty("racing", absl::FormatDuration(racing));
  judge.CompareWithDatabase(deployment_);
  EXPECT_THAT(judge.wins(), Each(Gt(0))) << "nobody was in anybody's way";
  ExpectNoDeadlock();
}

TEST_F(RacesTest, TheLastOfAQuotaGoesToAsManyAsThereAre) {
  constexpr int kQuota = 700;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    AddLane(lane % 2 == 0 ? "registration" : "registration-2", "acme", "l1",
            kQuota);
    ASSERT_FALSE(HasFatalFailure());
  }
  RoundMaker maker(random_);
  RaceJudge judge(lanes_);
  const Round round = maker.MakeFree(/*items_per_lane=*/300);
  judge.Compare(round, Race(round));
  judge.CompareWithDatabase(deployment_);
  EXPECT_EQ(std::accumulate(judge.wins().begin(), judge.wins().end(), 0),
            kQuota);
  ExpectNoDeadlock();
}

}  // namespace
}  // namespace birthmark::tests
