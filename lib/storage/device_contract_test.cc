// The contract of RegistrationStore and DeviceStore.

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/bytes.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/storage/store_fixture.h"

namespace birthmark::storage {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

class DeviceTest : public StoreTest {
 protected:
  void SetUp() override {
    GivenFleet();
    GivenLine();
    batch_ = GivenBatch();
  }
  DeviceRow Device(const AdmissionRequest& device) {
    return *backend_->devices().Get("acme", device.device.device_uid);
  }
  std::vector<std::string> EventKinds(const AdmissionRequest& device) {
    std::vector<std::string> kinds;
    const auto events = backend_->devices().ListEvents(
        "acme", device.device.device_uid, std::nullopt, false, 100);
    for (const auto& event : *events) {
      kinds.push_back(event.kind);
    }
    return kinds;
  }
  absl::Status Gate(absl::string_view issuer, const CertificateRow& row) {
    return backend_->gate().Check(issuer, row.serial);
  }
  BatchRow batch_;
};

class RegistrationStoreTest : public DeviceTest {
 protected:
  EnrollmentAttempt Attempt(const AdmissionRequest& device, int from_state) {
    const KeyRow key = OperationalKey(device.device.device_uid);
    DeviceEventRow event = Event("registered");
    event.from_state = from_state;
    return {ContactOf(device, device.key.serial),
            {key, event, Change("device.register", key.owner)}};
  }
  absl::StatusOr<std::vector<bool>> EnrollNew(
      const std::vector<EnrollmentAttempt>& attempts) {
    std::vector<const EnrollmentAttempt*> pointers;
    for (const EnrollmentAttempt& attempt : attempts) {
      pointers.push_back(&attempt);
    }
    return backend_->registration().EnrollNew(pointers);
  }
};

TEST_P(RegistrationStoreTest, FindsTheDeviceOfACertificate) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  EXPECT_THAT(
      backend_->registration().FindDeviceByCertificate(device.key.serial),
      IsOkAndHolds(
          AllOf(Field(&KnownDevice::device,
                      Field(&DeviceRow::device_uid, device.device.device_uid)),
                Field(&KnownDevice::ldevid_profile, "ldevid"))));
  EXPECT_THAT(backend_->registration().FindDeviceByCertificate(Serial()),
              StatusIs(StatusCode::kNotFound, reasons::kDeviceNotFound));
}

TEST_P(RegistrationStoreTest, ActivatesTheDeviceAtItsFirstKey) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  const KeyRow key = OperationalKey(device.device.device_uid);
  ASSERT_OK_AND_ASSIGN(const Enrolled enrolled, Enroll(device, key));
  EXPECT_EQ(enrolled.device.state, DeviceState::kActive);
  EXPECT_EQ(enrolled.device.version, 2);
  EXPECT_TRUE(enrolled.device.last_contact_time.has_value());
  EXPECT_EQ(enrolled.serial, key.serial);
  EXPECT_EQ(enrolled.certificate_der, "");
  ASSERT_OK_AND_ASSIGN(const auto events, backend_->devices().ListEvents(
                                              "acme", device.device.device_uid,
                                              std::nullopt, false, 10));
  ASSERT_THAT(events, ElementsAre(Field(&DeviceEventRow::kind, "provisioned"),
                                  Field(&DeviceEventRow::kind, "registered")));
  EXPECT_EQ(events[1].from_state, 1);
  EXPECT_EQ(events[1].to_state, DeviceState::kActive);
  EXPECT_THAT(backend_->Audit("device.register"), SizeIs(1));
}

TEST_P(RegistrationStoreTest, FindsOutTheStateWhateverTheCallerTookItFor) {
  for (const int taken_for : {0, 1, 2, 3}) {
    const AdmissionRequest device =
        GivenDevice(batch_, std::to_string(taken_for));
    std::vector<DeviceEventRow> events;
    for (int i = 0; i < 2; ++i) {
      DeviceEventRow event = Event("registered");
      event.from_state = taken_for;
      const KeyRow key = OperationalKey(device.device.device_uid);
      ASSERT_OK_AND_ASSIGN(
          const Enrolled enrolled,
          backend_->registration().Enroll(
              ContactOf(device, device.key.serial),
              {key, event, Change("device.register", key.owner)}));
      EXPECT_EQ(enrolled.serial, key.serial);
      EXPECT_EQ(enrolled.device.state, DeviceState::kActive);
      EXPECT_EQ(enrolled.device.version, 2);
    }
    ASSERT_OK_AND_ASSIGN(
        events, backend_->devices().ListEvents("acme", device.device.device_uid,
                                               std::nullopt, false, 10));
    EXPECT_THAT(events, ElementsAre(Field(&DeviceEventRow::from_state, 0),
                                    Field(&DeviceEventRow::from_state, 1),
                                    Field(&DeviceEventRow::from_state, 2)));
  }
  EXPECT_THAT(backend_->Audit("device.register"), SizeIs(8));
}

