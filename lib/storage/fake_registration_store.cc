#include "lib/storage/fake_registration_store.h"

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/random.h"

namespace birthmark::storage {
namespace {

absl::Status Fail(absl::StatusCode code, absl::string_view reason,
                  absl::string_view resource) {
  return MakeError(code, reason, "fake", {{"resource", resource}});
}

absl::StatusOr<DeviceRow*> Find(FakeDatabase::Tables& tables,
                                const std::string& device_uid) {
  const auto found = tables.devices.find(device_uid);
  if (found == tables.devices.end()) {
    return Fail(absl::StatusCode::kNotFound, reasons::kDeviceNotFound,
                device_uid);
  }
  return &found->second;
}

absl::StatusOr<DeviceRow*> FindActive(FakeDatabase::Tables& tables,
                                      const std::string& device_uid) {
  BIRTHMARK_ASSIGN_OR_RETURN(DeviceRow * device, Find(tables, device_uid));
  if (device->state != DeviceState::kActive) {
    return Fail(absl::StatusCode::kFailedPrecondition,
                reasons::kDeviceNotActive, device_uid);
  }
  return device;
}

// Supersede revokes the good operational certificates that are older.
void Supersede(FakeDatabase::Tables& tables, const Contact& contact) {
  for (const auto& [spki, key] : tables.keys) {
    const auto certificate = tables.certificates.find(key.serial);
    if (key.device_uid != contact.device_uid ||
        key.usage != KeyUsage::kLdevid || key.serial >= contact.serial ||
        certificate == tables.certificates.end()) {
      continue;
    }
    const auto revocation = tables.revocations.find(key.serial);
    if ((revocation != tables.revocations.end() &&
         revocation->second.state == RevocationState::kHeld) ||
        !FakeRevoke(tables, certificate->second, 4, contact.actor,
                    contact.time)) {
      continue;
    }
    tables.audit.push_back(
        {.id = FormatUid(contact.time, crypto::RandomBytes(kUidRandomBytes)),
         .time = contact.time,
         .actor = contact.actor,
         .action = "certificate.revoke",
         .resource = absl::StrCat("issuers/", certificate->second.issuer_id,
                                  "/certificates/", HexEncode(key.serial))});
  }
}

}  // namespace

absl::StatusOr<KnownDevice> FakeRegistrationStore::FindDeviceByCertificate(
    absl::string_view serial) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto found = transaction->certificates.find(std::string(serial));
  if (found == transaction->certificates.end()) {
    return Fail(absl::StatusCode::kNotFound, reasons::kDeviceNotFound,
                HexEncode(serial));
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceRow* device,
      Find(transaction.tables(), found->second.device_uid));
  const auto fleet = transaction->fleets.find(device->fleet_id);
  if (fleet == transaction->fleets.end()) {
    return Fail(absl::StatusCode::kNotFound, reasons::kDeviceNotFound,
                device->fleet_id);
  }
  return KnownDevice{*device, fleet->second.ldevid_profile};
}

absl::StatusOr<std::vector<bool>> FakeRegistrationStore::EnrollNew(
    absl::Span<const EnrollmentAttempt* const> attempts) {
  std::vector<bool> done;
  for (const EnrollmentAttempt* attempt : attempts) {
    bool is_new = false;
    {
      FakeDatabase::Transaction transaction(database_);
      BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
      const auto device =
          Find(transaction.tables(), attempt->contact.device_uid);
      is_new =
          device.ok() &&
          static_cast<int>((*device)->state) ==
              attempt->enrollment.event.from_state &&
          transaction->keys.count(attempt->enrollment.key.spki_sha256) == 0;
    }
    done.push_back(is_new &&
                   Enroll(attempt->contact, attempt->enrollment).ok());
  }
  return done;
}

absl::StatusOr<Enrolled> FakeRegistrationStore::Enroll(
    const Contact& contact, const Enrollment& enrollment) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  BIRTHMARK_ASSIGN_OR_RETURN(DeviceRow * device,
                             Find(transaction.tables(), contact.device_uid));
  if (device->state != DeviceState::kRegistered &&
      device->state != DeviceState::kActive) {
    return Fail(absl::StatusCode::kFailedPrecondition,
                reasons::kDeviceNotActive, contact.device_uid);
  }
  const KeyRow& key = enrollment.key;
  const auto known = transaction->keys.find(key.spki_sha256);
  if (known != transaction->keys.end()) {
    if (known->second.device_uid != contact.device_uid ||
        known->second.usage != key.usage) {
      return Fail(absl::StatusCode::kAlreadyExists,
                  reasons::kKeyAlreadyEnrolled, HexEncode(key.spki_sha256));
    }
    if (known->second.state != KeyState::kActive) {
      return Fail(absl::StatusCode::kFailedPrecondition, reasons::kKeyBlocked,
                  HexEncode(key.spki_sha256));
    }
    Enrolled earlier = {.device = *device, .serial = known->second.serial};
    const auto certificate = transaction->certificates.find(earlier.serial);
    if (certificate != transaction->certificates.end()) {
      earlier.certificate_der = certificate->second.certificate_der;
    }
    return earlier;
  }
  transaction->keys[key.spki_sha256] = key;
  DeviceEventRow event = enrollment.event;
  event.device_uid = contact.device_uid;
  event.fleet_id = device->fleet_id;
  event.from_state = static_cast<int>(device->state);
  event.to_state = DeviceState::kActive;
  transaction->events.push_back(event);
  if (device->state != DeviceState::kActive) {
    device->state = DeviceState::kActive;
    device->update_time = contact.time;
    ++device->version;
  }
  device->last_contact_time = contact.time;
  BIRTHMARK_RETURN_IF_ERROR(
      FakeRecord(transaction.tables(), enrollment.mutation));
  transaction.Commit();
  return Enrolled{.device = *device, .serial = key.serial};
}

absl::StatusOr<DeviceRow> FakeRegistrationStore::Touch(const Contact& contact) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  BIRTHMARK_ASSIGN_OR_RETURN(
      DeviceRow * device, FindActive(transaction.tables(), contact.device_uid));
  device->last_contact_time = contact.time;
  bool operational = false;
  for (const auto& [spki, key] : transaction->keys) {
    operational |= key.device_uid == contact.device_uid &&
                   key.serial == contact.serial &&
                   key.usage == KeyUsage::kLdevid;
  }
  if (operational && contact.serial > device->current_serial) {
    device->current_serial = contact.serial;
    device->update_time = contact.time;
    ++device->version;
    Supersede(transaction.tables(), contact);
  }
  transaction.Commit();
  return *device;
}

absl::Status FakeRegistrationStore::ReportFirmware(
    const Contact& contact, absl::Span<const FirmwareRow> reports,
    const DeviceEventRow& event, const Mutation& mutation) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  BIRTHMARK_ASSIGN_OR_RETURN(
      DeviceRow * device, FindActive(transaction.tables(), contact.device_uid));
  for (const FirmwareRow& report : reports) {
    transaction->firmware[{contact.device_uid, report.component}] = report;
  }
  device->last_contact_time = contact.time;
  DeviceEventRow full = event;
  full.device_uid = contact.device_uid;
  full.fleet_id = device->fleet_id;
  full.from_state = static_cast<int>(device->state);
  full.to_state = device->state;
  transaction->events.push_back(full);
  BIRTHMARK_RETURN_IF_ERROR(FakeRecord(transaction.tables(), mutation));
  transaction.Commit();
  return absl::OkStatus();
}

}  // namespace birthmark::storage
