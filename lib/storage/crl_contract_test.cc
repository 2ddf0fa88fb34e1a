// The contract of CrlStore and CrlShardStore.

#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/storage/store_fixture.h"

namespace birthmark::storage {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

// A row of RevocationRow that says so.
auto Says(const CertificateRow& certificate, RevocationState state) {
  return AllOf(Field(&RevocationRow::serial, certificate.serial),
               Field(&RevocationRow::state, state));
}

class CrlStoreTest : public StoreTest {
 protected:
  static constexpr auto kRevoked = RevocationState::kRevoked;
  static constexpr auto kHeld = RevocationState::kHeld;
  static constexpr auto kReleased = RevocationState::kReleased;

  // Makes a CRL as asked; keeps what the store told.
  absl::StatusOr<CrlRow> Refresh(std::optional<CrlStore::Request> request,
                                 int crl_shard = 3,
                                 std::optional<DeltaRow> delta = {}) {
    const absl::Time now = Now();
    return backend_->crls().Refresh(
        "idevid", crl_shard,
        [&](const std::optional<CrlRow>& newest, int64_t latest_revision) {
          planned_ = newest;
          latest_ = latest_revision;
          return request;
        },
        [&](const CrlStore::Changes& changes)
            -> absl::StatusOr<CrlStore::MadeCrl> {
          changes_ = changes;
          return CrlStore::MadeCrl{
              .row = {.issuer_id = "idevid",
                      .crl_shard = crl_shard,
                      .number = ++number_,
                      .revision = changes.revision,
                      .this_update = now,
                      .next_update = now + absl::Hours(1),
                      .expired_before = request->expired_before,
                      .entries = static_cast<int>(changes.changed.size()),
                      .crl_der = "crl",
                      .delta = delta},
              .mutation = Change("crl.sign")};
        });
  }
  CertificateRow GivenExpiring(absl::string_view name, absl::Duration life) {
    CertificateRow row = Certificate(ClientKey(name));
    row.not_after = row.not_before + life;
    EXPECT_OK(backend_->certificates().Insert({row}, {Entry()}));
    return row;
  }