TEST_P(RegistrationStoreTest, EnrollsTogetherWhatIsAsItWasTakenFor) {
  const AdmissionRequest fresh = GivenDevice(batch_, "1");
  const AdmissionRequest active = GivenDevice(batch_, "2");
  const AdmissionRequest moved_on = GivenDevice(batch_, "3");
  const AdmissionRequest unknown = Item("4");
  ASSERT_OK(Enroll(active, OperationalKey(active.device.device_uid)));
  ASSERT_OK(Enroll(moved_on, OperationalKey(moved_on.device.device_uid)));
  const std::vector<EnrollmentAttempt> attempts = {
      Attempt(fresh, 1), Attempt(active, 2), Attempt(moved_on, 1),
      Attempt(unknown, 1)};
  EXPECT_THAT(EnrollNew(attempts),
              IsOkAndHolds(ElementsAre(true, true, false, false)));
  EXPECT_EQ(Device(fresh).state, DeviceState::kActive);
  EXPECT_EQ(Device(fresh).version, 2);
  EXPECT_EQ(Device(fresh).last_contact_time, attempts[0].contact.time);
  EXPECT_EQ(Device(active).version, 2);
  EXPECT_THAT(EventKinds(fresh), ElementsAre("provisioned", "registered"));
  EXPECT_THAT(EventKinds(active), SizeIs(3));
  EXPECT_THAT(EventKinds(moved_on), SizeIs(2));
  EXPECT_THAT(backend_->Audit("device.register"), SizeIs(4));
  // As Enroll would have left it.
  ASSERT_OK_AND_ASSIGN(const auto keys,
                       backend_->devices().ListKeys(fresh.device.device_uid,
                                                    fresh.key.spki_sha256, 10));
  ASSERT_THAT(keys, SizeIs(1));
  const KeyRow& key = attempts[0].enrollment.key;
  EXPECT_EQ(keys[0].spki_sha256, key.spki_sha256);
  EXPECT_EQ(keys[0].owner, key.owner);
  EXPECT_EQ(keys[0].usage, KeyUsage::kLdevid);
  EXPECT_EQ(keys[0].state, KeyState::kActive);
  EXPECT_EQ(keys[0].serial, key.serial);
  EXPECT_EQ(keys[0].profile, key.profile);
  EXPECT_EQ(keys[0].create_time, key.create_time);
  ASSERT_OK_AND_ASSIGN(const auto events, backend_->devices().ListEvents(
                                              "acme", active.device.device_uid,
                                              std::nullopt, false, 10));
  EXPECT_EQ(events[2].from_state, 2);
  EXPECT_EQ(events[2].to_state, DeviceState::kActive);
  EXPECT_EQ(events[2].actor, kActor);
}

TEST_P(RegistrationStoreTest, LeavesToEnrollWhatIsNotNew) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  EnrollmentAttempt attempt = Attempt(device, 1);
  EXPECT_THAT(EnrollNew({attempt}), IsOkAndHolds(ElementsAre(true)));
  EXPECT_THAT(EnrollNew({attempt}), IsOkAndHolds(ElementsAre(false)));
  attempt.enrollment.event.from_state = 2;
  attempt.enrollment.event.event_id = Uid();
  EXPECT_THAT(EnrollNew({attempt}), IsOkAndHolds(ElementsAre(false)));
  EXPECT_THAT(EventKinds(device), SizeIs(2));
  EXPECT_THAT(backend_->Audit("device.register"), SizeIs(1));
  ASSERT_OK_AND_ASSIGN(
      const Enrolled enrolled,
      backend_->registration().Enroll(attempt.contact, attempt.enrollment));
  EXPECT_EQ(enrolled.serial, attempt.enrollment.key.serial);

  ASSERT_OK(Decommission(device.device.device_uid, 2));
  EnrollmentAttempt late = Attempt(device, 5);
  EXPECT_THAT(EnrollNew({late}), IsOkAndHolds(ElementsAre(false)));
  late.enrollment.event.from_state = 2;
  EXPECT_THAT(EnrollNew({late}), IsOkAndHolds(ElementsAre(false)));
}

