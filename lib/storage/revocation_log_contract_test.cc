// The contract of RevocationLog, and that every way of revoking shows in it.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/bytes.h"
#include "lib/base/testing.h"
#include "lib/storage/store_fixture.h"

namespace birthmark::storage {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr auto kHeld = RevocationState::kHeld;
constexpr auto kRevoked = RevocationState::kRevoked;
constexpr auto kReleased = RevocationState::kReleased;

auto Says(const std::string& serial, RevocationState state, int reason) {
  return AllOf(Field(&RevocationChange::serial, serial),
               Field(&RevocationChange::state, state),
               Field(&RevocationChange::reason, reason));
}

class RevocationLogTest : public StoreTest {
 protected:
  int64_t Latest() { return backend_->log().Latest().value(); }
  std::vector<RevocationChange> Since(int64_t revision,
                                      absl::string_view issuer_id = "",
                                      int limit = 1000) {
    return backend_->log().Read(revision, issuer_id, limit).value();
  }
  RevocationChange ChangeOf(const CertificateRow& row, RevocationState state,
                            absl::Time time, int reason = 4) {
    return {.revision = ++revision_,
            .serial = row.serial,
            .issuer_id = row.issuer_id,
            .crl_shard = row.crl_shard,
            .not_after = row.not_after,
            .state = state,
            .reason = state == kRevoked ? reason : 6,
            .revoke_time = time,
            .update_time = time};
  }
  absl::StatusOr<int64_t> Restore(
      const std::vector<RevocationChange>& changes) {
    std::vector<audit::Entry> entries;
    for (const RevocationChange& change : changes) {
      entries.push_back(Entry("certificate.restore", HexEncode(change.serial)));
    }
    return backend_->log().Restore(changes, entries);
  }
  std::optional<RevocationRow> Stored(const CertificateRow& row) {
    return backend_->certificates().Get("", row.serial)->revocation;
  }

 private:
  int64_t revision_ = int64_t{1} << 40;
};

TEST_P(RevocationLogTest, TellsEveryChangeInOrder) {
  const int64_t before = Latest();
  const CertificateRow a = GivenCertificate(ClientKey("a"));
  const CertificateRow b = GivenCertificate(ClientKey("b"), "ldevid");
  ASSERT_OK(Hold(b));
  ASSERT_OK_AND_ASSIGN(const RevocationRow revoked, Revoke(a, 1));
  ASSERT_OK(Release(b, 2));
  ASSERT_OK(Revoke(b, 4, 3));
  ASSERT_OK(Revoke(b, 4, 3));  // changes nothing
  const std::vector<RevocationChange> changes = Since(before);
  ASSERT_THAT(
      changes,
      ElementsAre(Says(b.serial, kHeld, 6), Says(a.serial, kRevoked, 1),
                  Says(b.serial, kReleased, 6), Says(b.serial, kRevoked, 4)));
  for (size_t i = 1; i < changes.size(); ++i) {
    EXPECT_LT(changes[i - 1].revision, changes[i].revision);
  }
  EXPECT_EQ(changes.back().revision, Latest());
  EXPECT_EQ(changes[1].issuer_id, "idevid");
  EXPECT_EQ(changes[1].crl_shard, 3);
  EXPECT_EQ(changes[1].not_after, a.not_after);
  EXPECT_EQ(changes[1].revoke_time, revoked.revoke_time);
  EXPECT_EQ(changes[1].update_time, revoked.update_time);
  EXPECT_FALSE(changes[1].invalidity_time.has_value());

  EXPECT_THAT(Since(before, "idevid"),
              ElementsAre(Says(a.serial, kRevoked, 1)));
  EXPECT_THAT(
      Since(changes[0].revision, "", 2),
      ElementsAre(Says(a.serial, kRevoked, 1), Says(b.serial, kReleased, 6)));
  EXPECT_THAT(Since(Latest()), IsEmpty());
  ASSERT_OK_AND_ASSIGN(const auto got, backend_->log().Get(Latest()));
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->serial, b.serial);
  EXPECT_FALSE(backend_->log().Get(Latest() + 1).value().has_value());
}

TEST_P(RevocationLogTest, TellsOfDecommissioningAndOfWhatIsSuperseded) {
  GivenFleet();
  GivenLine();
  const AdmissionRequest device = GivenDevice(GivenBatch(), "1");
  const CertificateRow first = GivenOperational(device);
  const CertificateRow second = GivenOperational(device);
  const int64_t before = Latest();
  // The first contact with a newer certificate supersedes the older ones.
  ASSERT_OK(backend_->registration().Touch(ContactOf(device, second.serial)));
  EXPECT_THAT(Since(before), ElementsAre(Says(first.serial, kRevoked, 4)));
  const int64_t superseded = Latest();
  const auto uid = device.device.device_uid;
  ASSERT_OK_AND_ASSIGN(const DeviceRow row, backend_->devices().Get("", uid));
  ASSERT_OK(Decommission(uid, row.version));
  EXPECT_THAT(Since(superseded),
              UnorderedElementsAre(Says(second.serial, kRevoked, 5),
                                   Says(device.key.serial, kRevoked, 5)));
}

