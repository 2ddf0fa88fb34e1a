#ifndef BIRTHMARK_LIB_STORAGE_FAKE_WIPE_STORE_H_
#define BIRTHMARK_LIB_STORAGE_FAKE_WIPE_STORE_H_

#include <map>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/wipe_store.h"

namespace birthmark::storage {

// FakeWipeStore is the WipeStore in memory, for tests, with tables of its own.
class FakeWipeStore : public WipeStore {
 public:
  // Tell has the device whose certificate has `serial` told to wipe itself.
  void Tell(const std::string& serial, const Wipe& wipe);
  // receipts are those that were recorded, by the certificates' serial.
  std::map<std::string, WipeReceipt> receipts();

  absl::StatusOr<Wipe> Find(absl::string_view serial, absl::Time now) override;
  absl::StatusOr<Wipe> Confirm(absl::string_view serial,
                               const WipeReceipt& receipt,
                               const DeviceEventRow& event,
                               const Mutation& mutation) override;

 private:
  absl::StatusOr<Wipe*> FindLocked(absl::string_view serial, absl::Time now);

  std::mutex mutex_;
  std::map<std::string, Wipe> wipes_;            // under mutex_
  std::map<std::string, WipeReceipt> receipts_;  // under mutex_
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FAKE_WIPE_STORE_H_
