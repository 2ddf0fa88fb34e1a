#ifndef BIRTHMARK_LIB_STORAGE_PG_REGISTRATION_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_REGISTRATION_STORE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/storage/database.h"
#include "lib/storage/device_row.h"
#include "lib/storage/registration_store.h"

namespace birthmark::storage {

// PgRegistrationStore is the RegistrationStore on PostgreSQL: enrolling is in
// pg_enrollment.cc, reporting in pg_firmware_report.cc. `database` must outlive
// it.
class PgRegistrationStore : public RegistrationStore {
 public:
  explicit PgRegistrationStore(Database& database) : database_(database) {}

  absl::StatusOr<KnownDevice> FindDeviceByCertificate(
      absl::string_view serial) override;
  absl::StatusOr<std::vector<bool>> EnrollNew(
      absl::Span<const EnrollmentAttempt* const> attempts) override;
  absl::StatusOr<Enrolled> Enroll(const Contact& contact,
                                  const Enrollment& enrollment) override;
  absl::StatusOr<DeviceRow> Touch(const Contact& contact) override;
  std::vector<absl::Status> ReportFirmware(
      absl::Span<const FirmwareAttempt* const> attempts) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_REGISTRATION_STORE_H_
