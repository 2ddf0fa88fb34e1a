#include "lib/storage/fake_wipe_store.h"

#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"

namespace birthmark::storage {

void FakeWipeStore::Tell(const std::string& serial, const Wipe& wipe) {
  std::lock_guard<std::mutex> lock(mutex_);
  wipes_[serial] = wipe;
}

std::map<std::string, WipeReceipt> FakeWipeStore::receipts() {
  std::lock_guard<std::mutex> lock(mutex_);
  return receipts_;
}

absl::StatusOr<Wipe*> FakeWipeStore::FindLocked(absl::string_view serial,
                                                absl::Time now) {
  const auto found = wipes_.find(std::string(serial));
  if (found == wipes_.end() || (!found->second.confirm_time.has_value() &&
                                now > found->second.deadline)) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kWipeNotRequired, "fake");
  }
  return &found->second;
}

absl::StatusOr<Wipe> FakeWipeStore::Find(absl::string_view serial,
                                         absl::Time now) {
  std::lock_guard<std::mutex> lock(mutex_);
  BIRTHMARK_ASSIGN_OR_RETURN(const Wipe* wipe, FindLocked(serial, now));
  return *wipe;
}

absl::StatusOr<Wipe> FakeWipeStore::Confirm(absl::string_view serial,
                                            const WipeReceipt& receipt,
                                            const DeviceEventRow&,
                                            const Mutation&) {
  std::lock_guard<std::mutex> lock(mutex_);
  BIRTHMARK_ASSIGN_OR_RETURN(Wipe * wipe, FindLocked(serial, receipt.time));
  if (wipe->instruction != receipt.instruction) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     reasons::kReceiptMismatch, "fake");
  }
  if (!wipe->confirm_time.has_value()) {
    wipe->confirm_time = receipt.time;
    receipts_[std::string(serial)] = receipt;
  }
  return *wipe;
}

}  // namespace birthmark::storage
