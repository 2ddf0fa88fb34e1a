// The contract of CertificateStore, GateStore and RevocationStore.

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/storage/store_fixture.h"

namespace birthmark::storage {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

class CertificateStoreTest : public StoreTest {};

TEST_P(CertificateStoreTest, ReturnsWhatWasInserted) {
  CertificateRow row = Certificate(ClientKey("x"), "internal");
  row.fleet_id.clear();
  row.not_after = absl::FromUnixSeconds(253402300799);  // 9999-12-31T23:59:59Z
  row.certificate_der = std::string("\x30\x00\xff\\", 4);
  ASSERT_OK(backend_->certificates().Insert(
      {row}, {Entry("certificate.issue", "c1")}));
  ASSERT_OK_AND_ASSIGN(const CertificateRow got,
                       backend_->certificates().Get("internal", row.serial));
  EXPECT_EQ(got.serial, row.serial);
  EXPECT_EQ(got.profile, "line");
  EXPECT_EQ(got.profile_version, 1);
  EXPECT_EQ(got.spki_sha256, row.spki_sha256);
  EXPECT_EQ(got.device_uid, "");
  EXPECT_EQ(got.fleet_id, "");
  EXPECT_EQ(got.crl_shard, 3);
  EXPECT_EQ(got.not_before, row.not_before);
  EXPECT_EQ(got.not_after, row.not_after);
  EXPECT_EQ(got.certificate_der, row.certificate_der);
  EXPECT_FALSE(got.revocation.has_value());
  EXPECT_OK(backend_->certificates().Get("", row.serial));
  EXPECT_THAT(backend_->certificates().Get("idevid", row.serial),
              StatusIs(StatusCode::kNotFound, reasons::kCertificateNotFound));
  EXPECT_THAT(backend_->Audit("certificate.issue"), ElementsAre("c1"));
}

TEST_P(CertificateStoreTest, KeepsTheFirstCertificateOfASerialNumber) {
  const CertificateRow first = Certificate(ClientKey("x"));
  ASSERT_OK(backend_->certificates().Insert({first},
                                            {Entry("certificate.issue", "1")}));
  CertificateRow again = first;
  again.certificate_der = "signed twice";
  const CertificateRow fresh = Certificate(ClientKey("y"));
  EXPECT_THAT(
      backend_->certificates().Insert(
          {again, fresh, fresh},
          {Entry("certificate.issue", "1 again"),
           Entry("certificate.issue", "2"), Entry("certificate.issue", "3")}),
      IsOkAndHolds(ElementsAre(first.certificate_der, fresh.certificate_der,
                               fresh.certificate_der)));
  EXPECT_THAT(backend_->Audit("certificate.issue"), ElementsAre("1", "2"));
}

TEST_P(CertificateStoreTest, FindsThoseThatExist) {
  const CertificateRow a = GivenCertificate(ClientKey("x"));
  const CertificateRow b = GivenCertificate(ClientKey("y"));
  ASSERT_OK_AND_ASSIGN(const auto found, backend_->certificates().Find(
                                             {b.serial, Serial(), a.serial}));
  EXPECT_THAT(found, testing::UnorderedElementsAre(
                         Field(&CertificateRow::serial, a.serial),
                         Field(&CertificateRow::serial, b.serial)));
  EXPECT_THAT(backend_->certificates().Find({}), IsOkAndHolds(IsEmpty()));
}

TEST_P(CertificateStoreTest, ListsByIssuerAndDevicePageByPage) {
  KeyRow key = ClientKey("x");
  key.device_uid = Uid();
  const CertificateRow a = GivenCertificate(key, "idevid");
  const CertificateRow b = GivenCertificate(ClientKey("y"), "ldevid");
  const CertificateRow c = GivenCertificate(ClientKey("z"), "idevid");
  const auto serials = [this](const CertificateFilter& filter,
                              absl::string_view after, int limit) {
    std::vector<std::string> list;
    const auto rows = backend_->certificates().List(filter, after, limit);
    for (const auto& row : *rows) {
      list.push_back(row.serial);
    }
    return list;
  };
  EXPECT_THAT(serials({}, "", 10), ElementsAre(a.serial, b.serial, c.serial));
  EXPECT_THAT(serials({}, a.serial, 1), ElementsAre(b.serial));
  EXPECT_THAT(serials({.issuer_id = "idevid"}, "", 10),
              ElementsAre(a.serial, c.serial));
  EXPECT_THAT(serials({.device_uid = key.device_uid}, "", 10),
              ElementsAre(a.serial));
  EXPECT_THAT(
      serials({.issuer_id = "ldevid", .device_uid = key.device_uid}, "", 10),
      IsEmpty());
}

class GateStoreTest : public StoreTest {};

TEST_P(GateStoreTest, LetsInWhatWasIssuedAndIsGood) {
  const CertificateRow row = GivenCertificate(ClientKey("x"), "internal");
  EXPECT_OK(backend_->gate().Check("internal", row.serial));
  EXPECT_THAT(
      backend_->gate().Check("idevid", row.serial),
      StatusIs(StatusCode::kUnauthenticated, reasons::kCertificateUnknown));
  EXPECT_THAT(
      backend_->gate().Check("internal", "short"),
      StatusIs(StatusCode::kUnauthenticated, reasons::kCertificateUnknown));
  ASSERT_OK(Revoke(row, 1));
  const absl::Status refused = backend_->gate().Check("internal", row.serial);
  EXPECT_THAT(refused, StatusIs(StatusCode::kUnauthenticated,
                                reasons::kCertificateRevoked));
  EXPECT_THAT(refused, HasMetadata("revocation", "revoked"));
}

class RevocationStoreTest : public StoreTest {};

TEST_P(RevocationStoreTest, RevokesOnce) {
  const CertificateRow row = GivenCertificate(ClientKey("x"));
  ASSERT_OK_AND_ASSIGN(const RevocationRow first, Revoke(row, 1));
  EXPECT_EQ(first.serial, row.serial);
  EXPECT_EQ(first.issuer_id, "idevid");
  EXPECT_EQ(first.crl_shard, 3);
  EXPECT_EQ(first.not_after, row.not_after);
  EXPECT_EQ(first.state, RevocationState::kRevoked);
  EXPECT_EQ(first.reason, 1);
  EXPECT_EQ(first.version, 2);
  EXPECT_FALSE(first.invalidity_time.has_value());
  ASSERT_OK_AND_ASSIGN(const RevocationRow again, Revoke(row, 1));
  EXPECT_EQ(again.revoke_time, first.revoke_time);
  EXPECT_THAT(Revoke(row, 4, 2), StatusIs(StatusCode::kFailedPrecondition,
                                          reasons::kCertificateRevoked));
  EXPECT_THAT(backend_->Audit("certificate.revoke"), SizeIs(1));
  ASSERT_OK_AND_ASSIGN(const CertificateRow got,
                       backend_->certificates().Get("", row.serial));
  ASSERT_TRUE(got.revocation.has_value());
  EXPECT_EQ(got.revocation->revoke_time, first.revoke_time);
}

TEST_P(RevocationStoreTest, NeedsTheCertificateAndTheVersionThatWasRead) {
  const CertificateRow row = GivenCertificate(ClientKey("x"));
  EXPECT_THAT(Revoke(row, 1, 2),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  CertificateRow other = row;
  other.issuer_id = "ldevid";
  EXPECT_THAT(Revoke(other, 1),
              StatusIs(StatusCode::kNotFound, reasons::kCertificateNotFound));
  EXPECT_THAT(Revoke(Certificate(ClientKey("y")), 1),
              StatusIs(StatusCode::kNotFound, reasons::kCertificateNotFound));
  EXPECT_THAT(backend_->Audit("certificate.revoke"), IsEmpty());
}

TEST_P(RevocationStoreTest, TellsTheDevicesHistory) {
  GivenFleet();
  GivenLine();
  const AdmissionRequest device = GivenDevice(GivenBatch(), "1");
  ASSERT_OK(Revoke(GivenOperational(device), 1));
  ASSERT_OK_AND_ASSIGN(const auto events, backend_->devices().ListEvents(
                                              "acme", device.device.device_uid,
                                              std::nullopt, false, 10));
  EXPECT_EQ(events.back().kind, "certificate_revoked");
  EXPECT_EQ(events.back().reason, "keyCompromise");
  EXPECT_EQ(events.back().to_state, DeviceState::kActive);
  EXPECT_EQ(events.back().details.at("issuer"), "ldevid");
}

TEST_P(RevocationStoreTest, ListsByIssuerInOrderOfSerial) {
  const CertificateRow a = GivenCertificate(ClientKey("x"), "idevid");
  const CertificateRow b = GivenCertificate(ClientKey("y"), "ldevid");
  const CertificateRow c = GivenCertificate(ClientKey("z"), "idevid");
  for (const auto* row : {&c, &b, &a}) {
    ASSERT_OK(Revoke(*row, 1));
  }
  EXPECT_THAT(
      backend_->revocations().List("idevid", "", 10),
      IsOkAndHolds(ElementsAre(Field(&RevocationRow::serial, a.serial),
                               Field(&RevocationRow::serial, c.serial))));
  EXPECT_THAT(
      backend_->revocations().List("", a.serial, 1),
      IsOkAndHolds(ElementsAre(Field(&RevocationRow::serial, b.serial))));
}

INSTANTIATE_TEST_SUITE_P(All, CertificateStoreTest,
                         testing::ValuesIn(Backends()), BackendName);
INSTANTIATE_TEST_SUITE_P(All, GateStoreTest, testing::ValuesIn(Backends()),
                         BackendName);
INSTANTIATE_TEST_SUITE_P(All, RevocationStoreTest,
                         testing::ValuesIn(Backends()), BackendName);

}  // namespace
}  // namespace birthmark::storage
