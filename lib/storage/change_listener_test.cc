#include "lib/storage/change_listener.h"

#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/storage/database.h"
#include "lib/storage/session.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using tests::PostgresCluster;

// Heard keeps what a listener told. Thread-safe.
class Heard {
 public:
  ChangeListener::Callbacks Callbacks() {
    return {
        .on_connected =
            [this] {
              Note([this] { ++connections_; });
              const std::lock_guard<std::mutex> lock(mutex_);
              return std::exchange(refusal_, absl::OkStatus());
            },
        .on_notification =
            [this](absl::string_view channel, absl::string_view payload) {
              Note([&] {
                heard_.push_back(absl::StrCat(channel, ":", payload));
              });
            },
        .on_alive =
            [this] { Note([this] { beats_.push_back(steady_clock::now()); }); },
        .on_lost =
            [this](const absl::Status& status) {
              Note([&] { losses_.push_back(status); });
            }};
  }
  // Refuse has the next on_connected fail.
  void Refuse(absl::Status status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    refusal_ = std::move(status);
  }
  // Until waits for `condition`, thirty seconds at most.
  bool Until(const std::function<bool()>& condition) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, seconds(30), condition);
  }
  bool Connects(int times) {
    return Until([&] { return connections_ >= times; });
  }
  bool Hears(size_t count) {
    return Until([&] { return heard_.size() >= count; });
  }
  bool Beats(size_t times) {
    return Until([&] { return beats_.size() >= times; });
  }
  std::vector<std::string> heard() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return heard_;
  }
  std::vector<absl::Status> losses() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return losses_;
  }
  std::vector<steady_clock::time_point> beats() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return beats_;
  }
  int connections() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return connections_;
  }

 private:
  void Note(const std::function<void()>& change) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      change();
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  absl::Status refusal_;
  int connections_ = 0;
  std::vector<steady_clock::time_point> beats_;
  std::vector<std::string> heard_;
  std::vector<absl::Status> losses_;
};

class ChangeListenerTest : public testing::Test {
 protected:
  ChangeListener::Options Options(int ownership = 0) {
    return {
        .dsn = PostgresCluster::Shared().Dsn(name_, PostgresCluster::kStatus),
        .channels = {"first", "Second \"quoted\""},
        .ownership = ownership,
        .heartbeat = absl::Milliseconds(100)};
  }
  void Notify(const std::string& channel, const std::string& payload) {
    EXPECT_OK(database_->Transact([&](Session& session) {
      session.ExecScript(absl::StrCat("NOTIFY ", channel, ", '", payload, "'"));
      return absl::OkStatus();
    }));
  }
  static bool Eventually(const std::function<bool()>& condition,
                         milliseconds patience = seconds(30)) {
    const auto deadline = steady_clock::now() + patience;
    while (!condition() && steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(5));
    }
    return condition();
  }
  void KillBackends(const std::string& which) {
    PostgresCluster::Shared().Sql(
        "postgres",
        absl::StrCat("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                     "WHERE usename = 'birthmark_status' AND datname = '",
                     name_, "' ", which));
  }

  const std::string name_ = PostgresCluster::Shared().CreateDatabase();
  const std::unique_ptr<Database> database_ = *Database::Open(
      PostgresCluster::Shared().Dsn(name_, PostgresCluster::kOwner), 2);
  Heard heard_;
};

TEST_F(ChangeListenerTest, HearsItsChannelsAtOnce) {
  const auto listener = ChangeListener::Start(Options(), heard_.Callbacks());
  ASSERT_TRUE(heard_.Connects(1));
  ASSERT_TRUE(heard_.Beats(1));
  EXPECT_TRUE(listener->connected());
  EXPECT_FALSE(listener->owner());
  const auto start = steady_clock::now();
  Notify("first", "a");
  Notify("third", "nothing");
  Notify("\"Second \"\"quoted\"\"\"", "b");
  ASSERT_TRUE(heard_.Hears(2));
  EXPECT_LT(steady_clock::now() - start, seconds(5));
  EXPECT_THAT(heard_.heard(), ElementsAre("first:a", "Second \"quoted\":b"));
  EXPECT_THAT(heard_.losses(), IsEmpty());
}

TEST_F(ChangeListenerTest, HearsRevocationsAndCrlsWhenTheyAreCommitted) {
  ChangeListener::Options options = Options();
  options.channels = {kRevocationsChannel, kCrlsChannel};
  const auto listener = ChangeListener::Start(options, heard_.Callbacks());
  ASSERT_TRUE(heard_.Connects(1));
  const auto start = steady_clock::now();
  EXPECT_OK(database_->Transact([](Session& session) {
    session.ExecScript(
        "INSERT INTO revocations VALUES (substring(sha256('') for 16), 'i', 3, "
        "'2027-01-01', 2, 1, 'a', 2, '2026-01-01', NULL, '2026-01-01');"
        "UPDATE revocations SET reason = 4");
    return absl::OkStatus();
  }));
  ASSERT_TRUE(heard_.Hears(1));
  EXPECT_LT(steady_clock::now() - start, seconds(5));
  EXPECT_OK(database_->Transact([](Session& session) {
    session.ExecScript(
        "INSERT INTO crls VALUES ('i', 3, 1, 1, '2026-01-01', '2026-01-02', "
        "'2026-01-01', 1, '')");
    return absl::OkStatus();
  }));
  ASSERT_TRUE(heard_.Hears(2));
  EXPECT_THAT(heard_.heard(), ElementsAre("revocations:", "crls:i/3"));
}

