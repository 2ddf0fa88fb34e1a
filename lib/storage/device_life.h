// DeviceLife does all that can be done to devices, on a private PostgreSQL, for
// tests of what becomes of them. Only for lib/storage's tests.

#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_LIFE_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_LIFE_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/database.h"
#include "lib/storage/pg_certificate_store.h"
#include "lib/storage/pg_decommission_store.h"
#include "lib/storage/pg_device_store.h"
#include "lib/storage/pg_registration_store.h"
#include "lib/storage/pg_revocation_store.h"
#include "lib/storage/pg_transfer_store.h"

namespace birthmark::storage {

enum class Operation {
  kEnroll,  // a new operational key, whose certificate is recorded at once
  kTouch,
  kReport,
  kQuarantine,
  kRelease,
  kDecommission,
  kConfirmWipe,
  kEnd,  // as if its time were over
  kOffer,
  kAccept,  // the offer that was made before
  kCancel,
  kRequest,
  kApprove,  // the replacement that was requested before
  kReject,
  kUpdate,
  kErase,
  kBlockKey,
};
inline constexpr int kOperations = 17;
const char* OperationName(Operation operation);

// DeviceLife is thread-safe but for its construction. Each empties the database
// that all share.
class DeviceLife {
 public:
  static constexpr char kFleet[] = "acme";
  static constexpr char kOther[] = "other";
  static constexpr char kAda[] = "spiffe://birthmark.test/operator/ada";
  static constexpr char kBob[] = "spiffe://birthmark.test/operator/bob";

  explicit DeviceLife(int wipe_timeout_seconds);

  // Add adds devices with two certificates each; in `state`, which must be
  // registered or active.
  std::vector<std::string> Add(const std::string& herd, int devices,
                               DeviceState state);
  // Do does one operation. `board` takes the place of a replaced device.
  absl::Status Do(Operation operation, const std::string& uid,
                  const std::string& board);

  DeviceRow Get(const std::string& uid);
  // Sql returns what a statement returns: a line for each row.
  std::string Sql(const std::string& statement) const;
  // Broken returns what is not as it must be always, a line for each kind;
  // empty if all is well.
  std::string Broken() const;

  // Now is a whole second that moves on with each call.
  absl::Time Now();
  std::string Uid();
  KeyRow NewKey(const std::string& uid);
  absl::Status Enroll(const std::string& uid, const KeyRow& key);
  absl::Status Record(const KeyRow& key, const std::string& fleet_id);
  Mutation Change(absl::string_view action);
  DeviceAct ActOf(DeviceActKind kind);

  Database& database() { return *inventory_; }
  DeviceStore& devices() { return devices_; }
  DecommissionStore& decommissions() { return decommissions_; }
  TransferStore& transfers() { return transfers_; }
  RevocationStore& revocations() { return revocations_; }

 private:
  absl::Status Act(const std::string& uid, DeviceActKind kind);
  absl::Status Report(const std::string& uid);
  absl::Status ConfirmWipe(const std::string& uid);
  absl::Status End(const std::string& uid);
  absl::Status Transfer(Operation operation, const std::string& uid);
  absl::Status Replace(Operation operation, const std::string& uid,
                       const std::string& board);
  absl::Status Change(Operation operation, const std::string& uid);
  DeviceEventRow Event(absl::string_view kind);
  std::string CurrentSerial(const std::string& uid);

  const int wipe_timeout_seconds_;
  std::atomic<int64_t> seconds_;
  std::atomic<int> count_ = 0;
  std::unique_ptr<Database> inventory_;
  std::unique_ptr<Database> registration_database_;
  std::unique_ptr<Database> ca_;
  PgDeviceStore devices_;
  PgDecommissionStore decommissions_;
  PgTransferStore transfers_;
  PgRegistrationStore registration_;
  PgRevocationStore revocations_;
  PgCertificateStore certificates_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_LIFE_H_