TEST_P(RegistrationStoreTest, EnrollsADeviceThatComesTwiceAtOnceOnce) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  const std::vector<EnrollmentAttempt> attempts = {Attempt(device, 1),
                                                   Attempt(device, 1)};
  EXPECT_THAT(EnrollNew(attempts), IsOkAndHolds(ElementsAre(true, false)));
  EXPECT_THAT(EventKinds(device), SizeIs(2));
}

TEST_P(RegistrationStoreTest, AnswersARepeatFromTheFirstTime) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  const KeyRow key = OperationalKey(device.device.device_uid);
  ASSERT_OK(Enroll(device, key));
  KeyRow again = key;
  again.serial = Serial();
  ASSERT_OK_AND_ASSIGN(Enrolled enrolled, Enroll(device, again));
  EXPECT_EQ(enrolled.serial, key.serial);
  const CertificateRow certificate = GivenCertificate(key, "ldevid");
  ASSERT_OK_AND_ASSIGN(enrolled, Enroll(device, again));
  EXPECT_EQ(enrolled.certificate_der, certificate.certificate_der);
  EXPECT_THAT(EventKinds(device), SizeIs(2));
  EXPECT_THAT(backend_->Audit("device.register"), SizeIs(1));
}

TEST_P(RegistrationStoreTest, RefusesAKeyOfAnyoneOrAnyUseElse) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  const AdmissionRequest other = GivenDevice(batch_, "2");
  const KeyRow key = OperationalKey(other.device.device_uid);
  ASSERT_OK(Enroll(other, key));
  KeyRow stolen = OperationalKey(device.device.device_uid);
  stolen.spki_sha256 = key.spki_sha256;
  EXPECT_THAT(Enroll(device, stolen), StatusIs(StatusCode::kAlreadyExists,
                                               reasons::kKeyAlreadyEnrolled));
  KeyRow birth = OperationalKey(device.device.device_uid);
  birth.spki_sha256 = device.key.spki_sha256;
  EXPECT_THAT(Enroll(device, birth), StatusIs(StatusCode::kAlreadyExists,
                                              reasons::kKeyAlreadyEnrolled));
  EXPECT_EQ(Device(device).state, DeviceState::kRegistered);
}

TEST_P(RegistrationStoreTest, SupersedesTheOldCertificateOnceTheNewIsUsed) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  const CertificateRow first = GivenOperational(device);
  ASSERT_OK_AND_ASSIGN(DeviceRow row, backend_->registration().Touch(
                                          ContactOf(device, first.serial)));
  EXPECT_EQ(row.current_serial, first.serial);
  const int64_t version = row.version;
  const CertificateRow second = GivenOperational(device);
  EXPECT_OK(Gate("ldevid", first));
  // The old one still works, and changes nothing but the contact.
  const Contact contact = ContactOf(device, first.serial);
  ASSERT_OK_AND_ASSIGN(row, backend_->registration().Touch(contact));
  EXPECT_EQ(row.current_serial, first.serial);
  EXPECT_EQ(row.last_contact_time, contact.time);
  EXPECT_EQ(row.version, version);

  ASSERT_OK_AND_ASSIGN(
      row, backend_->registration().Touch(ContactOf(device, second.serial)));
  EXPECT_EQ(row.current_serial, second.serial);
  EXPECT_THAT(Gate("ldevid", first), StatusIs(StatusCode::kUnauthenticated,
                                              reasons::kCertificateRevoked));
  EXPECT_OK(Gate("ldevid", second));
  EXPECT_OK(backend_->gate().Check("idevid", device.key.serial));
  ASSERT_OK_AND_ASSIGN(const CertificateRow revoked,
                       backend_->certificates().Get("ldevid", first.serial));
  ASSERT_TRUE(revoked.revocation.has_value());
  EXPECT_EQ(revoked.revocation->reason, 4);
  EXPECT_THAT(
      backend_->Audit("certificate.revoke"),
      ElementsAre("issuers/ldevid/certificates/" + HexEncode(first.serial)));
}

TEST_P(RegistrationStoreTest, ContactWithTheBirthCertificateSupersedesNothing) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  const CertificateRow first = GivenOperational(device);
  ASSERT_OK_AND_ASSIGN(
      const DeviceRow row,
      backend_->registration().Touch(ContactOf(device, device.key.serial)));
  EXPECT_EQ(row.current_serial, "");
  EXPECT_OK(Gate("ldevid", first));
}

TEST_P(RegistrationStoreTest, TouchNeedsAnActiveDevice) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  EXPECT_THAT(
      backend_->registration().Touch(ContactOf(device, device.key.serial)),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceNotActive));
}

