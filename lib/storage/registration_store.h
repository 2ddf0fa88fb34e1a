#ifndef BIRTHMARK_LIB_STORAGE_REGISTRATION_STORE_H_
#define BIRTHMARK_LIB_STORAGE_REGISTRATION_STORE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/device_row.h"
#include "lib/storage/key_row.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// Contact is a device that called with one of its own certificates.
struct Contact {
  std::string device_uid;
  std::string serial;  // of the certificate it came with: 16 octets
  std::string actor;
  absl::Time time;
};

// Enrollment is a fresh operational key that a device asks a certificate for.
struct Enrollment {
  KeyRow key;  // usage kLdevid; `serial` is the proposal
  // Kind "registered" or "renewed"; from_state is what the device was in when
  // the caller looked. Enroll completes the states.
  DeviceEventRow event;
  Mutation mutation;
};

// Enrolled is what became of it.
struct Enrolled {
  DeviceRow device;
  std::string serial;  // of the first call with this key
  // The certificate if this key has it already: answer it, sign nothing.
  std::string certificate_der;
};

// EnrollmentAttempt is what EnrollNew tries.
struct EnrollmentAttempt {
  Contact contact;
  Enrollment enrollment;
};

// KnownDevice is a device and what its fleet has for it.
struct KnownDevice {
  DeviceRow device;
  std::string ldevid_profile;
};

// FirmwareAttempt is what one device says that it runs.
struct FirmwareAttempt {
  Contact contact;
  std::vector<FirmwareRow> reports;  // of different components
  // Kind "firmware_reported". Written if version, digest or security version of
  // a component are not what they were; the store completes states, fleet and
  // details: these components.
  DeviceEventRow event;
  Mutation mutation;
};

// RegistrationStore is the devices' own side: they enroll keys and report
// firmware. Thread-safe. Every method is one transaction.
class RegistrationStore {
 public:
  virtual ~RegistrationStore() = default;
  // FindDeviceByCertificate returns the device whose certificate has `serial`.
  // kNotFound / DEVICE_NOT_FOUND.
  virtual absl::StatusOr<KnownDevice> FindDeviceByCertificate(
      absl::string_view serial) = 0;
  // EnrollNew does what Enroll does for those of `attempts` whose device is
  // registered or active, and still in the enrollment's from_state, whom no
  // finding denies it, and whose key nobody has; for all at the price of hardly
  // more than one. Says which these were, in order. For the others nothing has
  // happened, and Enroll finds out why: one that is not as it was taken for may
  // keep those beside it from being tried, as may two of one device.
  virtual absl::StatusOr<std::vector<bool>> EnrollNew(
      absl::Span<const EnrollmentAttempt* const> attempts) = 0;
  // Enroll records the key, moves a registered device to active, writes the
  // event and the contact. Idempotent by (device, key): a repeat changes
  // nothing and returns the serial of the first call. Allowed in the states
  // registered (only if the contact's certificate is an IDevID, which the
  // caller has checked) and active; kFailedPrecondition / DEVICE_NOT_ACTIVE in
  // others. kAlreadyExists / KEY_ALREADY_ENROLLED if the key is known for
  // anyone or any use else, kFailedPrecondition / KEY_BLOCKED if it was taken
  // out of use, FINDING_DENIES_RENEWAL if a finding denies the device a
  // certificate that it does not have yet.
  virtual absl::StatusOr<Enrolled> Enroll(const Contact& contact,
                                          const Enrollment& enrollment) = 0;
  // Touch notes the contact, and to five minutes the use of the certificate's
  // key. The first contact with a newer operational
  // certificate makes it the device's current one and revokes those older ones
  // (superseded) that are still good, with an audit entry each.
  // kFailedPrecondition / DEVICE_NOT_ACTIVE, or WIPE_REQUIRED, unless the
  // device is active.
  virtual absl::StatusOr<DeviceRow> Touch(const Contact& contact) = 0;
  // ReportFirmware records what devices say that they run, all in one
  // transaction and hardly more statements than for one; each on its own merit,
  // one status for each, in order. Two of one device are done one after the
  // other. Notes each contact as Touch does, keeps the history and what is
  // current, and raises findings by the fleets' policies
  // (finding_store.h): kFirmwareRollback, kFirmwareDigest. What a finding costs
  // its device does not make the report fail. Each fails with
  // kFailedPrecondition / DEVICE_NOT_ACTIVE or WIPE_REQUIRED unless the device
  // is active, kNotFound / DEVICE_NOT_FOUND, kAborted / TRANSACTION_CONFLICT if
  // its request id is taken.
  virtual std::vector<absl::Status> ReportFirmware(
      absl::Span<const FirmwareAttempt* const> attempts) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_REGISTRATION_STORE_H_
