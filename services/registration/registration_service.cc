#include "services/registration/registration_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/bytes.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "lib/policy/profile.h"
#include "lib/rpc/idempotency.h"
#include "lib/rpc/serve.h"
#include "lib/rpc/timestamp.h"
#include "lib/x509/certificate.h"
#include "lib/x509/csr.h"
#include "lib/x509/serial.h"
#include "services/registration/csr_check.h"
#include "services/registration/firmware_check.h"
#include "services/registration/key_protection.h"

namespace birthmark::registration {
namespace {

std::string DeviceName(const storage::DeviceRow& device) {
  return FormatName("fleets/{fleet}/devices/{device}",
                    {device.fleet_id, device.device_uid});
}

absl::StatusOr<storage::Contact> ContactOf(const rpc::CallContext& context,
                                           absl::string_view device_uid,
                                           absl::Time now) {
  storage::Contact contact;
  contact.device_uid = std::string(device_uid);
  BIRTHMARK_ASSIGN_OR_RETURN(contact.serial,
                             x509::SerialFromHex(context.caller().serial));
  contact.actor = context.caller().actor;
  contact.time = now;
  return contact;
}

}  // namespace

void RegistrationServiceImpl::Register(rpc::Router& router) {
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(router,
                    absl::StrCat("birthmark.registration.v1."
                                 "RegistrationService.",
                                 name),
                    this, method);
  };
  serve("RegisterDevice", &RegistrationServiceImpl::RegisterDevice);
  serve("RenewCertificate", &RegistrationServiceImpl::RenewCertificate);
  serve("ReportFirmware", &RegistrationServiceImpl::ReportFirmware);
}

absl::StatusOr<storage::DeviceRow> RegistrationServiceImpl::Touch(
    const rpc::CallContext& context, absl::Time now) {
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::Contact contact,
                             ContactOf(context, context.caller().name, now));
  return with_.registrations.Touch(contact);
}

absl::StatusOr<RegistrationServiceImpl::Operational>
RegistrationServiceImpl::Enroll(const rpc::CallContext& context,
                                const storage::KnownDevice& known,
                                absl::string_view csr_der,
                                storage::KeyProtection protection,
                                absl::string_view kind,
                                absl::string_view action, absl::Time now) {
  const storage::DeviceRow& device = known.device;
  BIRTHMARK_ASSIGN_OR_RETURN(
      const policy::Profile* profile,
      profiles_.Find(known.ldevid_profile, policy::ProfileKind::kLdevid));
  BIRTHMARK_ASSIGN_OR_RETURN(const CertifiableKey key,
                             CheckCsr(csr_der, *profile));
  const std::string name = DeviceName(device);
  const std::string& actor = context.caller().actor;
  const std::string serial = with_.serials.Next();

  BIRTHMARK_ASSIGN_OR_RETURN(const storage::Contact contact,
                             ContactOf(context, device.device_uid, now));
  Enroller::Order order;
  order.attempt.contact = contact;
  order.spki_der = key.spki_der;
  order.fleet_id = device.fleet_id;
  order.profile = profile;
  storage::Enrollment& enrollment = order.attempt.enrollment;
  enrollment.key =
      MakeKeyRow(key, storage::KeyUsage::kLdevid, device.device_uid, name,
                 serial, profile->id, now);
  enrollment.key.protection = protection;
  enrollment.event.device_uid = device.device_uid;
  enrollment.event.event_id = crypto::NewUid(with_.clock);
  enrollment.event.kind = std::string(kind);
  enrollment.event.from_state = static_cast<int>(device.state);
  enrollment.event.actor = actor;
  enrollment.event.details = {{"key", HexEncode(key.spki_sha256)},
                              {"serial", serial}};
  enrollment.event.create_time = now;
  enrollment.mutation.audit.push_back(audit::NewEntry(
      with_.clock, actor, action, name, enrollment.event.details));

  Operational result;
  result.device = name;
  BIRTHMARK_ASSIGN_OR_RETURN(result.chain, enroller_.Enroll(std::move(order)));
  BIRTHMARK_ASSIGN_OR_RETURN(const x509::Certificate leaf,
                             x509::Certificate::Parse(result.chain.front()));
  result.renew_time = policy::RenewTime({leaf->not_before, leaf->not_after});
  return result;
}