TEST_P(RegistrationStoreTest, KeepsTheNewestFirmwareByComponent) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  const Contact contact = ContactOf(device, device.key.serial);
  const auto report = [&](absl::string_view component,
                          absl::string_view version) {
    return FirmwareRow{.report_id = Uid(),
                       .component = std::string(component),
                       .firmware_version = std::string(version),
                       .digest = Digest(),
                       .security_version = 4,
                       .boot_time = contact.time - absl::Hours(1),
                       .report_time = Now()};
  };
  EXPECT_THAT(
      Report(contact, {report("os", "1")}),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceNotActive));
  GivenOperational(device);
  ASSERT_OK(Report(contact, {report("boot", "7"), report("os", "1.0")}));
  ASSERT_OK(Report(contact, {report("os", "1.3")}));
  ASSERT_OK_AND_ASSIGN(const auto all, backend_->devices().Firmware(
                                           {device.device.device_uid, Uid()}));
  ASSERT_THAT(all, SizeIs(1));
  const auto& firmware = all.at(device.device.device_uid);
  ASSERT_THAT(firmware, ElementsAre(Field(&FirmwareRow::component, "boot"),
                                    Field(&FirmwareRow::component, "os")));
  EXPECT_EQ(firmware[0].firmware_version, "7");
  EXPECT_EQ(firmware[0].digest.size(), 32u);
  EXPECT_EQ(firmware[0].security_version, 4);
  EXPECT_EQ(firmware[0].boot_time, contact.time - absl::Hours(1));
  EXPECT_EQ(firmware[1].firmware_version, "1.3");
  EXPECT_THAT(EventKinds(device),
              ElementsAre("provisioned", "registered", "firmware_reported",
                          "firmware_reported"));
}

class DeviceStoreTest : public DeviceTest {};

TEST_P(DeviceStoreTest, FindsADeviceInItsFleetOnly) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  const std::string& uid = device.device.device_uid;
  EXPECT_OK(backend_->devices().Get("acme", uid));
  EXPECT_OK(backend_->devices().Get("", uid));
  for (const auto& [fleet, id] :
       std::vector<std::pair<std::string, std::string>>{
           {"other", uid}, {"acme", Uid()}, {"acme", "no-uid"}}) {
    EXPECT_THAT(backend_->devices().Get(fleet, id),
                StatusIs(StatusCode::kNotFound, reasons::kDeviceNotFound));
  }
}

TEST_P(DeviceStoreTest, ListsKeysWithTheirIssuer) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  const KeyRow key = OperationalKey(device.device.device_uid);
  ASSERT_OK(Enroll(device, key));
  ASSERT_OK_AND_ASSIGN(const auto keys, backend_->devices().ListKeys(
                                            device.device.device_uid, "", 10));
  ASSERT_THAT(keys, SizeIs(2));
  EXPECT_EQ(keys[0].spki_sha256, device.key.spki_sha256);
  EXPECT_EQ(keys[0].usage, KeyUsage::kIdevid);
  EXPECT_EQ(keys[0].issuer_id, "idevid");
  EXPECT_EQ(keys[0].serial, device.key.serial);
  EXPECT_EQ(keys[1].spki_sha256, key.spki_sha256);
  EXPECT_EQ(keys[1].issuer_id, "");
  EXPECT_THAT(
      backend_->devices().ListKeys(device.device.device_uid,
                                   keys[0].spki_sha256, 10),
      IsOkAndHolds(ElementsAre(Field(&KeyRow::spki_sha256, key.spki_sha256))));
}

TEST_P(DeviceStoreTest, ListsEventsPageByPage) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  GivenOperational(device);
  ASSERT_OK_AND_ASSIGN(const auto first, backend_->devices().ListEvents(
                                             "acme", device.device.device_uid,
                                             std::nullopt, false, 1));
  ASSERT_THAT(first, ElementsAre(Field(&DeviceEventRow::kind, "provisioned")));
  EXPECT_EQ(first[0].from_state, 0);
  EXPECT_EQ(first[0].actor, kActor);
  EXPECT_THAT(
      backend_->devices().ListEvents(
          "acme", device.device.device_uid,
          EventCursor{first[0].create_time, first[0].event_id}, false, 10),
      IsOkAndHolds(ElementsAre(Field(&DeviceEventRow::kind, "registered"))));
}

