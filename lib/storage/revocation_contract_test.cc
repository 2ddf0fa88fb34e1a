// The contract of RevocationStore where it is about holds and keys.

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/storage/store_fixture.h"

namespace birthmark::storage {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int kSuperseded = 4;

class RevocationActTest : public StoreTest {
 protected:
  absl::StatusOr<RevocationRow> ReportKey(absl::string_view spki_sha256) {
    return backend_->revocations().RevokeKey(spki_sha256, RowFor({}, 0),
                                             Records("key.compromise"));
  }
  KeyRow KeyOf(const AdmissionRequest& device) {
    return (*backend_->devices().ListKeys(device.device.device_uid, "", 1))[0];
  }
};

TEST_P(RevocationActTest, HoldsAndReleasesAndRevokes) {
  const CertificateRow row = GivenCertificate(ClientKey("x"));
  ASSERT_OK_AND_ASSIGN(const RevocationRow held, Hold(row, 1));
  EXPECT_EQ(held.state, RevocationState::kHeld);
  EXPECT_EQ(held.reason, 6);
  EXPECT_EQ(held.version, 2);
  EXPECT_EQ(held.crl_shard, 3);
  ASSERT_OK_AND_ASSIGN(const RevocationRow again, Hold(row, 1));
  EXPECT_EQ(again.update_time, held.update_time);
  ASSERT_OK_AND_ASSIGN(const RevocationRow released, Release(row, 2));
  EXPECT_EQ(released.state, RevocationState::kReleased);
  EXPECT_EQ(released.version, 3);
  EXPECT_EQ(released.revoke_time, held.revoke_time);
  EXPECT_GT(released.update_time, held.update_time);
  ASSERT_OK_AND_ASSIGN(const RevocationRow twice, Release(row, 2));
  EXPECT_EQ(twice.update_time, released.update_time);
  ASSERT_OK_AND_ASSIGN(const RevocationRow anew, Hold(row, 3));
  EXPECT_EQ(anew.version, 4);
  EXPECT_GT(anew.revoke_time, held.revoke_time);
  ASSERT_OK_AND_ASSIGN(const RevocationRow revoked, Revoke(row, 5, 4));
  EXPECT_EQ(revoked.state, RevocationState::kRevoked);
  EXPECT_EQ(revoked.version, 5);
  EXPECT_THAT(backend_->Audit("certificate.hold"), SizeIs(2));
  EXPECT_THAT(backend_->Audit("certificate.release"), SizeIs(1));
  EXPECT_THAT(backend_->Audit("certificate.revoke"), SizeIs(1));
}

TEST_P(RevocationActTest, RefusesWhatTheStateDoesNotAllow) {
  const CertificateRow row = GivenCertificate(ClientKey("x"));
  EXPECT_THAT(Release(row, 1), StatusIs(StatusCode::kFailedPrecondition,
                                        reasons::kCertificateNotHeld));
  EXPECT_THAT(Hold(row, 2),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  ASSERT_OK(Hold(row, 1));
  EXPECT_THAT(Release(row, 1),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  EXPECT_THAT(Revoke(row, 5, 1),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  ASSERT_OK(Revoke(row, 5, 2));
  EXPECT_THAT(Hold(row, 3), StatusIs(StatusCode::kFailedPrecondition,
                                     reasons::kCertificateRevoked));
  EXPECT_THAT(Release(row, 3), StatusIs(StatusCode::kFailedPrecondition,
                                        reasons::kCertificateRevoked));
  CertificateRow other = row;
  other.issuer_id = "ldevid";
  EXPECT_THAT(Hold(other, 1),
              StatusIs(StatusCode::kNotFound, reasons::kCertificateNotFound));
  EXPECT_THAT(Release(other, 1),
              StatusIs(StatusCode::kNotFound, reasons::kCertificateNotFound));
}

TEST_P(RevocationActTest, TellsTheDevicesHistory) {
  GivenFleet();
  GivenLine();
  const AdmissionRequest device = GivenDevice(GivenBatch(), "1");
  const CertificateRow row = GivenOperational(device);
  ASSERT_OK(Hold(row, 1));
  ASSERT_OK(Release(row, 2));
  ASSERT_OK(ReportKey(row.spki_sha256));
  ASSERT_OK_AND_ASSIGN(const auto events, backend_->devices().ListEvents(
                                              "acme", device.device.device_uid,
                                              std::nullopt, false, 10));
  std::vector<std::string> kinds;
  for (const DeviceEventRow& event : events) {
    kinds.push_back(event.kind);
  }
  EXPECT_THAT(kinds,
              ElementsAre("provisioned", "registered", "certificate_held",
                          "certificate_released", "certificate_revoked"));
  EXPECT_EQ(events.back().reason, "keyCompromise");
  EXPECT_EQ(events.back().details.at("serial"), HexEncode(row.serial));
}

TEST_P(RevocationActTest, BlocksACompromisedKeyAndNoOther) {
  GivenFleet();
  GivenLine();
  const BatchRow batch = GivenBatch();
  const AdmissionRequest one = GivenDevice(batch, "1");
  const AdmissionRequest two = GivenDevice(batch, "2");
  ASSERT_OK(Revoke(Certificate(one.key), kSuperseded));
  EXPECT_EQ(KeyOf(one).state, KeyState::kActive);
  EXPECT_THAT(
      Revoke(Certificate(one.key), 1, 2),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kCertificateRevoked));
  EXPECT_EQ(KeyOf(one).state, KeyState::kActive);
  ASSERT_OK(Revoke(Certificate(two.key), 1));
  EXPECT_EQ(KeyOf(two).state, KeyState::kBlocked);
  EXPECT_TRUE(KeyOf(two).retire_time.has_value());
}

TEST_P(RevocationActTest, AKeysReportOutranksEveryOtherReason) {
  GivenFleet();
  GivenLine();
  const BatchRow batch = GivenBatch();
  const AdmissionRequest device = GivenDevice(batch, "1");
  ASSERT_OK_AND_ASSIGN(const RevocationRow before,
                       Revoke(Certificate(device.key), kSuperseded));
  ASSERT_OK_AND_ASSIGN(const RevocationRow after,
                       ReportKey(device.key.spki_sha256));
  EXPECT_EQ(after.serial, device.key.serial);
  EXPECT_EQ(after.reason, 1);
  EXPECT_EQ(after.revoke_time, before.revoke_time);
  EXPECT_EQ(after.version, before.version + 1);
  EXPECT_EQ(KeyOf(device).state, KeyState::kBlocked);
  ASSERT_OK_AND_ASSIGN(const RevocationRow again,
                       ReportKey(device.key.spki_sha256));
  EXPECT_EQ(again.version, after.version);
  EXPECT_THAT(backend_->Audit("key.compromise"), SizeIs(1));

  const AdmissionRequest held = GivenDevice(batch, "2");
  ASSERT_OK(Hold(Certificate(held.key), 1));
  ASSERT_OK_AND_ASSIGN(const RevocationRow no_more,
                       ReportKey(held.key.spki_sha256));
  EXPECT_EQ(no_more.state, RevocationState::kRevoked);
}

TEST_P(RevocationActTest, AKeyWithoutACertificateIsUnknown) {
  GivenFleet();
  GivenLine();
  EXPECT_THAT(ReportKey(Digest()),
              StatusIs(StatusCode::kNotFound, reasons::kKeyNotFound));
  const BatchRow batch = GivenBatch();
  const AdmissionRequest admitted = Item("1");
  ASSERT_OK(Admit(batch, {admitted}));
  EXPECT_THAT(ReportKey(admitted.key.spki_sha256),
              StatusIs(StatusCode::kNotFound, reasons::kKeyNotFound));
  EXPECT_THAT(backend_->Audit("key.compromise"), IsEmpty());
}

TEST_P(RevocationActTest, AKeyOfACeremonyIsReportedToo) {
  const CertificateRow row = GivenCertificate(ClientKey("operator"));
  ASSERT_OK_AND_ASSIGN(const RevocationRow revoked, ReportKey(row.spki_sha256));
  EXPECT_EQ(revoked.serial, row.serial);
  EXPECT_EQ(revoked.reason, 1);
}

TEST_P(RevocationActTest, ABlockedKeyCannotBeEnrolledAgain) {
  GivenFleet();
  GivenLine();
  const AdmissionRequest device = GivenDevice(GivenBatch(), "1");
  const KeyRow key = OperationalKey(device.device.device_uid);
  ASSERT_OK(Enroll(device, key));
  GivenCertificate(key, "ldevid");
  ASSERT_OK(ReportKey(key.spki_sha256));
  EXPECT_THAT(Enroll(device, key),
              StatusIs(StatusCode::kFailedPrecondition, reasons::kKeyBlocked));
}

// Each takes the same locks from another side.
TEST_P(RevocationActTest, DecommissionAndKeyReportsDoNotBlockEachOther) {
  GivenFleet();
  GivenLine();
  const BatchRow batch = GivenBatch();
  for (int round = 0; round < 10; ++round) {
    const AdmissionRequest device =
        GivenDevice(batch, absl::StrCat("d", round));
    const CertificateRow a = GivenOperational(device);
    const CertificateRow b = GivenOperational(device);
    const int64_t version =
        backend_->devices().Get("acme", device.device.device_uid)->version;
    // Rows first: the fixture's clock is not for several threads.
    const RevocationRow row = RowFor(a, 0);
    const Mutation mutations[] = {Change("key.compromise"),
                                  Change("key.compromise"),
                                  Change("certificate.revoke")};
    absl::Status reports[3];
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
      reports[0] = backend_->revocations()
                       .RevokeKey(a.spki_sha256, row,
                                  [&](const auto&) { return mutations[0]; })
                       .status();
    });
    threads.emplace_back([&] {
      reports[1] = backend_->revocations()
                       .RevokeKey(b.spki_sha256, row,
                                  [&](const auto&) { return mutations[1]; })
                       .status();
    });
    ASSERT_OK(Decommission(device.device.device_uid, version));
    for (std::thread& thread : threads) {
      thread.join();
    }
    EXPECT_OK(reports[0]);
    EXPECT_OK(reports[1]);
    for (const CertificateRow* certificate : {&a, &b}) {
      ASSERT_OK_AND_ASSIGN(
          const CertificateRow now,
          backend_->certificates().Get("", certificate->serial));
      EXPECT_EQ(now.revocation->reason, 1);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, RevocationActTest, testing::ValuesIn(Backends()),
                         BackendName);

}  // namespace
}  // namespace birthmark::storage