TEST_F(ChangeListenerTest, BeatsAsOftenAsToldAndNotMore) {
  const auto listener = ChangeListener::Start(Options(), heard_.Callbacks());
  ASSERT_TRUE(heard_.Beats(6));
  const auto beats = heard_.beats();
  EXPECT_GE(beats[5] - beats[0], milliseconds(400));
}

TEST_F(ChangeListenerTest, ComesBackAfterTheServerRestarts) {
  const auto listener = ChangeListener::Start(Options(7), heard_.Callbacks());
  ASSERT_TRUE(heard_.Connects(1));
  ASSERT_TRUE(Eventually([&] { return listener->owner(); }));
  PostgresCluster::Shared().Stop();
  ASSERT_TRUE(Eventually([&] { return !listener->connected(); }));
  EXPECT_FALSE(listener->owner());
  ASSERT_TRUE(Eventually([&] { return !heard_.losses().empty(); }));
  std::this_thread::sleep_for(milliseconds(500));
  // Told once, however often it tried.
  ASSERT_THAT(heard_.losses(), SizeIs(1));
  EXPECT_THAT(heard_.losses()[0], StatusIs(absl::StatusCode::kUnavailable,
                                           reasons::kDatabaseOffline));
  PostgresCluster::Shared().Start();
  ASSERT_TRUE(heard_.Connects(2));
  Notify("first", "again");
  ASSERT_TRUE(heard_.Hears(1));
  EXPECT_TRUE(Eventually([&] { return listener->owner(); }));
}

TEST_F(ChangeListenerTest, TriesAgainIfItsCallerWasNotReady) {
  heard_.Refuse(absl::InternalError("not yet"));
  const auto listener = ChangeListener::Start(Options(), heard_.Callbacks());
  ASSERT_TRUE(heard_.Connects(2));
  ASSERT_TRUE(heard_.Beats(1));
  EXPECT_THAT(heard_.losses(),
              ElementsAre(StatusIs(absl::StatusCode::kInternal)));
}

TEST_F(ChangeListenerTest, HasOneOwnerAndAnotherWhenItsConnectionDies) {
  Heard other_heard;
  auto first = ChangeListener::Start(Options(7), heard_.Callbacks());
  ASSERT_TRUE(Eventually([&] { return first->owner(); }));
  auto second = ChangeListener::Start(Options(7), other_heard.Callbacks());
  auto bystander = ChangeListener::Start(Options(8), other_heard.Callbacks());
  ASSERT_TRUE(Eventually([&] { return bystander->owner(); }));
  ASSERT_TRUE(other_heard.Beats(6));
  EXPECT_TRUE(first->owner());
  EXPECT_FALSE(second->owner());
  // Whose connection breaks is no owner; who takes over does not matter.
  KillBackends(
      "AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' "
      "AND classid = 16973 AND objid = 7)");
  EXPECT_TRUE(Eventually([&] { return heard_.losses().size() == 1; }));
  EXPECT_TRUE(Eventually([&] { return first->owner() != second->owner(); }));
  // Whoever ends leaves it to the other.
  auto& owner = first->owner() ? first : second;
  auto& heir = first->owner() ? second : first;
  owner.reset();
  EXPECT_TRUE(Eventually([&] { return heir->owner(); }));
}

TEST_F(ChangeListenerTest, GoesOnTryingWithoutADatabaseAndEndsAtOnce) {
  ChangeListener::Options options = Options(7);
  options.dsn = "host=/nowhere dbname=birthmark";
  auto listener = ChangeListener::Start(options, heard_.Callbacks());
  ASSERT_TRUE(Eventually([&] { return heard_.losses().size() == 1; }));
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_FALSE(listener->connected());
  EXPECT_THAT(heard_.losses(), SizeIs(1));
  const auto start = steady_clock::now();
  listener.reset();
  EXPECT_LT(steady_clock::now() - start, seconds(5));
  EXPECT_EQ(heard_.connections(), 0);
}

TEST_F(ChangeListenerTest, EndsAtOnceThoughTheServerIsSilent) {
  auto listener = ChangeListener::Start(Options(), heard_.Callbacks());
  ASSERT_TRUE(heard_.Beats(1));
  std::vector<pid_t> stopped = PostgresCluster::Shared().children();
  for (const pid_t child : stopped) {
    kill(child, SIGSTOP);
  }
  std::this_thread::sleep_for(milliseconds(300));
  const auto start = steady_clock::now();
  listener.reset();
  EXPECT_LT(steady_clock::now() - start, seconds(5));
  for (const pid_t child : stopped) {
    kill(child, SIGCONT);
  }
}

TEST_F(ChangeListenerTest, GivesUpAServerThatIsSilent) {
  const auto listener = ChangeListener::Start(Options(), heard_.Callbacks());
  ASSERT_TRUE(heard_.Beats(1));
  const std::string pid = PostgresCluster::Shared().Sql(
      "postgres",
      "SELECT pid FROM pg_stat_activity WHERE usename = "
      "'birthmark_status' AND datname = '" +
          name_ + "'");
  ASSERT_THAT(pid, Not(IsEmpty()));
  kill(std::stoi(pid), SIGSTOP);
  EXPECT_TRUE(heard_.Connects(2));
  EXPECT_THAT(heard_.losses(), SizeIs(1));
  kill(std::stoi(pid), SIGCONT);
}

}  // namespace
}  // namespace birthmark::storage
