#include "services/cli/crl_sync.h"

#include <stdlib.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/fake_clock.h"
#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "nlohmann/json.hpp"
#include "services/cli/crl_testing.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;

const x509::TestCa& Ca() {
  static const x509::TestCa* const ca = new x509::TestCa;
  return *ca;
}

// FakeSource is a service that does as it is told.
class FakeSource : public CrlSource {
 public:
  absl::StatusOr<std::set<int>> ListShards(const std::string& issuer) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!list_failure.ok()) {
      return list_failure;
    }
    std::set<int> shards;
    for (const auto& [name, der] : crls_) {
      if (name.first == issuer) {
        shards.insert(name.second);
      }
    }
    return shards;
  }
  absl::StatusOr<std::string> GetCrl(const CrlName& name) override {
    std::lock_guard<std::mutex> lock(mutex_);
    ++gets_[name];
    if (!get_failure.ok()) {
      return get_failure;
    }
    return crls_.at(name);
  }
  absl::Status Report(int64_t revision, absl::Time next_update) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (report_failure.ok()) {
      reported = revision;
      reported_next_update = next_update;
    }
    return report_failure;
  }
  absl::Status Watch(
      const std::string& token,
      const std::function<void(const CrlNews&)>& on_news) override {
    std::unique_lock<std::mutex> lock(mutex_);
    tokens.push_back(token);
    cancelled_ = false;
    while (true) {
      wake_.wait(lock, [this] {
        return cancelled_ || !news_.empty() || !watch_end.ok();
      });
      if (cancelled_) {
        return absl::CancelledError("cancelled");
      }
      if (!news_.empty()) {
        const CrlNews news = news_.front();
        news_.pop_front();
        lock.unlock();
        on_news(news);
        lock.lock();
        continue;
      }
      return std::exchange(watch_end, absl::OkStatus());
    }
  }
  void CancelWatch() override {
    std::lock_guard<std::mutex> lock(mutex_);
    cancelled_ = true;
    wake_.notify_all();
  }

  void SetCrl(const TestCrl& crl) {
    std::string der = MakeCrl(Ca(), crl);
    std::lock_guard<std::mutex> lock(mutex_);
    crls_[{crl.issuer, crl.shard}] = std::move(der);
  }
  void Tell(CrlNews news) {
    std::lock_guard<std::mutex> lock(mutex_);
    news_.push_back(std::move(news));
    wake_.notify_all();
  }
  void EndWatch(absl::Status status) {
    std::lock_guard<std::mutex> lock(mutex_);
    watch_end = std::move(status);
    wake_.notify_all();
  }
  int gets(const CrlName& name) {
    std::lock_guard<std::mutex> lock(mutex_);
    return gets_[name];
  }

  absl::Status list_failure;
  absl::Status get_failure;
  absl::Status report_failure;
  absl::Status watch_end;
  int64_t reported = 0;
  absl::Time reported_next_update;
  std::deque<std::string> tokens;

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<CrlName, std::string> crls_;
  std::map<CrlName, int> gets_;
  std::deque<CrlNews> news_;
  bool cancelled_ = false;
};

class CrlSyncTest : public testing::Test {
 protected:
  CrlSyncTest() : folder_(testing::TempDir() + "sync.XXXXXX") {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    delivery_.path = folder_ + "/crls.pem";
    options_ = {.issuers = {"idevid", "ldevid"},
                .warn_before = absl::Hours(6),
                .status_file = folder_ + "/status.json"};
    clock_.Advance(absl::Minutes(1));
    source_.SetCrl({.issuer = "idevid", .shard = 0});
    source_.SetCrl({.issuer = "ldevid", .shard = 0});
    source_.SetCrl({.issuer = "ldevid", .shard = 1});
  }

  std::unique_ptr<CrlSync> Sync() {
    return std::make_unique<CrlSync>(options_, source_, MakeCrlSet(Ca()),
                                     CrlDelivery(delivery_, clock_), clock_,
                                     log_);
  }
  int CrlsInFile() const {
    const auto state = ReadCrlFile(delivery_.path);
    return state.ok() ? state->crls : 0;
  }
  std::string File() const { return ReadFile(delivery_.path).value_or(""); }

  FakeClock clock_;
  FakeSource source_;
  std::string folder_;
  CrlSync::Options options_;
  CrlDelivery::Options delivery_;
  std::ostringstream log_;
};

TEST_F(CrlSyncTest, TheFirstStepGetsAll) {
  const auto sync = Sync();
  sync->Hear({{}, "t1", 7});
  ASSERT_OK(sync->Step());
  EXPECT_EQ(CrlsInFile(), 3);
  EXPECT_EQ(sync->enforced(), 7);
  EXPECT_EQ(source_.reported, 7);
  EXPECT_EQ(source_.reported_next_update, x509::TestTime() + absl::Hours(24));
}