TEST_P(RevocationLogTest, TellsOfACertificateThatIsBornRevoked) {
  GivenFleet();
  GivenLine();
  const AdmissionRequest device = GivenDevice(GivenBatch(), "1");
  const KeyRow key = OperationalKey(device.device.device_uid);
  ASSERT_OK(Enroll(device, key));
  ASSERT_OK_AND_ASSIGN(const DeviceRow row,
                       backend_->devices().Get("", device.device.device_uid));
  ASSERT_OK(Decommission(row.device_uid, row.version));
  const int64_t before = Latest();
  GivenCertificate(key, "ldevid");
  EXPECT_THAT(Since(before), ElementsAre(Says(key.serial, kRevoked, 5)));
}

TEST_P(RevocationLogTest, NobodySeesARevisionAppearBelowOneThatWasSeen) {
  constexpr int kThreads = 4;
  constexpr int kEach = 25;
  std::vector<std::vector<CertificateRow>> rows(kThreads);
  for (auto& mine : rows) {
    for (int i = 0; i < kEach; ++i) {
      mine.push_back(GivenCertificate(ClientKey("x")));
    }
  }
  const int64_t before = Latest();
  std::atomic<bool> done = false;
  std::vector<RevocationChange> seen;
  std::thread reader([&] {
    while (true) {
      const bool last = done;
      const auto more = Since(seen.empty() ? before : seen.back().revision);
      seen.insert(seen.end(), more.begin(), more.end());
      if (last && more.empty()) {
        return;
      }
    }
  });
  const absl::Time now = Now();
  std::vector<std::thread> threads;
  for (auto& mine : rows) {
    threads.emplace_back([&] {
      for (const CertificateRow& row : mine) {
        const RevocationRow revocation = {.serial = row.serial,
                                          .issuer_id = row.issuer_id,
                                          .reason = 1,
                                          .actor = kActor,
                                          .revoke_time = now,
                                          .update_time = now};
        EXPECT_OK(backend_->revocations().Revoke(
            revocation, 1, [&](const RevocationRow&) {
              static std::mutex mutex;
              const std::lock_guard<std::mutex> lock(mutex);
              return Change("certificate.revoke");
            }));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  done = true;
  reader.join();
  // Whoever polled has seen all, so nothing came in below what it had seen.
  EXPECT_THAT(seen, SizeIs(kThreads * kEach));
  const auto all = Since(before);
  ASSERT_EQ(all.size(), seen.size());
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].revision, seen[i].revision);
  }
}

TEST_P(RevocationLogTest, GivesNoRevisionTwice) {
  ASSERT_OK(Revoke(GivenCertificate(ClientKey("a")), 1));
  const int64_t far = Latest() + 1000;
  ASSERT_OK(backend_->log().SkipTo(far));
  ASSERT_OK(backend_->log().SkipTo(far - 500));
  EXPECT_LT(Latest(), far);
  EXPECT_THAT(backend_->log().Highest(), IsOkAndHolds(far));
  ASSERT_OK(Revoke(GivenCertificate(ClientKey("b")), 1));
  EXPECT_EQ(Latest(), far + 1);
  EXPECT_THAT(backend_->log().Highest(), IsOkAndHolds(far + 1));
  // Shards may have more certificates than the database remembers.
  EXPECT_THAT(backend_->shards().Lease("idevid", 1, 1, 100, Now(), Now()),
              IsOkAndHolds(Field(&ShardLease::crl_shard, 4)));
}

TEST_P(RevocationLogTest, BringsBackWhatTheDatabaseHasForgotten) {
  const CertificateRow unknown = GivenCertificate(ClientKey("a"));
  const CertificateRow held = GivenCertificate(ClientKey("b"));
  const CertificateRow same = GivenCertificate(ClientKey("c"));
  CertificateRow lost = Certificate(ClientKey("never recorded"));
  lost.crl_shard = 8;
  ASSERT_OK(Hold(held));
  ASSERT_OK_AND_ASSIGN(const RevocationRow known, Revoke(same, 1));
  RevocationChange unchanged = ChangeOf(same, kRevoked, known.update_time, 1);
  const int64_t before = Latest();
  const absl::Time later = Now();
  EXPECT_THAT(Restore({ChangeOf(unknown, kRevoked, later, 1),
                       ChangeOf(held, kReleased, later), unchanged,
                       ChangeOf(lost, kHeld, later)}),
              IsOkAndHolds(3));
  EXPECT_THAT(Since(before),
              UnorderedElementsAre(Says(unknown.serial, kRevoked, 1),
                                   Says(held.serial, kReleased, 6),
                                   Says(lost.serial, kHeld, 6)));
  EXPECT_THAT(
      backend_->Audit("certificate.restore"),
      UnorderedElementsAre(HexEncode(unknown.serial), HexEncode(held.serial),
                           HexEncode(lost.serial)));
  const auto stored = Stored(held);
  ASSERT_TRUE(stored.has_value());
  EXPECT_EQ(stored->version, 3);
  EXPECT_EQ(stored->actor, kActor);
  EXPECT_EQ(stored->revoke_time, later);
  // Its shard is known again.
  EXPECT_THAT(backend_->shards().List("idevid", unknown.not_after),
              IsOkAndHolds(ElementsAre(3, 8)));
  // And again: there is nothing to bring back.
  EXPECT_THAT(Restore({ChangeOf(unknown, kRevoked, later, 1)}),
              IsOkAndHolds(0));
  EXPECT_THAT(Restore({}), IsOkAndHolds(0));
}

struct Restored {
  const char* name;
  RevocationState known;
  int known_reason;
  RevocationState change;
  int reason;
  int seconds;  // how much later than what is known
  bool comes_back;
};
constexpr Restored kRestored[] = {
    {"OlderIsNot", kReleased, 6, kHeld, 6, -1, false},
    {"NewerIs", kReleased, 6, kHeld, 6, 1, true},
    {"ReleaseOfHeldIs", kHeld, 6, kReleased, 6, 1, true},
    {"RevocationInTheSecondOfAHoldIs", kHeld, 6, kRevoked, 4, 0, true},
    {"HoldInTheSecondOfAReleaseIs", kReleased, 6, kHeld, 6, 0, true},
    {"ReleaseInTheSecondOfAHoldIsNot", kHeld, 6, kReleased, 6, 0, false},
    {"WhatIsKnownIsNot", kHeld, 6, kHeld, 6, 0, false},
    {"RevokedIsNeverReleased", kRevoked, 4, kReleased, 6, 9, false},
    {"RevokedIsNeverHeld", kRevoked, 4, kHeld, 6, 9, false},
    {"ACompromiseIs", kRevoked, 4, kRevoked, 1, 0, true},
    {"ACompromiseStays", kRevoked, 1, kRevoked, 4, 0, false},
};

TEST_P(RevocationLogTest, ComparesWithWhatTheDatabaseKnows) {
  for (const Restored& test : kRestored) {
    SCOPED_TRACE(test.name);
    const CertificateRow row = GivenCertificate(ClientKey("x"));
    absl::Time time;
    if (test.known == kRevoked) {
      time = Revoke(row, test.known_reason)->update_time;
    } else {
      time = Hold(row)->update_time;
      if (test.known == kReleased) {
        time = Release(row, 2)->update_time;
      }
    }
    EXPECT_THAT(
        Restore({ChangeOf(row, test.change, time + absl::Seconds(test.seconds),
                          test.reason)}),
        IsOkAndHolds(test.comes_back ? 1 : 0));
    const auto stored = Stored(row);
    ASSERT_TRUE(stored.has_value());
    EXPECT_EQ(stored->state, test.comes_back ? test.change : test.known);
  }
}

TEST_P(RevocationLogTest, TakesTheNewestOfASerialAlone) {
  const CertificateRow row = GivenCertificate(ClientKey("x"));
  const RevocationChange older = ChangeOf(row, kRevoked, Now());
  const RevocationChange newer = ChangeOf(row, kRevoked, Now(), 1);
  EXPECT_THAT(Restore({newer, older}), IsOkAndHolds(1));
  EXPECT_EQ(Stored(row)->reason, 1);
}

TEST_P(RevocationLogTest, BlocksACompromisedKeyAgain) {
  GivenFleet();
  GivenLine();
  const AdmissionRequest device = GivenDevice(GivenBatch(), "1");
  const CertificateRow row = Certificate(device.key);
  ASSERT_THAT(Restore({ChangeOf(row, kRevoked, Now(), 1)}), IsOkAndHolds(1));
  ASSERT_OK_AND_ASSIGN(const auto keys, backend_->devices().ListKeys(
                                            device.device.device_uid, "", 10));
  ASSERT_THAT(keys, SizeIs(1));
  EXPECT_EQ(keys[0].state, KeyState::kBlocked);
}

TEST_P(RevocationLogTest, WantsAnEntryForEachChange) {
  const CertificateRow row = GivenCertificate(ClientKey("x"));
  EXPECT_THAT(backend_->log().Restore({ChangeOf(row, kRevoked, Now())}, {}),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_FALSE(Stored(row).has_value());
}

INSTANTIATE_TEST_SUITE_P(All, RevocationLogTest, testing::ValuesIn(Backends()),
                         BackendName);

}  // namespace
}  // namespace birthmark::storage
