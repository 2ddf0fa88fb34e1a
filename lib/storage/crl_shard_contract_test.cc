// The contract of CrlShardStore.

#include <cstdint>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/testing.h"
#include "lib/storage/store_fixture.h"

namespace birthmark::storage {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;

class CrlShardStoreTest : public StoreTest {
 protected:
  absl::StatusOr<ShardLease> Lease(int needed, int wanted, int capacity = 100) {
    return backend_->shards().Lease("idevid", needed, wanted, capacity, until_,
                                    Now());
  }
  std::pair<int, int> Took(int needed, int wanted, int capacity = 100) {
    const auto lease = Lease(needed, wanted, capacity);
    EXPECT_OK(lease);
    return {lease->crl_shard, lease->places};
  }
  std::vector<int> Live(absl::Time now) {
    return backend_->shards().List("idevid", now).value();
  }
  absl::Time until_ = Now() + absl::Hours(24);
};

TEST_P(CrlShardStoreTest, FillsOneShardAfterTheOther) {
  EXPECT_EQ(Took(1, 64), std::make_pair(0, 64));
  EXPECT_EQ(Took(30, 64), std::make_pair(0, 36));
  EXPECT_EQ(Took(1, 1), std::make_pair(1, 1));
  EXPECT_EQ(Took(99, 500), std::make_pair(1, 99));
  EXPECT_EQ(Took(100, 500), std::make_pair(2, 100));
  // What a shard has left is lost if it is too little.
  EXPECT_EQ(Took(60, 60), std::make_pair(3, 60));
  EXPECT_EQ(Took(41, 41), std::make_pair(4, 41));
  EXPECT_EQ(Took(5, 1), std::make_pair(4, 5));
  // A shard that is smaller than it was.
  EXPECT_EQ(Took(1, 4, 20), std::make_pair(5, 4));
  EXPECT_THAT(Lease(101, 101), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Lease(0, 1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(backend_->shards().List("ldevid", Now()),
              IsOkAndHolds(IsEmpty()));
}

TEST_P(CrlShardStoreTest, GivesNoPlaceTwice) {
  constexpr int kThreads = 8;
  constexpr int kCalls = 25;
  constexpr int kCapacity = 30;
  std::vector<std::vector<ShardLease>> taken(kThreads);
  std::vector<std::thread> threads;
  const absl::Time now = Now();
  for (auto& mine : taken) {
    threads.emplace_back([&] {
      for (int i = 0; i < kCalls; ++i) {
        const auto lease =
            backend_->shards().Lease("idevid", 1, 7, kCapacity, until_, now);
        ASSERT_OK(lease);
        mine.push_back(*lease);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  std::map<int, int> by_shard;
  for (const auto& mine : taken) {
    for (const ShardLease& lease : mine) {
      EXPECT_GE(lease.places, 1);
      by_shard[lease.crl_shard] += lease.places;
    }
  }
  const int shards = static_cast<int>(by_shard.size());
  EXPECT_EQ(by_shard.rbegin()->first, shards - 1);
  for (const auto& [shard, places] : by_shard) {
    EXPECT_LE(places, kCapacity);
    if (shard != shards - 1) {
      EXPECT_EQ(places, kCapacity);
    }
  }
}

TEST_P(CrlShardStoreTest, CountsWhatWasRecordedWithoutALease) {
  ASSERT_OK(backend_->shards().Record("idevid", 0, 40, until_, Now()));
  ASSERT_OK(backend_->shards().Record("idevid", 0, 40, Now(), Now()));
  EXPECT_THAT(Live(until_), ElementsAre(0));
  EXPECT_EQ(Took(1, 64), std::make_pair(0, 20));
  EXPECT_EQ(Took(1, 64), std::make_pair(1, 64));
}

TEST_P(CrlShardStoreTest, ListsWhatNeedsCrls) {
  ASSERT_OK(Lease(1, 100));
  const absl::Time first_until = until_;
  until_ += absl::Hours(24);
  ASSERT_OK(Lease(1, 100));
  EXPECT_THAT(Live(first_until), ElementsAre(0, 1));
  EXPECT_THAT(Live(first_until + absl::Seconds(1)), ElementsAre(1));
  // The last CRL is one that was made when none was valid any more.
  const auto sign = [this](int64_t number, absl::Time this_update) {
    return backend_->crls()
        .Refresh(
            "idevid", 0,
            [](const auto&, int64_t) { return CrlStore::Request(); },
            [&](const CrlStore::Changes&) -> absl::StatusOr<CrlStore::MadeCrl> {
              return CrlStore::MadeCrl{.row = {.issuer_id = "idevid",
                                               .crl_shard = 0,
                                               .number = number,
                                               .this_update = this_update,
                                               .next_update = this_update},
                                       .mutation = Change("crl.sign")};
            })
        .status();
  };
  ASSERT_OK(sign(1, first_until));
  EXPECT_THAT(Live(first_until + absl::Seconds(1)), ElementsAre(0, 1));
  ASSERT_OK(sign(2, first_until + absl::Seconds(1)));
  EXPECT_THAT(Live(first_until + absl::Seconds(1)), ElementsAre(1));
}

TEST_P(CrlShardStoreTest, KnowsTheShardOfARevocationAndKeepsItClosed) {
  const CertificateRow row = GivenCertificate(ClientKey("x"));
  ASSERT_OK(Revoke(row, 1));
  EXPECT_THAT(Live(row.not_after), ElementsAre(3));
  EXPECT_EQ(Took(1, 1), std::make_pair(4, 1));
}

INSTANTIATE_TEST_SUITE_P(All, CrlShardStoreTest, testing::ValuesIn(Backends()),
                         BackendName);

}  // namespace
}  // namespace birthmark::storage
