#include "services/ca/shard_places.h"

#include <limits>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "lib/base/fake_clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/storage/fake_crl_shard_store.h"
#include "lib/storage/fake_database.h"

namespace birthmark::ca {
namespace {

using ::testing::ElementsAre;

// CountingStore remembers what it was asked for.
class CountingStore : public storage::FakeCrlShardStore {
 public:
  using FakeCrlShardStore::FakeCrlShardStore;

  absl::StatusOr<storage::ShardLease> Lease(absl::string_view issuer_id,
                                            int needed, int wanted,
                                            int capacity, absl::Time live_until,
                                            absl::Time now) override {
    wanted_.push_back(wanted);
    live_until_ = live_until;
    return FakeCrlShardStore::Lease(issuer_id, needed, wanted, capacity,
                                    live_until, now);
  }

  std::vector<int> wanted_;
  absl::Time live_until_;
};

class ShardPlacesTest : public testing::Test {
 protected:
  std::vector<int> Take(ShardPlaces& places, int count) {
    const auto taken = places.Take(count, clock_.Now());
    EXPECT_OK(taken);
    std::vector<int> shards;
    for (const storage::ShardLease& lease : *taken) {
      shards.insert(shards.end(), lease.places, lease.crl_shard);
    }
    return shards;
  }

  FakeClock clock_;
  storage::FakeDatabase database_;
  CountingStore shards_{database_};
};

TEST_F(ShardPlacesTest, AFullShardIsFollowedByTheNextOne) {
  ShardPlaces places(shards_, "idevid", 3, absl::Hours(1));
  EXPECT_THAT(Take(places, 1), ElementsAre(0));
  EXPECT_THAT(Take(places, 4), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(Take(places, 2), ElementsAre(1, 2));
}

TEST_F(ShardPlacesTest, ABatchMayBeLargerThanAShard) {
  ShardPlaces places(shards_, "idevid", 3, absl::Hours(1));
  EXPECT_THAT(Take(places, 7), ElementsAre(0, 0, 0, 1, 1, 1, 2));
}

TEST_F(ShardPlacesTest, SlicesGrowWithUse) {
  ShardPlaces places(shards_, "idevid", 20'000, absl::Hours(1));
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_THAT(Take(places, 1), ElementsAre(0));
  }
  EXPECT_THAT(shards_.wanted_, ElementsAre(64, 128, 256, 512, 1024, 2048, 4096,
                                           4096, 4096, 4096));
  // A busy hour's appetite does not last.
  clock_.Advance(absl::Hours(1) + absl::Seconds(1));
  Take(places, 1);
  EXPECT_EQ(shards_.wanted_.back(), 64);
}

TEST_F(ShardPlacesTest, AsksOnceForALargeBatchAndNeverForMoreThanAShard) {
  ShardPlaces places(shards_, "idevid", 20'000, absl::Hours(1));
  Take(places, 1000);
  EXPECT_THAT(shards_.wanted_, ElementsAre(1000));
  ShardPlaces small(shards_, "ldevid", 10, absl::Hours(1));
  Take(small, 1);
  EXPECT_EQ(shards_.wanted_.back(), 10);
}

TEST_F(ShardPlacesTest, WithoutDistributionPointsThereIsOneShardForAll) {
  ShardPlaces places(shards_, "idevid", kOneShard, absl::Hours(1));
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(Take(places, 1000), testing::Each(0));
  }
  // Not even a shard that takes no more is followed by another one.
  ASSERT_OK(shards_.Record("idevid", 0, std::numeric_limits<int>::max(),
                           clock_.Now(), clock_.Now()));
  EXPECT_THAT(Take(places, 5000), testing::Each(0));
  EXPECT_THAT(shards_.List("idevid", clock_.Now()),
              IsOkAndHolds(ElementsAre(0)));
}

TEST_F(ShardPlacesTest, PromisesWhenTheLastCertificateWillHaveExpired) {
  ShardPlaces places(shards_, "idevid", 100, absl::Hours(24));
  Take(places, 1);
  EXPECT_EQ(shards_.live_until_, clock_.Now() + absl::Hours(25));
  clock_.Advance(absl::Hours(1));
  Take(places, 1);
  EXPECT_EQ(shards_.wanted_.size(), 1u);
  clock_.Advance(absl::Seconds(1));
  Take(places, 1);
  EXPECT_EQ(shards_.live_until_, clock_.Now() + absl::Hours(25));

  ShardPlaces forever(shards_, "idevid", 100, absl::InfiniteDuration());
  Take(forever, 1);
  EXPECT_EQ(shards_.live_until_, policy::NoExpiry());
}

TEST_F(ShardPlacesTest, SaysThatTheDatabaseIsAwayAndGoesOnLater) {
  ShardPlaces places(shards_, "idevid", 100, absl::Hours(1));
  database_.FailNext(MakeError(absl::StatusCode::kUnavailable,
                               reasons::kDatabaseOffline, "gone"));
  EXPECT_THAT(
      places.Take(1, clock_.Now()),
      StatusIs(absl::StatusCode::kUnavailable, reasons::kDatabaseOffline));
  EXPECT_THAT(Take(places, 1), ElementsAre(0));
  // What is leased needs no database.
  for (int i = 0; i < 63; ++i) {
    Take(places, 1);
  }
  EXPECT_EQ(shards_.wanted_.size(), 2u);
}

TEST_F(ShardPlacesTest, ManyThreadsNeverOverfillAShard) {
  constexpr int kThreads = 8;
  constexpr int kTakes = 200;
  ShardPlaces places(shards_, "idevid", 50, absl::Hours(1));
  std::mutex mutex;
  std::map<int, int> used;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kTakes; ++i) {
        const auto taken = places.Take(1 + (t + i) % 5, clock_.Now());
        const std::lock_guard<std::mutex> lock(mutex);
        for (const storage::ShardLease& lease : taken.value()) {
          used[lease.crl_shard] += lease.places;
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  int total = 0;
  for (const auto& [shard, count] : used) {
    EXPECT_LE(count, 50) << shard;
    total += count;
  }
  EXPECT_EQ(total, kThreads * kTakes * 3);
  EXPECT_EQ(used.size(), 96u);  // every place of every shard but the last
}

TEST(IsOnCrlTest, UnlessNeverRevokedOrAResponders) {
  policy::Profile profile;
  profile.kind = policy::ProfileKind::kLdevid;
  EXPECT_TRUE(IsOnCrl(profile));
  profile.no_rev_avail = true;
  EXPECT_FALSE(IsOnCrl(profile));
  profile.no_rev_avail = false;
  profile.kind = policy::ProfileKind::kOcspResponder;
  EXPECT_FALSE(IsOnCrl(profile));
}

}  // namespace
}  // namespace birthmark::ca
