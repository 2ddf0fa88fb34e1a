// FirmwareRecorder has reports of firmware recorded.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_FIRMWARE_RECORDER_H_
#define BIRTHMARK_SERVICES_REGISTRATION_FIRMWARE_RECORDER_H_

#include <cstddef>

#include "absl/status/status.h"
#include "lib/base/combiner.h"
#include "lib/storage/registration_store.h"

namespace birthmark::registration {

// FirmwareRecorder is thread-safe. Devices that report at the same time share a
// transaction; their outcomes do not depend on each other. The store must
// outlive it.
class FirmwareRecorder {
 public:
  // Devices that share a commit.
  static constexpr size_t kLargestGroup = 128;

  explicit FirmwareRecorder(storage::RegistrationStore& store);

  // Record returns when the report is recorded for good. Fails as
  // RegistrationStore::ReportFirmware does.
  absl::Status Record(const storage::FirmwareAttempt& attempt);

 private:
  struct Job {
    const storage::FirmwareAttempt& attempt;
    absl::Status status;
  };

  Combiner<Job> combiner_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_FIRMWARE_RECORDER_H_