TEST_P(DeviceStoreTest, DecommissionEndsEverything) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  const CertificateRow first = GivenOperational(device);
  const CertificateRow second = GivenOperational(device);
  ASSERT_OK(Revoke(first, 1));
  const std::string& uid = device.device.device_uid;
  ASSERT_OK_AND_ASSIGN(const DeviceRow before,
                       backend_->devices().Get("acme", uid));
  ASSERT_OK_AND_ASSIGN(const DeviceRow row, Decommission(uid, before.version));
  EXPECT_EQ(row.state, DeviceState::kDecommissioning);
  EXPECT_EQ(row.version, before.version + 1);
  EXPECT_FALSE(row.decommission_time.has_value());
  for (const auto& [issuer, serial] :
       std::vector<std::pair<std::string, std::string>>{
           {"idevid", device.key.serial},
           {"ldevid", first.serial},
           {"ldevid", second.serial}}) {
    // For good, or for now: WIPE_REQUIRED.
    EXPECT_FALSE(backend_->gate().Check(issuer, serial).ok());
  }
  ASSERT_OK_AND_ASSIGN(const CertificateRow kept,
                       backend_->certificates().Get("ldevid", first.serial));
  EXPECT_EQ(kept.revocation->reason, 1);  // of its own revocation
  ASSERT_OK_AND_ASSIGN(const CertificateRow ended,
                       backend_->certificates().Get("ldevid", second.serial));
  EXPECT_EQ(ended.revocation->reason, 5);
  ASSERT_OK_AND_ASSIGN(const auto keys,
                       backend_->devices().ListKeys(uid, "", 10));
  for (const auto& key : keys) {
    // That of the first was compromised.
    EXPECT_EQ(key.state, key.serial == first.serial ? KeyState::kBlocked
                                                    : KeyState::kRetired);
    EXPECT_TRUE(key.retire_time.has_value());
  }
  ASSERT_OK_AND_ASSIGN(
      const auto events,
      backend_->devices().ListEvents("acme", uid, std::nullopt, false, 10));
  EXPECT_EQ(events.back().kind, "decommissioning");
  EXPECT_EQ(events.back().from_state, 2);
  EXPECT_EQ(events.back().to_state, DeviceState::kDecommissioning);
  EXPECT_EQ(events.back().details.at("revoked"), "2");
  EXPECT_EQ(events.back().details.at("keys"), "2");
  EXPECT_THAT(backend_->Audit("device.decommissioning"), ElementsAre(uid));
  EXPECT_THAT(Decommission(uid, row.version),
              StatusIs(StatusCode::kFailedPrecondition, reasons::kDeviceState));
  EXPECT_THAT(
      Enroll(device, OperationalKey(uid)),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kWipeRequired));
}

TEST_P(DeviceStoreTest, DecommissionNeedsTheVersionThatWasRead) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  EXPECT_THAT(Decommission(device.device.device_uid, 9),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  EXPECT_THAT(Decommission(Uid(), 1),
              StatusIs(StatusCode::kNotFound, reasons::kDeviceNotFound));
  EXPECT_EQ(Device(device).state, DeviceState::kRegistered);
  EXPECT_THAT(backend_->Audit("device.decommissioned"), IsEmpty());
}

TEST_P(DeviceStoreTest, ComesBackAsANewDeviceWithANewKeyOnly) {
  const AdmissionRequest device = GivenDevice(batch_, "1");
  ASSERT_OK(Decommission(device.device.device_uid, 1));
  AdmissionRequest same_key = Item("2");
  same_key.device.serial_number = device.device.serial_number;
  same_key.key.spki_sha256 = device.key.spki_sha256;
  ASSERT_OK_AND_ASSIGN(auto admissions, Admit(batch_, {same_key}));
  EXPECT_THAT(admissions[0].status, StatusIs(StatusCode::kAlreadyExists,
                                             reasons::kKeyAlreadyEnrolled));
  AdmissionRequest new_key = Item("3");
  new_key.device.serial_number = device.device.serial_number;
  ASSERT_OK_AND_ASSIGN(admissions, Admit(batch_, {new_key}));
  EXPECT_OK(admissions[0].status);
}

// A certificate that is signed while its device is being decommissioned must
// not be left good.
TEST_P(DeviceStoreTest, ACertificateOfARetiredKeyIsBornRevoked) {
  const AdmissionRequest item = Item("1");
  ASSERT_OK(Admit(batch_, {item}));
  ASSERT_OK(Decommission(item.device.device_uid, 1));
  GivenCertificate(item.key);
  EXPECT_THAT(
      backend_->gate().Check("idevid", item.key.serial),
      StatusIs(StatusCode::kUnauthenticated, reasons::kCertificateRevoked));
}

INSTANTIATE_TEST_SUITE_P(All, RegistrationStoreTest,
                         testing::ValuesIn(Backends()), BackendName);
INSTANTIATE_TEST_SUITE_P(All, DeviceStoreTest, testing::ValuesIn(Backends()),
                         BackendName);

}  // namespace
}  // namespace birthmark::storage
