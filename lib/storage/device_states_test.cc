// Every state and every operation: what becomes of the device. The table of
// docs/lifecycle.md.

#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/testing.h"
#include "lib/storage/device_life.h"

namespace birthmark::storage {
namespace {

constexpr int kStates = 5;
constexpr int kWipeTimeout = 3600;

struct Row {
  Operation operation;
  // For each state: the state after it, or the reason of its refusal; empty if
  // that is not an error of the API's.
  const char* becomes[kStates];
};

// REGISTERED, ACTIVE, QUARANTINED, DECOMMISSIONING, DECOMMISSIONED
constexpr Row kTable[] = {
    {Operation::kEnroll,
     {"2", "2", "DEVICE_NOT_ACTIVE", "WIPE_REQUIRED", "DEVICE_NOT_ACTIVE"}},
    {Operation::kTouch,
     {"DEVICE_NOT_ACTIVE", "2", "DEVICE_NOT_ACTIVE", "WIPE_REQUIRED",
      "DEVICE_NOT_ACTIVE"}},
    {Operation::kReport,
     {"DEVICE_NOT_ACTIVE", "2", "DEVICE_NOT_ACTIVE", "WIPE_REQUIRED",
      "DEVICE_NOT_ACTIVE"}},
    {Operation::kQuarantine,
     {"DEVICE_NOT_ACTIVE", "3", "3", "DEVICE_NOT_ACTIVE", "DEVICE_NOT_ACTIVE"}},
    {Operation::kRelease,
     {"DEVICE_STATE", "DEVICE_STATE", "2", "DEVICE_STATE", "DEVICE_STATE"}},
    {Operation::kDecommission, {"5", "4", "4", "DEVICE_STATE", "DEVICE_STATE"}},
    {Operation::kConfirmWipe, {"", "", "", "4", ""}},
    {Operation::kEnd, {"", "", "", "5", ""}},
    {Operation::kOffer,
     {"1", "2", "DEVICE_STATE", "DEVICE_STATE", "DEVICE_STATE"}},
    {Operation::kAccept,
     {"1", "1", "DEVICE_STATE", "DEVICE_STATE", "DEVICE_STATE"}},
    {Operation::kCancel, {"1", "2", "3", "4", "5"}},
    {Operation::kRequest, {"1", "2", "3", "DEVICE_STATE", "DEVICE_STATE"}},
    {Operation::kApprove, {"5", "4", "4", "DEVICE_STATE", "DEVICE_STATE"}},
    {Operation::kReject, {"1", "2", "3", "4", "5"}},
    {Operation::kUpdate, {"1", "2", "3", "DEVICE_STATE", "DEVICE_STATE"}},
    {Operation::kErase, {"1", "2", "3", "4", "5"}},
    {Operation::kBlockKey, {"1", "2", "3", "4", "5"}},
};
static_assert(std::size(kTable) == kOperations);

class DeviceStatesTest : public testing::TestWithParam<Row> {
 protected:
  DeviceStatesTest() : life_(kWipeTimeout) {
    board_ = life_.Add("board", 1, DeviceState::kRegistered)[0];
  }

  void Must(Operation operation, const std::string& uid) {
    ASSERT_OK(life_.Do(operation, uid, board_)) << OperationName(operation);
  }

  // A device with what the operation takes for granted, brought to `state`.
  std::string Given(Operation operation, DeviceState state) {
    const std::string uid =
        life_.Add(absl::StrCat("d", static_cast<int>(state)), 1,
                  state == DeviceState::kRegistered ? DeviceState::kRegistered
                                                    : DeviceState::kActive)[0];
    if (operation == Operation::kAccept || operation == Operation::kCancel) {
      Must(Operation::kOffer, uid);
    }
    if (operation == Operation::kApprove || operation == Operation::kReject) {
      // One board for each.
      board_ = life_.Add(absl::StrCat("b", static_cast<int>(state)), 1,
                         DeviceState::kRegistered)[0];
      Must(Operation::kRequest, uid);
    }
    if (state == DeviceState::kQuarantined) {
      Must(Operation::kQuarantine, uid);
    }
    if (state >= DeviceState::kDecommissioning) {
      Must(Operation::kDecommission, uid);
    }
    if (state == DeviceState::kDecommissioned) {
      Must(Operation::kEnd, uid);
    }
    EXPECT_EQ(life_.Get(uid).state, state);
    return uid;
  }

  DeviceLife life_;
  std::string board_;
};

TEST_P(DeviceStatesTest, BecomesOrRefuses) {
  const Row& row = GetParam();
  for (int s = 1; s <= kStates; ++s) {
    SCOPED_TRACE(absl::StrCat(OperationName(row.operation), " in state ", s));
    board_ =
        life_.Add(absl::StrCat("board", s), 1, DeviceState::kRegistered)[0];
    const std::string uid = Given(row.operation, static_cast<DeviceState>(s));
    const DeviceRow before = life_.Get(uid);
    const std::string events = life_.Sql("SELECT count(*) FROM device_events");
    const absl::Status status = life_.Do(row.operation, uid, board_);
    const DeviceRow after = life_.Get(uid);
    const std::string want = row.becomes[s - 1];
    if (want.size() == 1) {
      EXPECT_OK(status);
      EXPECT_EQ(absl::StrCat(static_cast<int>(after.state)), want);
    } else {
      EXPECT_FALSE(status.ok());
      EXPECT_EQ(Reason(status), want) << status;
      EXPECT_EQ(after.state, before.state);
      EXPECT_EQ(after.version, before.version);
      EXPECT_EQ(life_.Sql("SELECT count(*) FROM device_events"), events);
    }
    if (after.state != before.state) {
      EXPECT_GT(after.version, before.version);
    }
    EXPECT_EQ(life_.Broken(), "");
  }
}

INSTANTIATE_TEST_SUITE_P(All, DeviceStatesTest, testing::ValuesIn(kTable),
                         [](const auto& info) {
                           return std::string(
                               OperationName(info.param.operation));
                         });

class WipeTimeoutTest : public testing::Test {};

TEST_F(WipeTimeoutTest, WhoIsNotWaitedForIsDecommissionedAtOnce) {
  DeviceLife life(0);
  for (const bool quarantined : {false, true}) {
    const std::string uid =
        life.Add(quarantined ? "q" : "a", 1, DeviceState::kActive)[0];
    if (quarantined) {
      ASSERT_OK(life.Do(Operation::kQuarantine, uid, ""));
    }
    ASSERT_OK(life.Do(Operation::kUpdate, uid, ""));
    ASSERT_OK(life.Do(Operation::kDecommission, uid, ""));
    const DeviceRow device = life.Get(uid);
    EXPECT_EQ(device.state, DeviceState::kDecommissioned);
    EXPECT_EQ(device.display_name, "");
    EXPECT_TRUE(device.decommission_time.has_value());
    ASSERT_OK_AND_ASSIGN(const DecommissionRow row,
                         life.decommissions().Get("", uid));
    EXPECT_EQ(row.wipe_outcome, WipeOutcome::kNotAsked);
    EXPECT_EQ(row.revoked, 2);
    EXPECT_EQ(row.keys, 2);
    EXPECT_TRUE(row.end_time.has_value());
    EXPECT_EQ(life.Broken(), "");
  }
}

}  // namespace
}  // namespace birthmark::storage
