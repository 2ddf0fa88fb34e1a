#include "lib/storage/fake_registration_store.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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

absl::Status NotActive(const DeviceRow& device) {
  return Fail(absl::StatusCode::kFailedPrecondition,
              device.state == DeviceState::kDecommissioning
                  ? reasons::kWipeRequired
                  : reasons::kDeviceNotActive,
              device.device_uid);
}

absl::StatusOr<DeviceRow*> FindActive(FakeDatabase::Tables& tables,
                                      const std::string& device_uid) {
  BIRTHMARK_ASSIGN_OR_RETURN(DeviceRow * device, Find(tables, device_uid));
  if (device->state != DeviceState::kActive) {
    return NotActive(*device);
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
          (*device)->denials == 0 &&
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
    return NotActive(*device);
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
  if (device->denials > 0) {
    return Fail(absl::StatusCode::kFailedPrecondition,
                reasons::kFindingDeniesRenewal, contact.device_uid);
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

absl::Status FakeRegistrationStore::Report(const FirmwareAttempt& attempt) {
  BIRTHMARK_RETURN_IF_ERROR(Touch(attempt.contact).status());
  FakeDatabase::Transaction transaction(database_);
  const std::string& uid = attempt.contact.device_uid;
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceRow* device,
                             FindActive(transaction.tables(), uid));
  DeviceEventRow event = attempt.event;
  event.device_uid = uid;
  event.fleet_id = device->fleet_id;
  event.from_state = static_cast<int>(device->state);
  event.to_state = device->state;
  event.details.clear();
  for (const FirmwareRow& report : attempt.reports) {
    FirmwareRow& now = transaction->firmware[{uid, report.component}];
    if (now.firmware_version != report.firmware_version ||
        now.digest != report.digest ||
        now.security_version != report.security_version) {
      event.details[report.component] =
          absl::StrCat(report.firmware_version, " ", HexEncode(report.digest));
    }
    const int64_t highest =
        std::max(now.highest_security_version, report.security_version);
    now = report;
    now.highest_security_version = highest;
  }
  if (!event.details.empty()) {
    transaction->events.push_back(event);
  }
  BIRTHMARK_RETURN_IF_ERROR(FakeRecord(transaction.tables(), attempt.mutation));
  transaction.Commit();
  return absl::OkStatus();
}

std::vector<absl::Status> FakeRegistrationStore::ReportFirmware(
    absl::Span<const FirmwareAttempt* const> attempts) {
  std::vector<absl::Status> statuses;
  for (const FirmwareAttempt* attempt : attempts) {
    statuses.push_back(Report(*attempt));
  }
  return statuses;
}

}  // namespace birthmark::storage