TEST_F(CrlSyncTest, AChangeFetchesItsShardAlone) {
  const auto sync = Sync();
  sync->Hear({{}, "t1", 7});
  ASSERT_OK(sync->Step());
  const std::string before = File();
  source_.SetCrl({.issuer = "ldevid", .shard = 1, .number = 2, .entries = 4});
  sync->Hear({{{"ldevid", 1}, {"internal", 0}, {"idevid", -1}}, "t2", 9});
  ASSERT_OK(sync->Step());
  EXPECT_NE(File(), before);
  EXPECT_EQ(sync->enforced(), 9);
  EXPECT_EQ(source_.gets({"ldevid", 1}), 2);
  EXPECT_EQ(source_.gets({"ldevid", 0}), 1);
  // A heartbeat moves the revision, and fetches nothing.
  sync->Hear({{}, "t3", 10});
  ASSERT_OK(sync->Step());
  EXPECT_EQ(source_.reported, 10);
  EXPECT_EQ(source_.gets({"ldevid", 1}), 2);
}

TEST_F(CrlSyncTest, ARevocationOnANewShardBringsTheShard) {
  const auto sync = Sync();
  ASSERT_OK(sync->Step());
  source_.SetCrl({.issuer = "ldevid", .shard = 2, .entries = 1});
  sync->Hear({{{"ldevid", 2}}, "t2", 9});
  ASSERT_OK(sync->Step());
  EXPECT_EQ(CrlsInFile(), 4);
  EXPECT_EQ(sync->enforced(), 9);
}

TEST_F(CrlSyncTest, ANewShardIsFoundByItself) {
  const auto sync = Sync();
  ASSERT_OK(sync->Step());
  source_.SetCrl({.issuer = "ldevid", .shard = 2});
  ASSERT_OK(sync->Step());
  EXPECT_EQ(CrlsInFile(), 3);
  clock_.Advance(CrlSync::kListEvery);
  ASSERT_OK(sync->Step());
  EXPECT_EQ(CrlsInFile(), 4);
}