  int64_t number_ = 0;
  std::optional<CrlRow> planned_;
  int64_t latest_ = 0;
  CrlStore::Changes changes_;
};

TEST_P(CrlStoreTest, KeepsTheNewestOfAShard) {
  ASSERT_OK(Revoke(GivenCertificate(ClientKey("x")), 1));
  ASSERT_OK_AND_ASSIGN(const CrlRow first, Refresh({{}}));
  EXPECT_FALSE(planned_.has_value());
  EXPECT_TRUE(changes_.whole);
  EXPECT_EQ(first.revision, latest_);
  EXPECT_GT(first.revision, 0);
  const DeltaRow delta = {.base_number = 1,
                          .base_revision = first.revision,
                          .base_time = first.this_update,
                          .entries = 7,
                          .crl_der = "delta"};
  ASSERT_OK_AND_ASSIGN(const CrlRow second, Refresh({{}}, 3, delta));
  ASSERT_TRUE(planned_.has_value());
  EXPECT_EQ(planned_->number, 1);
  EXPECT_EQ(planned_->crl_der, "");
  ASSERT_TRUE(changes_.newest.has_value());
  EXPECT_EQ(changes_.newest->crl_der, "crl");
  EXPECT_EQ(changes_.newest->this_update, first.this_update);
  EXPECT_EQ(changes_.newest->expired_before, first.expired_before);
  EXPECT_FALSE(changes_.whole);
  EXPECT_THAT(changes_.changed, IsEmpty());

  ASSERT_OK_AND_ASSIGN(const CrlRow same, Refresh(std::nullopt));
  EXPECT_EQ(same.number, 2);
  EXPECT_EQ(same.crl_der, "crl");
  ASSERT_TRUE(same.delta.has_value());
  EXPECT_EQ(same.delta->crl_der, "delta");
  EXPECT_EQ(same.delta->base_number, 1);
  EXPECT_EQ(same.delta->base_revision, first.revision);
  EXPECT_EQ(same.delta->base_time, first.this_update);
  EXPECT_EQ(same.delta->entries, 7);
  ASSERT_TRUE(planned_->delta.has_value());
  EXPECT_EQ(planned_->delta->crl_der, "");
  EXPECT_THAT(backend_->Audit("crl.sign"), SizeIs(2));
}

TEST_P(CrlStoreTest, NeverGoesBackInNumber) {
  ASSERT_OK(Revoke(GivenCertificate(ClientKey("x")), 1));
  number_ = 9;
  ASSERT_OK(Refresh({{}}));
  number_ = 9;
  EXPECT_THAT(Refresh({{}}), StatusIs(StatusCode::kInternal));
  ASSERT_OK_AND_ASSIGN(const CrlRow crl, Refresh(std::nullopt));
  EXPECT_EQ(crl.number, 10);
  EXPECT_THAT(backend_->Audit("crl.sign"), SizeIs(1));
}

TEST_P(CrlStoreTest, TellsWhatChangedSinceTheNewestAndSinceTheBase) {
  const CertificateRow a = GivenCertificate(ClientKey("a"));
  const CertificateRow b = GivenCertificate(ClientKey("b"));
  const CertificateRow c = GivenCertificate(ClientKey("c"));
  ASSERT_OK(Hold(c));
  ASSERT_OK_AND_ASSIGN(const CrlRow first, Refresh({{}}));
  EXPECT_THAT(changes_.changed, ElementsAre(Says(c, kHeld)));
  EXPECT_THAT(changes_.since_base, IsEmpty());

  ASSERT_OK(Hold(b));
  ASSERT_OK(Release(b, 2));
  ASSERT_OK(Hold(b, 3));
  ASSERT_OK(Release(c, 2));
  ASSERT_OK_AND_ASSIGN(const CrlRow second,
                       Refresh({{.base_revision = first.revision}}));
  EXPECT_GT(second.revision, first.revision);
  EXPECT_THAT(changes_.changed,
              ElementsAre(Says(b, kHeld), Says(c, kReleased)));
  EXPECT_THAT(changes_.since_base,
              ElementsAre(Says(b, kHeld), Says(c, kReleased)));

  ASSERT_OK(Revoke(b, 4, 4));
  ASSERT_OK(Revoke(a, 1));
  ASSERT_OK(Refresh({{.base_revision = first.revision}}));
  EXPECT_THAT(changes_.changed,
              ElementsAre(Says(a, kRevoked), Says(b, kRevoked)));
  EXPECT_THAT(
      changes_.since_base,
      ElementsAre(Says(a, kRevoked), Says(b, kRevoked), Says(c, kReleased)));

  ASSERT_OK(Refresh({{.whole = true}}));
  EXPECT_TRUE(changes_.whole);
  ASSERT_TRUE(changes_.newest.has_value());
  EXPECT_THAT(changes_.changed,
              ElementsAre(Says(a, kRevoked), Says(b, kRevoked)));
}

TEST_P(CrlStoreTest, LeavesOutOtherShardsAndIssuers) {
  const CertificateRow mine = GivenCertificate(ClientKey("x"));
  GivenCertificate(ClientKey("good"));
  CertificateRow other_shard = Certificate(ClientKey("z"));
  other_shard.crl_shard = 4;
  const CertificateRow other_issuer = Certificate(ClientKey("z"), "ldevid");
  ASSERT_OK(backend_->certificates().Insert({other_shard, other_issuer},
                                            {Entry(), Entry()}));
  ASSERT_OK(Revoke(mine, 1));
  ASSERT_OK(Revoke(other_shard, 1));
  ASSERT_OK(Revoke(other_issuer, 1));
  ASSERT_OK_AND_ASSIGN(const CrlRow first, Refresh({{.base_revision = 0}}));
  EXPECT_THAT(changes_.changed, ElementsAre(Says(mine, kRevoked)));
  EXPECT_THAT(changes_.since_base, ElementsAre(Says(mine, kRevoked)));
  ASSERT_OK_AND_ASSIGN(const CrlRow other, Refresh({{}}, 4));
  EXPECT_GT(other.revision, first.revision);
}

TEST_P(CrlStoreTest, TellsWhatExpires) {
  const CertificateRow longer = GivenCertificate(ClientKey("x"));
  const CertificateRow brief = GivenExpiring("y", absl::Minutes(10));
  const CertificateRow released = GivenExpiring("z", absl::Minutes(10));
  ASSERT_OK(Revoke(longer, 1));
  ASSERT_OK(Revoke(brief, 1));
  ASSERT_OK(Hold(released));
  // At the very second of its end it is valid still.
  ASSERT_OK(Refresh({{.expired_before = brief.not_after}}));
  EXPECT_THAT(changes_.changed, SizeIs(3));
  ASSERT_OK(Release(released, 2));
  const absl::Time later = brief.not_after + absl::Minutes(1);
  ASSERT_OK(Refresh({{.expired_before = later, .base_revision = 0}}));
  EXPECT_THAT(changes_.expired, ElementsAre(brief.serial, released.serial));
  EXPECT_THAT(changes_.changed, IsEmpty());
  EXPECT_THAT(changes_.since_base, ElementsAre(Says(longer, kRevoked)));
  ASSERT_OK(Refresh({{.expired_before = later + absl::Minutes(1)}}));
  EXPECT_THAT(changes_.expired, IsEmpty());
  ASSERT_OK(Refresh({{.whole = true, .expired_before = later}}));
  EXPECT_THAT(changes_.changed, ElementsAre(Says(longer, kRevoked)));
  EXPECT_THAT(changes_.expired, IsEmpty());
}

TEST_P(CrlStoreTest, KnowsShardsOnly) {
  EXPECT_THAT(Refresh({{}}, 5),
              StatusIs(StatusCode::kNotFound, reasons::kCrlShardNotFound));
  EXPECT_THAT(Refresh({{}}, -1),
              StatusIs(StatusCode::kNotFound, reasons::kCrlShardNotFound));
  ASSERT_OK(backend_->shards().Record("idevid", 5, 1, Now(), Now()));
  EXPECT_OK(Refresh({{}}, 5));
  EXPECT_THAT(changes_.changed, IsEmpty());
  EXPECT_EQ(changes_.revision, 0);
}

TEST_P(CrlStoreTest, FailsAsItsMakerFailsOrWithoutAPlan) {
  ASSERT_OK(backend_->shards().Record("idevid", 3, 1, Now(), Now()));
  EXPECT_THAT(
      backend_->crls().Refresh(
          "idevid", 3, [](const auto&, int64_t) { return CrlStore::Request(); },
          [](const auto&) -> absl::StatusOr<CrlStore::MadeCrl> {
            return MakeError(StatusCode::kUnavailable, reasons::kSignerOffline,
                             "no key");
          }),
      StatusIs(StatusCode::kUnavailable, reasons::kSignerOffline));
  EXPECT_THAT(Refresh(std::nullopt), StatusIs(StatusCode::kInternal));
  EXPECT_THAT(backend_->Audit("crl.sign"), IsEmpty());
}

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

INSTANTIATE_TEST_SUITE_P(All, CrlStoreTest, testing::ValuesIn(Backends()),
                         BackendName);
INSTANTIATE_TEST_SUITE_P(All, CrlShardStoreTest, testing::ValuesIn(Backends()),
                         BackendName);

}  // namespace
}  // namespace birthmark::storage