absl::StatusOr<v1::RegisterDeviceResponse>
RegistrationServiceImpl::RegisterDevice(
    const rpc::CallContext& context, const v1::RegisterDeviceRequest& request) {
  BIRTHMARK_RETURN_IF_ERROR(x509::Csr::Parse(request.csr_der()).status());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const storage::KeyProtection protection,
      CheckProtection(request.key_protection(), "key_protection"));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string birth_serial,
                             x509::SerialFromHex(context.caller().serial));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const storage::KnownDevice device,
      with_.registrations.FindDeviceByCertificate(birth_serial));
  BIRTHMARK_ASSIGN_OR_RETURN(
      Operational operational,
      Enroll(context, device, request.csr_der(), protection, "registered",
             "device.register", NowSeconds(with_.clock)));
  v1::RegisterDeviceResponse response;
  response.set_device(operational.device);
  for (std::string& der : operational.chain) {
    response.add_certificate_chain_der(std::move(der));
  }
  *response.mutable_renew_time() = rpc::ToTimestamp(operational.renew_time);
  return response;
}

absl::StatusOr<v1::RenewCertificateResponse>
RegistrationServiceImpl::RenewCertificate(
    const rpc::CallContext& context,
    const v1::RenewCertificateRequest& request) {
  BIRTHMARK_RETURN_IF_ERROR(x509::Csr::Parse(request.csr_der()).status());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const storage::KeyProtection protection,
      CheckProtection(request.key_protection(), "key_protection"));
  const absl::Time now = NowSeconds(with_.clock);
  storage::KnownDevice known;
  BIRTHMARK_ASSIGN_OR_RETURN(known.device, Touch(context, now));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::FleetRow fleet,
                             with_.fleets.Get(known.device.fleet_id));
  known.ldevid_profile = fleet.ldevid_profile;
  BIRTHMARK_ASSIGN_OR_RETURN(
      Operational operational,
      Enroll(context, known, request.csr_der(), protection, "renewed",
             "device.renew", now));
  v1::RenewCertificateResponse response;
  for (std::string& der : operational.chain) {
    response.add_certificate_chain_der(std::move(der));
  }
  *response.mutable_renew_time() = rpc::ToTimestamp(operational.renew_time);
  return response;
}

absl::StatusOr<v1::ReportFirmwareResponse>
RegistrationServiceImpl::ReportFirmware(
    const rpc::CallContext& context, const v1::ReportFirmwareRequest& request) {
  const absl::Time now = NowSeconds(with_.clock);
  BIRTHMARK_ASSIGN_OR_RETURN(std::vector<storage::FirmwareRow> rows,
                             CheckFirmwareReports(request, now));
  for (storage::FirmwareRow& row : rows) {
    row.report_id = crypto::NewUid(with_.clock);
  }
  storage::FirmwareAttempt attempt;
  BIRTHMARK_ASSIGN_OR_RETURN(attempt.contact,
                             ContactOf(context, context.caller().name, now));
  const storage::Contact& contact = attempt.contact;
  attempt.event.event_id = crypto::NewUid(with_.clock);
  attempt.event.kind = "firmware_reported";
  attempt.event.actor = contact.actor;
  attempt.event.create_time = now;
  // A device keeps its fleet as long as it has a certificate of it.
  audit::Entry entry =
      audit::NewEntry(with_.clock, contact.actor, "device.report_firmware",
                      FormatName("fleets/{fleet}/devices/{device}",
                                 {context.caller().fleet, contact.device_uid}));
  for (const storage::FirmwareRow& row : rows) {
    entry.details[row.component] =
        absl::StrCat(row.firmware_version, " ", HexEncode(row.digest));
  }
  attempt.mutation.audit.push_back(std::move(entry));
  attempt.reports = std::move(rows);
  v1::ReportFirmwareResponse response;
  *response.mutable_record_time() = rpc::ToTimestamp(now);
  return rpc::RunOnce<v1::ReportFirmwareResponse>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record)
          -> absl::StatusOr<v1::ReportFirmwareResponse> {
        attempt.mutation.request = record(response);
        BIRTHMARK_RETURN_IF_ERROR(recorder_.Record(attempt));
        return response;
      },
      rpc::LookFirst::kNo);
}

}  // namespace birthmark::registration
