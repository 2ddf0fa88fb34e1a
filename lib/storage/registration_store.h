#ifndef BIRTHMARK_LIB_STORAGE_REGISTRATION_STORE_H_
#define BIRTHMARK_LIB_STORAGE_REGISTRATION_STORE_H_

#include <string>
#include <vector>

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
  // registered or active, and still in the enrollment's from_state, and whose
  // key nobody has; for all at the price of hardly more than one. Says which
  // these were, in order. For the others nothing has happened, and Enroll finds
  // out why: one that is not as it was taken for may keep those beside it from
  // being tried, as may two of one device.
  virtual absl::StatusOr<std::vector<bool>> EnrollNew(
      absl::Span<const EnrollmentAttempt* const> attempts) = 0;
  // Enroll records the key, moves a registered device to active, writes the
  // event and the contact. Idempotent by (device, key): a repeat changes
  // nothing and returns the serial of the first call. Allowed in the states
  // registered (only if the contact's certificate is an IDevID, which the
  // caller has checked) and active; kFailedPrecondition / DEVICE_NOT_ACTIVE in
  // others. kAlreadyExists / KEY_ALREADY_ENROLLED if the key is known for
  // anyone or any use else, kFailedPrecondition / KEY_BLOCKED if it was taken
  // out of use.
  virtual absl::StatusOr<Enrolled> Enroll(const Contact& contact,
                                          const Enrollment& enrollment) = 0;
  // Touch notes the contact. The first contact with a newer operational
  // certificate makes it the device's current one and revokes those older ones
  // (superseded) that are still good, with an audit entry each.
  // kFailedPrecondition / DEVICE_NOT_ACTIVE unless the device is active.
  virtual absl::StatusOr<DeviceRow> Touch(const Contact& contact) = 0;
  // ReportFirmware records the reports and the current state by component.
  // kFailedPrecondition / DEVICE_NOT_ACTIVE unless the device is active.
  virtual absl::Status ReportFirmware(const Contact& contact,
                                      absl::Span<const FirmwareRow> reports,
                                      const DeviceEventRow& event,
                                      const Mutation& mutation) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_REGISTRATION_STORE_H_
