// The contract of KeyAuditStore.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/storage/key_audit_store.h"
#include "lib/storage/store_fixture.h"

namespace birthmark::storage {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

class KeyAuditStoreTest : public StoreTest {
 protected:
  KeyAuditStore& store() { return backend_->key_audits(); }

  KeyAuditRow Row() {
    KeyAuditRow row;
    row.audit_id = Uid();
    row.actor = kActor;
    row.create_time = Now();
    return row;
  }

  KeyAuditRow GivenAudit() {
    const KeyAuditRow row = Row();
    EXPECT_OK(store().Create(row, Change("key_audit.start", row.audit_id)));
    return row;
  }

  absl::StatusOr<KeyAuditRow> End(const KeyAuditRow& row, KeyAuditState state) {
    return store().End(row, state, Now(), [this](const KeyAuditRow& ended) {
      return Change("key_audit.end", ended.audit_id);
    });
  }

  // A device with an RSA key, as far as the store is told.
  AdmissionRequest GivenRsaDevice(const BatchRow& batch,
                                  absl::string_view item) {
    AdmissionRequest request = Item(item);
    request.key.algorithm = KeyAlgorithm::kRsa;
    request.key.bits = 2048;
    EXPECT_OK(Admit(batch, {request}));
    return request;
  }
};

TEST_P(KeyAuditStoreTest, OneRunsAtATime) {
  const KeyAuditRow first = GivenAudit();
  const KeyAuditRow second = Row();
  EXPECT_THAT(
      store().Create(second, Change("key_audit.start")),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kKeyAuditRunning));
  EXPECT_THAT(backend_->Audit("key_audit.start"), SizeIs(1));
  ASSERT_OK_AND_ASSIGN(const auto running, store().Running());
  ASSERT_TRUE(running.has_value());
  EXPECT_EQ(running->audit_id, first.audit_id);
  EXPECT_EQ(running->actor, kActor);
  EXPECT_EQ(running->create_time, first.create_time);
  EXPECT_FALSE(running->end_time.has_value());
  ASSERT_OK(End(first, KeyAuditState::kDone));
  ASSERT_OK_AND_ASSIGN(const auto none, store().Running());
  EXPECT_FALSE(none.has_value());
  EXPECT_OK(store().Create(second, Change("key_audit.start")));
  EXPECT_THAT(store().List(std::nullopt, 10),
              IsOkAndHolds(
                  ElementsAre(Field(&KeyAuditRow::audit_id, first.audit_id),
                              Field(&KeyAuditRow::audit_id, second.audit_id))));
  EXPECT_THAT(store().List(std::nullopt, 1), IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(
      store().List(KeyAuditCursor{first.create_time, first.audit_id}, 10),
      IsOkAndHolds(
          ElementsAre(Field(&KeyAuditRow::audit_id, second.audit_id))));
}

TEST_P(KeyAuditStoreTest, WhatARunningOneDoesIsNoted) {
  KeyAuditRow row = GivenAudit();
  row.progress = "reading";
  row.key_count = 5;
  row.shared_count = 2;
  row.finding_count = 1;
  row.last_error = "away";
  EXPECT_THAT(store().Note(row), IsOkAndHolds(true));
  ASSERT_OK_AND_ASSIGN(KeyAuditRow stored, store().Get(row.audit_id));
  EXPECT_EQ(stored.progress, "reading");
  EXPECT_EQ(stored.key_count, 5);
  EXPECT_EQ(stored.shared_count, 2);
  EXPECT_EQ(stored.finding_count, 1);
  EXPECT_EQ(stored.last_error, "away");
  row.progress = "ready";
  row.last_error = "";
  ASSERT_OK(End(row, KeyAuditState::kDone));
  ASSERT_OK_AND_ASSIGN(stored, store().Get(row.audit_id));
  EXPECT_EQ(stored.state, KeyAuditState::kDone);
  EXPECT_EQ(stored.progress, "ready");
  EXPECT_EQ(stored.last_error, "");
  EXPECT_TRUE(stored.end_time.has_value());
  row.progress = "too late";
  EXPECT_THAT(store().Note(row), IsOkAndHolds(false));
  EXPECT_EQ(store().Get(row.audit_id)->progress, "ready");
}

TEST_P(KeyAuditStoreTest, WhatIsOverStaysAsItIs) {
  const KeyAuditRow row = GivenAudit();
  ASSERT_OK(End(row, KeyAuditState::kCancelled));
  EXPECT_THAT(
      End(row, KeyAuditState::kDone),
      IsOkAndHolds(Field(&KeyAuditRow::state, KeyAuditState::kCancelled)));
  EXPECT_THAT(backend_->Audit("key_audit.end"), SizeIs(1));
}

TEST_P(KeyAuditStoreTest, WhatIsNotThereIsNotFound) {
  const KeyAuditRow row = Row();
  EXPECT_THAT(store().Get(row.audit_id),
              StatusIs(StatusCode::kNotFound, reasons::kKeyAuditNotFound));
  EXPECT_THAT(End(row, KeyAuditState::kDone),
              StatusIs(StatusCode::kNotFound, reasons::kKeyAuditNotFound));
  EXPECT_THAT(store().Note(row), IsOkAndHolds(false));
  EXPECT_THAT(store().List(std::nullopt, 10), IsOkAndHolds(IsEmpty()));
}

TEST_P(KeyAuditStoreTest, RsaKeysComeInTheirOrderWithTheirCertificates) {
  GivenFleet();
  GivenLine();
  const BatchRow batch = GivenBatch();
  GivenDevice(batch, "ecdsa");
  std::vector<std::string> hashes;
  std::string device_uid;
  std::string der;
  for (const char* item : {"a", "b", "c"}) {
    const AdmissionRequest device = GivenRsaDevice(batch, item);
    const CertificateRow row = GivenCertificate(device.key);
    hashes.push_back(device.key.spki_sha256);
    if (hashes.back() == *std::min_element(hashes.begin(), hashes.end())) {
      device_uid = device.device.device_uid;
      der = row.certificate_der;
    }
  }
  // Not certified yet, and so in nobody's hands.
  GivenRsaDevice(batch, "d");
  std::sort(hashes.begin(), hashes.end());
  ASSERT_OK_AND_ASSIGN(auto rows, store().ListRsaKeys("", 10));
  ASSERT_THAT(rows, SizeIs(3));
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].spki_sha256, hashes[i]);
    EXPECT_EQ(rows[i].fleet_id, "acme");
  }
  EXPECT_EQ(rows[0].device_uid, device_uid);
  EXPECT_EQ(rows[0].certificate_der, der);
  ASSERT_OK_AND_ASSIGN(rows, store().ListRsaKeys(hashes[0], 1));
  EXPECT_THAT(rows, ElementsAre(Field(&RsaKeyRow::spki_sha256, hashes[1])));
  EXPECT_THAT(store().ListRsaKeys(hashes[2], 10), IsOkAndHolds(IsEmpty()));
}

TEST_P(KeyAuditStoreTest, KeysOfNobodysDeviceHaveNone) {
  KeyRow key = ClientKey("fleets/acme/lines/one");
  key.algorithm = KeyAlgorithm::kRsa;
  GivenFleet();
  ASSERT_OK(backend_->lines().Create(Line("one"), key, Change()));
  GivenCertificate(key, "internal");
  ASSERT_OK_AND_ASSIGN(const auto rows, store().ListRsaKeys("", 10));
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].device_uid, "");
  EXPECT_EQ(rows[0].fleet_id, "");
}

INSTANTIATE_TEST_SUITE_P(All, KeyAuditStoreTest, testing::ValuesIn(Backends()),
                         BackendName);

}  // namespace
}  // namespace birthmark::storage
