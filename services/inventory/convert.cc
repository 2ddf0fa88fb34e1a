#include "services/inventory/convert.h"

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/resource_name.h"
#include "lib/rpc/etag.h"
#include "lib/rpc/timestamp.h"
#include "lib/x509/certificate.h"
#include "lib/x509/serial.h"
#include "services/inventory/label.h"

namespace birthmark::inventory {
namespace {

device::v1::KeyUsage ToProto(storage::KeyUsage usage) {
  switch (usage) {
    case storage::KeyUsage::kIdevid:
      return device::v1::KEY_USAGE_IDEVID;
    case storage::KeyUsage::kLdevid:
      return device::v1::KEY_USAGE_LDEVID;
    case storage::KeyUsage::kClient:  // never a device's
      break;
  }
  return device::v1::KEY_USAGE_UNSPECIFIED;
}

device::v1::KeyState ToProto(storage::KeyState state) {
  switch (state) {
    case storage::KeyState::kActive:
      return device::v1::KEY_STATE_ACTIVE;
    case storage::KeyState::kRetired:
      return device::v1::KEY_STATE_RETIRED;
    case storage::KeyState::kBlocked:
      return device::v1::KEY_STATE_BLOCKED;
  }
  return device::v1::KEY_STATE_UNSPECIFIED;
}

device::v1::KeyProtection ToProto(storage::KeyProtection protection) {
  switch (protection) {
    case storage::KeyProtection::kNotSaid:
      break;
    case storage::KeyProtection::kSoftware:
      return device::v1::KEY_PROTECTION_SOFTWARE;
    case storage::KeyProtection::kSecureElement:
      return device::v1::KEY_PROTECTION_SECURE_ELEMENT;
    case storage::KeyProtection::kTpm:
      return device::v1::KEY_PROTECTION_TPM;
  }
  return device::v1::KEY_PROTECTION_UNSPECIFIED;
}

device::v1::WipeOutcome ToProto(storage::WipeOutcome outcome) {
  switch (outcome) {
    case storage::WipeOutcome::kWaiting:
      return device::v1::WIPE_OUTCOME_WAITING;
    case storage::WipeOutcome::kConfirmed:
      return device::v1::WIPE_OUTCOME_CONFIRMED;
    case storage::WipeOutcome::kTimedOut:
      return device::v1::WIPE_OUTCOME_TIMED_OUT;
    case storage::WipeOutcome::kNotAsked:
      return device::v1::WIPE_OUTCOME_NOT_ASKED;
  }
  return device::v1::WIPE_OUTCOME_UNSPECIFIED;
}

fleet::v1::FindingPolicy ToProto(storage::FindingPolicy policy) {
  switch (policy) {
    case storage::FindingPolicy::kAllow:
      return fleet::v1::FINDING_POLICY_ALLOW;
    case storage::FindingPolicy::kWarn:
      return fleet::v1::FINDING_POLICY_WARN;
    case storage::FindingPolicy::kDenyRenewal:
      return fleet::v1::FINDING_POLICY_DENY_RENEWAL;
    case storage::FindingPolicy::kQuarantine:
      return fleet::v1::FINDING_POLICY_QUARANTINE;
  }
  return fleet::v1::FINDING_POLICY_UNSPECIFIED;
}

device::v1::Quarantine ToProto(const storage::QuarantineRow& row) {
  device::v1::Quarantine quarantine;
  quarantine.set_reason(row.reason);
  quarantine.set_playbook(row.playbook);
  quarantine.set_actor(row.actor);
  *quarantine.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  for (const storage::HeldCertificate& held : row.held) {
    quarantine.add_held_certificates(FormatName(
        kCertificatePattern, {held.issuer_id, x509::SerialToHex(held.serial)}));
  }
  return quarantine;
}

const char* AlgorithmName(storage::KeyAlgorithm algorithm) {
  switch (algorithm) {
    case storage::KeyAlgorithm::kP256:
      return "p256";
    case storage::KeyAlgorithm::kP384:
      return "p384";
    case storage::KeyAlgorithm::kEd25519:
      return "ed25519";
    case storage::KeyAlgorithm::kRsa:
      return "rsa";
  }
  return "";
}

bool IsInForce(const std::optional<storage::RevocationRow>& revocation) {
  return revocation.has_value() &&
         revocation->state != storage::RevocationState::kReleased;
}

certificate::v1::CertificateState StateOf(const storage::CertificateRow& row,
                                          absl::Time now) {
  if (IsInForce(row.revocation)) {
    return row.revocation->state == storage::RevocationState::kHeld
               ? certificate::v1::CERTIFICATE_STATE_HELD
               : certificate::v1::CERTIFICATE_STATE_REVOKED;
  }
  // notAfter is the last second in which the certificate is good.
  return now > row.not_after ? certificate::v1::CERTIFICATE_STATE_EXPIRED
                             : certificate::v1::CERTIFICATE_STATE_GOOD;
}

}  // namespace

device::v1::DeviceState ToProto(storage::DeviceState state) {
  switch (state) {
    case storage::DeviceState::kRegistered:
      return device::v1::DEVICE_STATE_REGISTERED;
    case storage::DeviceState::kActive:
      return device::v1::DEVICE_STATE_ACTIVE;
    case storage::DeviceState::kQuarantined:
      return device::v1::DEVICE_STATE_QUARANTINED;
    case storage::DeviceState::kDecommissioning:
      return device::v1::DEVICE_STATE_DECOMMISSIONING;
    case storage::DeviceState::kDecommissioned:
      return device::v1::DEVICE_STATE_DECOMMISSIONED;
  }
  return device::v1::DEVICE_STATE_UNSPECIFIED;
}

std::string DeviceName(const storage::DeviceRow& device) {
  return FormatName(kDevicePattern, {device.fleet_id, device.device_uid});
}

fleet::v1::Fleet ToProto(const storage::FleetRow& row) {
  fleet::v1::Fleet fleet;
  fleet.set_name(FormatName(kFleetPattern, {row.fleet_id}));
  fleet.set_display_name(row.display_name);
  fleet.set_idevid_profile(absl::StrCat("profiles/", row.idevid_profile));
  fleet.set_ldevid_profile(absl::StrCat("profiles/", row.ldevid_profile));
  fleet.set_firmware_rollback_policy(ToProto(row.firmware_rollback));
  fleet.set_firmware_digest_policy(ToProto(row.firmware_digest));
  fleet.set_shared_prime_policy(ToProto(row.shared_prime));
  fleet.mutable_wipe_timeout()->set_seconds(
      absl::ToInt64Seconds(row.wipe_timeout));
  fleet.set_etag(rpc::MakeEtag(row.version));
  *fleet.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  *fleet.mutable_update_time() = rpc::ToTimestamp(row.update_time);
  return fleet;
}

device::v1::FirmwareState ToProto(const storage::FirmwareRow& row) {
  device::v1::FirmwareState state;
  state.set_component(row.component);
  state.set_version(row.firmware_version);
  state.set_digest(row.digest);
  state.set_security_version(row.security_version);
  state.set_highest_security_version(row.highest_security_version);
  *state.mutable_report_time() = rpc::ToTimestamp(row.report_time);
  if (row.boot_time.has_value()) {
    *state.mutable_boot_time() = rpc::ToTimestamp(*row.boot_time);
  }
  return state;
}

device::v1::Device ToProto(const storage::DeviceRow& row,
                           const DeviceParts& parts) {
  device::v1::Device device;
  device.set_name(DeviceName(row));
  device.set_uid(row.device_uid);
  device.set_state(ToProto(row.state));
  device.set_model(row.model);
  device.set_serial_number(row.serial_number);
  device.set_hardware_revision(row.hardware_revision);
  const std::string& birth_fleet =
      row.birth_fleet_id.empty() ? row.fleet_id : row.birth_fleet_id;
  device.set_line(
      FormatName("fleets/{fleet}/lines/{line}", {birth_fleet, row.line_id}));
  device.set_batch(FormatName("fleets/{fleet}/lines/{line}/batches/{batch}",
                              {birth_fleet, row.line_id, row.batch_id}));
  for (const storage::FirmwareRow& one : parts.firmware) {
    *device.add_firmware() = ToProto(one);
  }
  for (const storage::LabelRow& label : parts.labels) {
    (*device.mutable_labels())[label.key] = ToProto(label);
  }
  if (parts.quarantine.has_value()) {
    *device.mutable_quarantine() = ToProto(*parts.quarantine);
  }
  device.set_display_name(row.display_name);
  device.set_etag(rpc::MakeEtag(row.version));
  *device.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  *device.mutable_update_time() = rpc::ToTimestamp(row.update_time);
  if (row.last_contact_time.has_value()) {
    *device.mutable_last_contact_time() =
        rpc::ToTimestamp(*row.last_contact_time);
  }
  if (row.decommission_time.has_value()) {
    *device.mutable_decommission_time() =
        rpc::ToTimestamp(*row.decommission_time);
  }
  if (row.fleet_time.has_value()) {
    *device.mutable_fleet_time() = rpc::ToTimestamp(*row.fleet_time);
  }
  device.set_renewal_denied(row.denials > 0);
  if (!row.replaces.empty()) {
    device.set_replaces(
        FormatName(kDevicePattern, {row.fleet_id, row.replaces}));
  }
  if (!row.replaced_by.empty()) {
    device.set_replaced_by(
        FormatName(kDevicePattern, {row.fleet_id, row.replaced_by}));
  }
  return device;
}

device::v1::DeviceKey ToProto(const storage::KeyRow& row,
                              const storage::DeviceRow& device) {
  device::v1::DeviceKey key;
  key.set_name(FormatName(kKeyPattern, {device.fleet_id, device.device_uid,
                                        HexEncode(row.spki_sha256)}));
  key.set_usage(ToProto(row.usage));
  key.set_state(ToProto(row.state));
  key.set_algorithm(AlgorithmName(row.algorithm));
  key.set_bits(row.bits);
  if (!row.issuer_id.empty()) {
    key.set_certificate(FormatName(
        kCertificatePattern, {row.issuer_id, x509::SerialToHex(row.serial)}));
  }
  *key.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  if (row.retire_time.has_value()) {
    *key.mutable_retire_time() = rpc::ToTimestamp(*row.retire_time);
  }
  key.set_protection(ToProto(row.protection));
  if (row.first_use_time.has_value()) {
    *key.mutable_first_use_time() = rpc::ToTimestamp(*row.first_use_time);
  }
  if (row.last_use_time.has_value()) {
    *key.mutable_last_use_time() = rpc::ToTimestamp(*row.last_use_time);
  }
  return key;
}

device::v1::DeviceEvent ToProto(const storage::DeviceEventRow& row) {
  device::v1::DeviceEvent event;
  event.set_name(
      absl::StrCat(FormatName(kDevicePattern, {row.fleet_id, row.device_uid}),
                   "/events/", row.event_id));
  event.set_kind(row.kind);
  if (row.from_state != 0) {
    event.set_from_state(
        ToProto(static_cast<storage::DeviceState>(row.from_state)));
  }
  event.set_to_state(ToProto(row.to_state));
  event.set_actor(row.actor);
  event.set_reason(row.reason);
  event.mutable_details()->insert(row.details.begin(), row.details.end());
  *event.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  return event;
}

device::v1::Decommission ToProto(const storage::DecommissionRow& row) {
  device::v1::Decommission decommission;
  decommission.set_device(
      FormatName(kDevicePattern, {row.fleet_id, row.device_uid}));
  decommission.set_reason(row.reason);
  decommission.set_actor(row.actor);
  if (!row.job_id.empty()) {
    decommission.set_job(FormatName("fleets/{fleet}/deviceJobs/{job}",
                                    {row.fleet_id, row.job_id}));
  }
  *decommission.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  decommission.set_revoked_certificates(row.revoked);
  decommission.set_retired_keys(row.keys);
  decommission.set_wipe_outcome(ToProto(row.wipe_outcome));
  if (row.wipe_deadline.has_value()) {
    *decommission.mutable_wipe_deadline_time() =
        rpc::ToTimestamp(*row.wipe_deadline);
  }
  if (row.wipe_time.has_value()) {
    *decommission.mutable_wipe_time() = rpc::ToTimestamp(*row.wipe_time);
  }
  decommission.set_wipe_receipt(row.wipe_receipt);
  if (row.end_time.has_value()) {
    *decommission.mutable_end_time() = rpc::ToTimestamp(*row.end_time);
  }
  decommission.set_certificate_jws(row.certificate);
  return decommission;
}

absl::StatusOr<certificate::v1::Certificate> ToProto(
    const storage::CertificateRow& row, absl::Time now) {
  const std::string serial = x509::SerialToHex(row.serial);
  const absl::StatusOr<x509::Certificate> parsed =
      x509::Certificate::Parse(row.certificate_der);
  if (!parsed.ok()) {
    return absl::InternalError(
        absl::StrCat("the stored certificate ", serial,
                     " does not parse: ", parsed.status().message()));
  }
  certificate::v1::Certificate certificate;
  certificate.set_name(
      FormatName(kCertificatePattern, {row.issuer_id, serial}));
  certificate.set_certificate_der(row.certificate_der);
  certificate.set_profile(absl::StrCat("profiles/", row.profile));
  certificate.set_profile_version(row.profile_version);
  if (!row.device_uid.empty()) {
    certificate.set_device(
        FormatName(kDevicePattern, {row.fleet_id, row.device_uid}));
  }
  certificate.set_key_id(HexEncode(row.spki_sha256));
  certificate.set_crl_shard(row.crl_shard);
  certificate.set_state(StateOf(row, now));
  if (IsInForce(row.revocation)) {
    // Both are the CRLReason codes of RFC 5280.
    certificate.set_revocation_reason(
        static_cast<certificate::v1::RevocationReason>(row.revocation->reason));
    *certificate.mutable_revoke_time() =
        rpc::ToTimestamp(row.revocation->revoke_time);
  }
  *certificate.mutable_not_before_time() = rpc::ToTimestamp(row.not_before);
  *certificate.mutable_not_after_time() = rpc::ToTimestamp(row.not_after);
  *certificate.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  certificate.set_etag(
      rpc::MakeEtag(row.revocation.has_value() ? row.revocation->version : 1));
  certificate.set_subject((*parsed)->subject.ToText());
  return certificate;
}

}  // namespace birthmark::inventory