TEST_F(CrlSyncTest, WhatCannotBeFetchedIsNotClaimed) {
  const auto sync = Sync();
  sync->Hear({{}, "t1", 7});
  ASSERT_OK(sync->Step());
  const std::string before = File();
  source_.get_failure = absl::UnavailableError("away");
  sync->Hear({{{"ldevid", 1}}, "t2", 9});
  EXPECT_THAT(sync->Step(), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(sync->enforced(), 7);
  EXPECT_EQ(File(), before) << "the last good one stays";
  source_.get_failure = absl::OkStatus();
  clock_.Advance(absl::Seconds(5));
  ASSERT_OK(sync->Step());
  EXPECT_EQ(sync->enforced(), 9);
}

TEST_F(CrlSyncTest, AnOlderCrlIsRefused) {
  source_.SetCrl({.issuer = "idevid", .shard = 0, .number = 5});
  const auto sync = Sync();
  sync->Hear({{}, "t1", 7});
  ASSERT_OK(sync->Step());
  const std::string before = File();
  source_.SetCrl({.issuer = "idevid", .shard = 0, .number = 4});
  sync->Hear({{{"idevid", 0}}, "t2", 8});
  EXPECT_THAT(sync->Step(), StatusIs(StatusCode::kFailedPrecondition,
                                     reasons::kCrlNotCurrent));
  EXPECT_EQ(File(), before);
  EXPECT_EQ(sync->enforced(), 7);
}

TEST_F(CrlSyncTest, AFileThatCannotBeWrittenIsTriedAgain) {
  const std::string good = delivery_.path;
  delivery_.path = folder_ + "/none/crls.pem";
  const auto sync = Sync();
  sync->Hear({{}, "t1", 7});
  EXPECT_FALSE(sync->Step().ok());
  EXPECT_EQ(sync->enforced(), 0);
  ASSERT_OK(CreatePrivateDirectory(folder_ + "/none"));
  ASSERT_OK(sync->Step());
  EXPECT_EQ(sync->enforced(), 7);
}

TEST_F(CrlSyncTest, ABrokerThatIsNotToldDoesNotEnforce) {
  delivery_.pid_file = folder_ + "/pid";
  const auto sync = Sync();
  sync->Hear({{}, "t1", 7});
  EXPECT_THAT(sync->Step(),
              StatusIs(StatusCode::kUnavailable, reasons::kNotNotified));
  EXPECT_EQ(CrlsInFile(), 3);
  EXPECT_EQ(sync->enforced(), 0);
}

TEST_F(CrlSyncTest, CrlsAreRenewedInTheMiddleOfTheirLife) {
  const auto sync = Sync();
  ASSERT_OK(sync->Step());
  clock_.Advance(absl::Hours(11));
  ASSERT_OK(sync->Step());
  EXPECT_EQ(source_.gets({"idevid", 0}), 1);
  clock_.Advance(absl::Hours(1));
  ASSERT_OK(sync->Step());
  EXPECT_EQ(source_.gets({"idevid", 0}), 2);
  ASSERT_OK(sync->Step());
  EXPECT_EQ(source_.gets({"idevid", 0}), 2) << "not again at once";
  clock_.Advance(absl::Minutes(1));
  source_.SetCrl({.issuer = "idevid",
                  .shard = 0,
                  .number = 2,
                  .this_update = clock_.Now()});
  ASSERT_OK(sync->Step());
  EXPECT_EQ(source_.gets({"idevid", 0}), 3);
  EXPECT_EQ(sync->Alarm(), "");
}

TEST_F(CrlSyncTest, AnAlarmComesBeforeTheEnd) {
  const auto sync = Sync();
  ASSERT_OK(sync->Step());
  source_.list_failure = absl::UnavailableError("away");
  source_.get_failure = absl::UnavailableError("away");
  clock_.Advance(absl::Hours(17));
  (void)sync->Step();
  EXPECT_EQ(sync->Alarm(), "");
  clock_.Advance(absl::Hours(1));
  (void)sync->Step();
  (void)sync->Step();
  EXPECT_THAT(sync->Alarm(), HasSubstr("runs out at 2026-01-02 00:00:00Z"));
  EXPECT_THAT(log_.str(), HasSubstr("ALARM"));
  EXPECT_EQ(log_.str().find("ALARM"), log_.str().rfind("ALARM"))
      << "once an hour";
  EXPECT_EQ(CrlsInFile(), 3) << "the last good ones stay";
  const auto json =
      nlohmann::json::parse(ReadFile(options_.status_file).value_or("{}"));
  EXPECT_THAT(json["alarm"].get<std::string>(), HasSubstr("runs out"));
  EXPECT_FALSE(json["last_error"].get<std::string>().empty());
  EXPECT_EQ(json["crls"], 3);
  EXPECT_EQ(json["next_update_time"], "2026-01-02T00:00:00Z");
}

TEST_F(CrlSyncTest, AnotherHistoryStartsOver) {
  const auto sync = Sync();
  sync->Hear({{}, "t1", 7});
  ASSERT_OK(sync->Step());
  EXPECT_EQ(sync->token(), "t1");
  sync->EndOfFeed(absl::UnavailableError("away"));
  EXPECT_EQ(sync->token(), "t1");
  sync->EndOfFeed(MakeError(StatusCode::kOutOfRange,
                            birthmark::reasons::kResumeTokenUnknown, "x"));
  EXPECT_EQ(sync->token(), "");
  ASSERT_OK(sync->Step());
  EXPECT_EQ(source_.gets({"ldevid", 1}), 2) << "all CRLs anew";
}

TEST_F(CrlSyncTest, OnceGetsAllAndReports) {
  source_.Tell({{}, "t1", 7});
  ASSERT_OK(Sync()->RunOnce());
  EXPECT_EQ(CrlsInFile(), 3);
  EXPECT_EQ(source_.reported, 7);
}

TEST_F(CrlSyncTest, OnceFailsIfAnythingFails) {
  source_.EndWatch(absl::UnavailableError("no feed"));
  EXPECT_THAT(Sync()->RunOnce(), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(CrlsInFile(), 3) << "what can be had is had";
  source_.Tell({{}, "t1", 7});
  clock_.Advance(absl::Hours(19));
  EXPECT_THAT(Sync()->RunOnce(),
              StatusIs(StatusCode::kFailedPrecondition, reasons::kCrlExpires));
}

TEST_F(CrlSyncTest, RunningItFollowsTheFeedThroughABreak) {
  source_.Tell({{}, "t1", 7});
  CrlSync sync(options_, source_, MakeCrlSet(Ca()),
               CrlDelivery(delivery_, Clock::Real()), clock_, log_);
  std::atomic<bool> stop{false};
  std::thread runner([&] { sync.Run(stop); });
  const auto eventually = [&](int64_t revision) {
    for (int i = 0; i < 1000 && sync.enforced() != revision; ++i) {
      clock_.Advance(absl::Milliseconds(20));
      absl::SleepFor(absl::Milliseconds(10));
    }
    return sync.enforced() == revision;
  };
  EXPECT_TRUE(eventually(7));
  source_.EndWatch(absl::UnavailableError("the server restarts"));
  source_.SetCrl({.issuer = "idevid", .shard = 0, .number = 2, .entries = 1});
  source_.Tell({{{"idevid", 0}}, "t2", 8});
  EXPECT_TRUE(eventually(8));
  stop = true;
  runner.join();
  EXPECT_GE(source_.tokens.size(), 1u);
  EXPECT_EQ(source_.gets({"idevid", 0}), 2);
}

}  // namespace
}  // namespace birthmark::cli
