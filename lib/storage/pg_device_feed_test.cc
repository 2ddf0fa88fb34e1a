// The feed of devices on PostgreSQL: nothing is lost, nothing comes twice,
// whoever commits when.

#include "lib/storage/pg_device_feed.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/hash.h"
#include "lib/storage/database.h"
#include "lib/storage/session.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using tests::PostgresCluster;

class DeviceFeedTest : public testing::Test {
 protected:
  DeviceFeedTest() { PostgresCluster::Shared().Empty(Name()); }

  static const std::string& Name() {
    static const auto& name =
        *new std::string(PostgresCluster::Shared().CreateDatabase());
    return name;
  }
  static std::unique_ptr<Database> Open(absl::string_view role,
                                        int connections) {
    auto database = Database::Open(PostgresCluster::Shared().Dsn(Name(), role),
                                   connections);
    EXPECT_OK(database);
    return *std::move(database);
  }

  std::string NewId() {
    const int n = ++ids_;
    // The ids are in no order: clocks and threads are as they are.
    return FormatUid(absl::FromUnixSeconds(1795000000 + (n * 7919) % 1000),
                     crypto::Sha256(absl::StrCat(n)).substr(0, 10));
  }

  static std::string Insert(const std::string& event_id, int month = 11) {
    return absl::StrCat(
        "INSERT INTO device_events (device_uid, fleet_id, event_id, kind, "
        "from_state, to_state, actor, reason, details, create_time) VALUES "
        "(gen_random_uuid(), 'acme', '",
        event_id, "', 'renewed', 2, 2, 'x', '', '{\"a\": \"b\"}', '2026-",
        month, "-05 00:00:00+00');");
  }
  // Executes `sql` in a transaction that commits when `done` returns.
  template <typename Done>
  void Write(const std::string& sql, const Done& done) {
    EXPECT_OK(owner_->Transact([&](Session& session) {
      session.ExecScript(sql);
      done();
      return absl::OkStatus();
    }));
  }
  void Write(const std::string& sql) {
    Write(sql, [] {});
  }

  std::vector<std::string> Ids(const std::vector<FeedEvent>& events) {
    std::vector<std::string> ids;
    for (const FeedEvent& event : events) {
      ids.push_back(event.event.event_id);
    }
    return ids;
  }

  const std::unique_ptr<Database> owner_ = Open(PostgresCluster::kOwner, 10);
  const std::unique_ptr<Database> inventory_ =
      Open(PostgresCluster::kInventory, 2);
  PgDeviceFeed feed_{*inventory_};
  std::atomic<int> ids_{0};
};

TEST_F(DeviceFeedTest, ReadsOnFromWhereItWas) {
  ASSERT_OK_AND_ASSIGN(const FeedPosition empty, feed_.Head());
  EXPECT_EQ(empty, FeedPosition());
  EXPECT_OK(feed_.Check(empty));
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(NewId());
    // A month is another partition.
    Write(Insert(ids.back(), 12 - i % 3));
  }
  ASSERT_OK_AND_ASSIGN(const auto two, feed_.Read(empty, 2));
  EXPECT_THAT(Ids(two), ElementsAre(ids[0], ids[1]));
  ASSERT_OK_AND_ASSIGN(const auto rest, feed_.Read(two[1].position, 10));
  EXPECT_THAT(Ids(rest), ElementsAre(ids[2], ids[3], ids[4]));
  EXPECT_EQ(rest[0].event.fleet_id, "acme");
  EXPECT_EQ(rest[0].event.kind, "renewed");
  EXPECT_EQ(rest[0].event.details.at("a"), "b");
  ASSERT_OK_AND_ASSIGN(const FeedPosition head, feed_.Head());
  EXPECT_EQ(head, rest[2].position);
  EXPECT_OK(feed_.Check(head));
  ASSERT_OK_AND_ASSIGN(const auto none, feed_.Read(head, 10));
  EXPECT_THAT(none, IsEmpty());
}

TEST_F(DeviceFeedTest, WaitsForTheOldestTransactionThatWrites) {
  const std::string slow = NewId();
  const std::string fast = NewId();
  Write(Insert(slow), [&] {
    Write(Insert(fast));
    ASSERT_OK_AND_ASSIGN(const auto events, feed_.Read({}, 10));
    EXPECT_THAT(events, IsEmpty());
    ASSERT_OK_AND_ASSIGN(const FeedPosition head, feed_.Head());
    EXPECT_EQ(head, FeedPosition());
  });
  ASSERT_OK_AND_ASSIGN(const auto events, feed_.Read({}, 10));
  EXPECT_THAT(Ids(events), ElementsAre(slow, fast));
}

TEST_F(DeviceFeedTest, KnowsThePositionsOfItsHistoryOnly) {
  Write(Insert(NewId()));
  ASSERT_OK_AND_ASSIGN(const FeedPosition head, feed_.Head());
  for (const FeedPosition& other :
       {FeedPosition{head.xid + 1000000, head.event_id},
        FeedPosition{head.xid, NewId()}, FeedPosition{head.xid, "x"},
        FeedPosition{-1, head.event_id}}) {
    EXPECT_THAT(feed_.Check(other), StatusIs(absl::StatusCode::kOutOfRange,
                                             reasons::kResumeTokenUnknown));
  }
}

TEST_F(DeviceFeedTest, LosesNothingAndTellsNothingTwice) {
  constexpr int kWriters = 8;
  constexpr int kEach = 60;
  std::atomic<int> running{kWriters};
  std::mutex mutex;
  std::set<std::string> written;  // and committed; under mutex
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      std::mt19937 random(w);
      for (int i = 0; i < kEach; ++i) {
        std::vector<std::string> ids;
        std::string sql;
        for (size_t n = 1 + random() % 4; n > 0; --n) {
          ids.push_back(NewId());
          sql += Insert(ids.back(), 10 + static_cast<int>(random() % 3));
        }
        // The first two hold their transactions open for long, so that many
        // that began later commit before.
        const bool fails = random() % 10 == 0;
        const absl::Status status = owner_->Transact([&](Session& session) {
          session.ExecScript(sql);
          std::this_thread::sleep_for(
              std::chrono::milliseconds(w < 2 ? 40 : random() % 4));
          return fails ? absl::NotFoundError("undone") : absl::OkStatus();
        });
        EXPECT_EQ(status.ok(), !fails) << status;
        if (!fails) {
          std::lock_guard<std::mutex> lock(mutex);
          written.insert(ids.begin(), ids.end());
        }
      }
      --running;
    });
  }
  FeedPosition position;
  std::vector<std::string> told;
  for (bool last = false; !last;) {
    last = running == 0;
    while (true) {
      const auto events = feed_.Read(position, 7);
      ASSERT_OK(events);
      if (events->empty()) {
        break;
      }
      for (const FeedEvent& event : *events) {
        EXPECT_LT(position, event.position);
        position = event.position;
        told.push_back(event.event.event_id);
      }
      // Somebody resumes there.
      EXPECT_OK(feed_.Check(position));
    }
  }
  for (std::thread& writer : writers) {
    writer.join();
  }
  EXPECT_EQ(told.size(), written.size());
  EXPECT_EQ(std::set<std::string>(told.begin(), told.end()), written);
}

}  // namespace
}  // namespace birthmark::storage
