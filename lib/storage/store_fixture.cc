#include "lib/storage/store_fixture.h"

#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/base/bytes.h"
#include "lib/base/ids.h"
#include "lib/crypto/hash.h"

namespace birthmark::storage {
namespace {

void Must(const absl::Status& status) {
  if (!status.ok()) {
    std::cerr << "cannot set the scene: " << status << std::endl;
    abort();
  }
}

template <typename T>
T Must(absl::StatusOr<T> value) {
  Must(value.status());
  return *std::move(value);
}

}  // namespace

std::string BackendName(const testing::TestParamInfo<BackendFactory>& info) {
  return info.param.name;
}

std::string StoreTest::Uid() {
  return FormatUid(time_, Digest().substr(0, 10));
}

std::string StoreTest::Digest() {
  return crypto::Sha256(absl::StrCat("digest ", ++count_));
}

std::string StoreTest::Serial() {
  std::string serial;
  AppendUint64(static_cast<uint64_t>(absl::ToUnixMillis(time_)) << 16, serial);
  AppendUint64(++count_, serial);
  return serial;
}

audit::Entry StoreTest::Entry(absl::string_view action,
                              absl::string_view resource) {
  return {.id = Uid(),
          .time = Now(),
          .actor = kActor,
          .action = std::string(action),
          .resource = std::string(resource)};
}

Mutation StoreTest::Change(absl::string_view action,
                           absl::string_view resource) {
  return {.audit = {Entry(action, resource)}};
}

DeviceEventRow StoreTest::Event(absl::string_view kind) {
  return {.fleet_id = "acme",
          .event_id = Uid(),
          .kind = std::string(kind),
          .to_state = DeviceState::kRegistered,
          .actor = kActor,
          .reason = "test",
          .create_time = Now()};
}

FleetRow StoreTest::Fleet(absl::string_view id) {
  const absl::Time now = Now();
  return {.fleet_id = std::string(id),
          .display_name = absl::StrCat("Fleet ", id),
          .idevid_profile = "idevid",
          .ldevid_profile = "ldevid",
          .create_time = now,
          .update_time = now};
}

LineRow StoreTest::Line(absl::string_view id, int64_t quota) {
  return {.fleet_id = "acme",
          .line_id = std::string(id),
          .models = {"gateway-7", "sensor \"s\", {2}"},
          .quota = quota,
          .create_time = Now()};
}

KeyRow StoreTest::ClientKey(absl::string_view owner) {
  return {.spki_sha256 = Digest(),
          .owner = std::string(owner),
          .usage = KeyUsage::kClient,
          .serial = Serial(),
          .profile = "line",
          .create_time = Now()};
}

AdmissionRequest StoreTest::Item(absl::string_view id) {
  AdmissionRequest request;
  request.item_id = std::string(id);
  request.csr_sha256 = Digest();
  request.device = {.device_uid = Uid(),
                    .fleet_id = "acme",
                    .model = "gateway-7",
                    .serial_number = absl::StrCat("SN-", id),
                    .hardware_revision = "r1",
                    .line_id = "one",
                    .batch_id = "b1",
                    .create_time = Now()};
  request.device.update_time = request.device.create_time;
  const std::string name =
      absl::StrCat("fleets/acme/devices/", request.device.device_uid);
  request.key = {.spki_sha256 = Digest(),
                 .device_uid = request.device.device_uid,
                 .owner = name,
                 .usage = KeyUsage::kIdevid,
                 .serial = Serial(),
                 .profile = "idevid",
                 .create_time = request.device.create_time};
  request.event = Event("provisioned");
  request.event.device_uid = request.device.device_uid;
  request.audit = Entry("device.provision", name);
  return request;
}

CertificateRow StoreTest::Certificate(const KeyRow& key,
                                      absl::string_view issuer_id) {
  return {
      .serial = key.serial,
      .issuer_id = std::string(issuer_id),
      .profile = key.profile,
      .profile_version = 1,
      .spki_sha256 = key.spki_sha256,
      .device_uid = key.device_uid,
      .fleet_id = "acme",
      .crl_shard = 3,
      .not_before = time_,
      .not_after = time_ + absl::Hours(24 * 365),
      .certificate_der = absl::StrCat("certificate ", HexEncode(key.serial)),
      .create_time = time_};
}

void StoreTest::GivenFleet(absl::string_view id) {
  Must(backend_->fleets().Create(Fleet(id), Change("fleet.create")));
}

void StoreTest::GivenLine(absl::string_view id, int64_t quota) {
  Must(backend_->lines().Create(
      Line(id, quota), ClientKey(absl::StrCat("fleets/acme/lines/", id)),
      Change("line.create")));
}

BatchRow StoreTest::GivenBatch(absl::string_view id) {
  return Must(backend_->batches().Create({.fleet_id = "acme",
                                          .line_id = "one",
                                          .batch_id = std::string(id),
                                          .profile = "idevid",
                                          .create_time = Now()},
                                         Change("batch.create")));
}

AdmissionRequest StoreTest::GivenDevice(const BatchRow& batch,
                                        absl::string_view item) {
  AdmissionRequest request = Item(item);
  Must(Must(Admit(batch, {request}))[0].status);
  GivenCertificate(request.key);
  return request;
}

CertificateRow StoreTest::GivenCertificate(const KeyRow& key,
                                           absl::string_view issuer_id) {
  CertificateRow row = Certificate(key, issuer_id);
  Must(backend_->certificates()
           .Insert({row}, {Entry("certificate.issue")})
           .status());
  return row;
}

KeyRow StoreTest::OperationalKey(absl::string_view device_uid) {
  return {.spki_sha256 = Digest(),
          .device_uid = std::string(device_uid),
          .owner = absl::StrCat("fleets/acme/devices/", device_uid),
          .usage = KeyUsage::kLdevid,
          .serial = Serial(),
          .profile = "ldevid",
          .create_time = Now()};
}

Contact StoreTest::ContactOf(const AdmissionRequest& device,
                             absl::string_view serial) {
  return {.device_uid = device.device.device_uid,
          .serial = std::string(serial),
          .actor = absl::StrCat("idevid:", HexEncode(serial)),
          .time = Now()};
}

absl::StatusOr<Enrolled> StoreTest::Enroll(const AdmissionRequest& device,
                                           const KeyRow& key) {
  // True of its first key.
  DeviceEventRow event = Event("registered");
  event.from_state = static_cast<int>(device.device.state);
  return backend_->registration().Enroll(
      ContactOf(device, device.key.serial),
      {.key = key,
       .event = event,
       .mutation = Change("device.register", device.key.owner)});
}

CertificateRow StoreTest::GivenOperational(const AdmissionRequest& device) {
  const KeyRow key = OperationalKey(device.device.device_uid);
  Must(Enroll(device, key));
  return GivenCertificate(key, "ldevid");
}

absl::Status StoreTest::Report(const Contact& contact,
                               std::vector<FirmwareRow> reports) {
  const FirmwareAttempt attempt = {
      .contact = contact,
      .reports = std::move(reports),
      .event = Event("firmware_reported"),
      .mutation = Change("device.report_firmware", contact.device_uid)};
  return backend_->registration().ReportFirmware({&attempt}).front();
}

BatchStore::AlertMaker StoreTest::Alerts() {
  return [this](const AdmissionRequest& request) {
    return Entry("key.refuse", request.item_id);
  };
}

absl::StatusOr<std::vector<Admission>> StoreTest::Admit(
    const BatchRow& batch, const std::vector<AdmissionRequest>& requests) {
  return backend_->batches().Admit(batch, requests, /*sent_before=*/false,
                                   Alerts());
}

RevocationRow StoreTest::RowFor(const CertificateRow& certificate, int reason) {
  const absl::Time now = Now();
  return {.serial = certificate.serial,
          .issuer_id = certificate.issuer_id,
          .reason = reason,
          .actor = kActor,
          .revoke_time = now,
          .update_time = now};
}

RevocationStore::MutationMaker StoreTest::Records(absl::string_view action) {
  return [this, action](const RevocationRow& stored) {
    return Change(action, HexEncode(stored.serial));
  };
}

absl::StatusOr<RevocationRow> StoreTest::Revoke(
    const CertificateRow& certificate, int reason, int64_t version) {
  return backend_->revocations().Revoke(RowFor(certificate, reason), version,
                                        Records("certificate.revoke"));
}

absl::StatusOr<RevocationRow> StoreTest::Hold(const CertificateRow& certificate,
                                              int64_t version) {
  return backend_->revocations().Hold(RowFor(certificate, 6), version,
                                      Records("certificate.hold"));
}

absl::StatusOr<RevocationRow> StoreTest::Release(
    const CertificateRow& certificate, int64_t version) {
  return backend_->revocations().Release(RowFor(certificate, 6), version,
                                         Records("certificate.release"));
}

DeviceAct StoreTest::ActOf(DeviceActKind kind) {
  return {.kind = kind, .reason = "test", .actor = kActor, .time = Now()};
}

absl::StatusOr<DeviceRow> StoreTest::Act(absl::string_view device_uid,
                                         DeviceActKind kind, int64_t version) {
  return backend_->devices().Act(
      "acme", device_uid, version, ActOf(kind), [this] { return Uid(); },
      [this](const DeviceActResult& result) {
        return Change(absl::StrCat("device.", result.event.kind),
                      result.device.device_uid);
      });
}

absl::StatusOr<DeviceRow> StoreTest::Decommission(absl::string_view device_uid,
                                                  int64_t version) {
  return Act(device_uid, DeviceActKind::kDecommission, version);
}

}  // namespace birthmark::storage
