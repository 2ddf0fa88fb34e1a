// The contract of CrlStore.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
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
    absl::Time now = Now();
    if (request.has_value()) {
      now = std::max(now, request->expired_before);
    }
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

// What each CRL was made of, put together as a maker does.
class Applied {
 public:
  void Apply(const CrlStore::Changes& changes) {
    if (changes.whole) {
      serials_.clear();
    }
    for (const RevocationRow& row : changes.changed) {
      if (row.state == RevocationState::kReleased) {
        serials_.erase(row.serial);
      } else {
        serials_.insert(row.serial);
      }
    }
    for (const std::string& serial : changes.expired) {
      serials_.erase(serial);
    }
  }
  const std::set<std::string>& serials() const { return serials_; }

 private:
  std::set<std::string> serials_;
};

TEST_P(CrlStoreTest, ComesToTheSameStepByStepAsAtOnce) {
  std::minstd_rand random(20261122);
  std::vector<CertificateRow> rows;
  std::map<std::string, int64_t> versions;
  for (int i = 0; i < 12; ++i) {
    rows.push_back(GivenExpiring("x", absl::Seconds(60 + 40 * i)));
    versions[rows.back().serial] = 1;
  }
  ASSERT_OK(backend_->shards().Record("idevid", 3, 12, Now(), Now()));
  Applied applied;
  const absl::Time start = rows[0].not_before;
  for (int step = 0; step < 25; ++step) {
    for (int i = 0; i < 3; ++i) {
      const CertificateRow& row = rows[random() % rows.size()];
      int64_t& version = versions[row.serial];
      const auto done = random() % 5 == 0   ? Revoke(row, 1, version)
                        : random() % 2 == 0 ? Hold(row, version)
                                            : Release(row, version);
      if (done.ok()) {
        version = done->version;
      }
    }
    const absl::Time expired_before = start + absl::Seconds(20 * step);
    ASSERT_OK(Refresh({{.expired_before = expired_before}}));
    applied.Apply(changes_);
    const int64_t revision = changes_.revision;
    ASSERT_OK(Refresh({{.whole = true, .expired_before = expired_before}}));
    Applied whole;
    whole.Apply(changes_);
    ASSERT_EQ(applied.serials(), whole.serials()) << "step " << step;
    EXPECT_EQ(changes_.revision, revision);
    ASSERT_OK_AND_ASSIGN(const auto truth,
                         backend_->status().ReadTruth("idevid", 3));
    EXPECT_THAT(truth.revoked, testing::ElementsAreArray(applied.serials()));
  }
}

TEST_P(CrlStoreTest, LosesNoRevocationThatIsCommittedMeanwhile) {
  constexpr int kThreads = 4;
  constexpr int kEach = 20;
  std::vector<std::vector<RevocationRow>> revocations(kThreads);
  std::set<std::string> all;
  for (auto& mine : revocations) {
    for (int i = 0; i < kEach; ++i) {
      const CertificateRow row = GivenCertificate(ClientKey("x"));
      mine.push_back(RowFor(row, 1));
      all.insert(row.serial);
    }
  }
  ASSERT_OK(backend_->shards().Record("idevid", 3, 1, Now(), Now()));
  const Mutation mutation = Change("certificate.revoke");
  std::atomic<int> running = kThreads;
  std::vector<std::thread> threads;
  for (auto& mine : revocations) {
    threads.emplace_back([&] {
      for (const RevocationRow& row : mine) {
        EXPECT_OK(backend_->revocations().Revoke(
            row, 1, [&](const RevocationRow& stored) {
              Mutation own = mutation;
              own.audit[0].id =
                  FormatUid(row.update_time, stored.serial.substr(6));
              return own;
            }));
      }
      --running;
    });
  }
  Applied applied;
  for (bool last = false; !last;) {
    last = running == 0;
    ASSERT_OK(Refresh({{}}));
    applied.Apply(changes_);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(applied.serials(), all);
}

INSTANTIATE_TEST_SUITE_P(All, CrlStoreTest, testing::ValuesIn(Backends()),
                         BackendName);

}  // namespace
}  // namespace birthmark::storage
