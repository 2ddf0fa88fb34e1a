// Whoever changes the same devices at the same time: no deadlock, one winner,
// nothing half done; and what comes back after its end.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/storage/device_acts.h"
#include "lib/storage/device_life.h"
#include "lib/storage/session.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

constexpr int kDevices = 8;

// Everybody does something else to the same devices, many at a time among them.
TEST(DeviceConflictTest, NobodyWaitsInACircle) {
  DeviceLife life(3600);
  const auto uids = life.Add("c", kDevices, DeviceState::kActive);
  constexpr int kRounds = 12;
  std::vector<std::thread> threads;
  std::atomic<int> internal = 0;
  const auto judge = [&](const absl::Status& status) {
    // A conflict that was tried several times over is an honest answer.
    if (status.code() == absl::StatusCode::kInternal ||
        status.code() == absl::StatusCode::kUnknown) {
      ++internal;
      ADD_FAILURE() << status;
    }
  };
  const auto many = [&](DeviceActKind kind, bool backwards) {
    std::vector<std::string> order = uids;
    if (backwards) {
      order.assign(uids.rbegin(), uids.rend());
    }
    for (int i = 0; i < kRounds; ++i) {
      judge(life.database().Transact([&](Session& session) {
        ActOnDevices(
            session, "", order, life.ActOf(kind), [&] { return life.Uid(); },
            [&](const DeviceActResult&) { return life.Change("act").audit; });
        return absl::OkStatus();
      }));
    }
  };
  threads.emplace_back(many, DeviceActKind::kQuarantine, false);
  threads.emplace_back(many, DeviceActKind::kQuarantine, true);
  threads.emplace_back(many, DeviceActKind::kRelease, true);
  for (const Operation operation :
       {Operation::kEnroll, Operation::kTouch, Operation::kUpdate,
        Operation::kErase, Operation::kRelease, Operation::kQuarantine}) {
    threads.emplace_back([&, operation] {
      for (int i = 0; i < kRounds; ++i) {
        judge(life.Do(operation, uids[i % kDevices], ""));
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < kDevices / 2; ++i) {
      judge(life.Do(Operation::kDecommission, uids[i], ""));
    }
  });
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(internal, 0);
  EXPECT_EQ(tests::PostgresCluster::Shared().Deadlocks(), "");
  for (int i = 0; i < kDevices / 2; ++i) {
    EXPECT_EQ(life.Get(uids[i]).state, DeviceState::kDecommissioning);
  }
  EXPECT_EQ(life.Broken(), "");
}

// Of those who decommission a device with what they have read, one does.
TEST(DeviceConflictTest, OneWins) {
  DeviceLife life(3600);
  const std::string uid = life.Add("w", 1, DeviceState::kActive)[0];
  std::atomic<int> won = 0, refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const absl::Status status = life.Do(Operation::kDecommission, uid, "");
      ++(status.ok() ? won : refused);
      if (!status.ok()) {
        EXPECT_EQ(Reason(status), reasons::kDeviceState) << status;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(refused, 7);
  EXPECT_EQ(life.Sql(absl::StrCat("SELECT count(*) FROM device_events WHERE "
                                  "kind = 'decommissioning'")),
            "1\n");
  EXPECT_EQ(life.Broken(), "");
}

// A certificate on its way when its device is quarantined is born on hold and
// goes with the quarantine: released with it, revoked with the device.
TEST(DeviceConflictTest, ACertificateOnItsWayBelongsToTheQuarantine) {
  for (const bool release_first : {false, true}) {
    SCOPED_TRACE(release_first);
    DeviceLife life(3600);
    const std::string uid = life.Add("q", 1, DeviceState::kActive)[0];
    const KeyRow key = life.NewKey(uid);
    ASSERT_OK(life.Enroll(uid, key));
    ASSERT_OK(life.Do(Operation::kQuarantine, uid, ""));
    if (release_first) {
      ASSERT_OK(life.Do(Operation::kRelease, uid, ""));
      ASSERT_OK(life.Record(key, "acme"));
    } else {
      ASSERT_OK(life.Record(key, "acme"));
      EXPECT_EQ(life.Broken(), "");
      EXPECT_EQ(life.Sql("SELECT count(*) FROM revocations WHERE state = 1"),
                "3\n");
      ASSERT_OK(life.Do(Operation::kRelease, uid, ""));
    }
    EXPECT_EQ(life.Sql("SELECT count(*) FROM revocations WHERE state <> 3"),
              "0\n");
    EXPECT_EQ(life.Sql("SELECT count(*) FROM keys_stopped_uncertified"), "0\n");
    EXPECT_EQ(life.Broken(), "");
  }
}

TEST(DeviceConflictTest, ACertificateOnItsWayIsBornRevokedAfterTheEnd) {
  DeviceLife life(3600);
  const std::string uid = life.Add("d", 1, DeviceState::kActive)[0];
  const KeyRow key = life.NewKey(uid);
  ASSERT_OK(life.Enroll(uid, key));
  ASSERT_OK(life.Do(Operation::kQuarantine, uid, ""));
  ASSERT_OK(life.Do(Operation::kDecommission, uid, ""));
  ASSERT_OK(life.Record(key, "acme"));
  EXPECT_EQ(life.Broken(), "");
}

// The same hardware after its end is a new device that inherits nothing.
TEST(DeviceConflictTest, WhatComesBackIsNew) {
  DeviceLife life(0);
  const std::string old_uid = life.Add("a", 1, DeviceState::kActive)[0];
  ASSERT_OK(life.Do(Operation::kUpdate, old_uid, ""));
  ASSERT_OK(life.Do(Operation::kQuarantine, old_uid, ""));
  ASSERT_OK(life.Do(Operation::kDecommission, old_uid, ""));
  const std::string new_uid = life.Add("b", 1, DeviceState::kRegistered)[0];
  // As its line would have registered it: the same model and serial number.
  life.Sql(
      absl::StrCat("UPDATE devices SET serial_number = 'a-1', "
                   "display_name = '' WHERE device_uid = '",
                   new_uid, "'"));
  EXPECT_EQ(life.Get(new_uid).state, DeviceState::kRegistered);
  EXPECT_EQ(life.Get(new_uid).replaces, "");
  EXPECT_TRUE(life.devices().Labels({new_uid})->empty());
  EXPECT_TRUE(life.devices().Quarantines({new_uid})->empty());
  EXPECT_EQ(Reason(life.decommissions().Get("", new_uid).status()),
            reasons::kDecommissionNotFound);
  KeyRow key = life.NewKey(new_uid);
  key.spki_sha256 =
      life.devices().ListKeys(old_uid, "", 10)->back().spki_sha256;
  EXPECT_EQ(Reason(life.Enroll(new_uid, key)), reasons::kKeyAlreadyEnrolled);
  EXPECT_EQ(Reason(life.Do(Operation::kEnroll, old_uid, "")),
            reasons::kDeviceNotActive);
}

}  // namespace
}  // namespace birthmark::storage
