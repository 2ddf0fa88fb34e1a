// The contract of BatchStore.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/error.h"
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

class BatchStoreTest : public StoreTest {
 protected:
  void SetUp() override {
    GivenFleet();
    GivenLine();
  }
  int64_t Issued() { return backend_->lines().Get("acme", "one")->issued; }
};

TEST_P(BatchStoreTest, ReturnsTheBatchThatThereIs) {
  const BatchRow batch = GivenBatch("b1");
  EXPECT_EQ(batch.batch_id, "b1");
  EXPECT_EQ(batch.profile, "idevid");
  EXPECT_EQ(batch.state, BatchState::kOpen);
  EXPECT_EQ(GivenBatch("b1").batch_key, batch.batch_key);
  EXPECT_NE(GivenBatch("b2").batch_key, batch.batch_key);
  ASSERT_OK_AND_ASSIGN(const BatchRow got,
                       backend_->batches().Get("acme", "one", "b1"));
  EXPECT_EQ(got.batch_key, batch.batch_key);
  EXPECT_EQ(got.create_time, batch.create_time);
  EXPECT_THAT(backend_->Audit("batch.create"), SizeIs(2));
}

TEST_P(BatchStoreTest, RefusesAnotherProfileUnderTheSameName) {
  GivenBatch("b1");
  EXPECT_THAT(backend_->batches().Create({.fleet_id = "acme",
                                          .line_id = "one",
                                          .batch_id = "b1",
                                          .profile = "other",
                                          .create_time = Now()},
                                         Change()),
              StatusIs(StatusCode::kAlreadyExists, reasons::kBatchExists));
}

TEST_P(BatchStoreTest, SaysWhatIsMissing) {
  EXPECT_THAT(backend_->batches().Create({.fleet_id = "acme",
                                          .line_id = "none",
                                          .batch_id = "b1",
                                          .profile = "idevid",
                                          .create_time = Now()},
                                         Change()),
              StatusIs(StatusCode::kNotFound, reasons::kLineNotFound));
  EXPECT_THAT(backend_->batches().Get("acme", "one", "none"),
              StatusIs(StatusCode::kNotFound, reasons::kBatchNotFound));
  EXPECT_THAT(backend_->batches().Close("acme", "one", "none", Change()),
              StatusIs(StatusCode::kNotFound, reasons::kBatchNotFound));
}

TEST_P(BatchStoreTest, ListsInOrderOfKey) {
  const BatchRow z = GivenBatch("z");
  GivenBatch("a");
  EXPECT_THAT(backend_->batches().List("acme", "one", 0, 10),
              IsOkAndHolds(ElementsAre(Field(&BatchRow::batch_id, "z"),
                                       Field(&BatchRow::batch_id, "a"))));
  EXPECT_THAT(backend_->batches().List("acme", "one", z.batch_key, 10),
              IsOkAndHolds(ElementsAre(Field(&BatchRow::batch_id, "a"))));
}

TEST_P(BatchStoreTest, AdmitsNewDevices) {
  const BatchRow batch = GivenBatch();
  const std::vector<AdmissionRequest> items = {Item("2"), Item("1")};
  ASSERT_OK_AND_ASSIGN(const auto admissions, Admit(batch, items));
  ASSERT_THAT(admissions, SizeIs(2));
  for (size_t i = 0; i < items.size(); ++i) {
    EXPECT_OK(admissions[i].status);
    EXPECT_EQ(admissions[i].device_uid, items[i].device.device_uid);
    EXPECT_EQ(admissions[i].serial, items[i].key.serial);
    EXPECT_EQ(admissions[i].certificate_der, "");
    ASSERT_OK_AND_ASSIGN(
        const DeviceRow device,
        backend_->devices().Get("acme", items[i].device.device_uid));
    EXPECT_EQ(device.state, DeviceState::kRegistered);
    EXPECT_EQ(device.serial_number, items[i].device.serial_number);
    EXPECT_EQ(device.hardware_revision, "r1");
    EXPECT_EQ(device.batch_id, "b1");
    EXPECT_EQ(device.create_time, items[i].device.create_time);
  }
  EXPECT_EQ(Issued(), 2);
  EXPECT_THAT(backend_->Audit("device.provision"), SizeIs(2));
}

TEST_P(BatchStoreTest, AnswersARepeatFromTheFirstTime) {
  const BatchRow batch = GivenBatch();
  const AdmissionRequest first = Item("1");
  ASSERT_OK(Admit(batch, {first}));
  AdmissionRequest again = Item("1");  // new uid, new serial
  again.csr_sha256 = first.csr_sha256;
  again.key.spki_sha256 = first.key.spki_sha256;
  ASSERT_OK_AND_ASSIGN(auto admissions, Admit(batch, {again, Item("2")}));
  EXPECT_OK(admissions[0].status);
  EXPECT_EQ(admissions[0].device_uid, first.device.device_uid);
  EXPECT_EQ(admissions[0].serial, first.key.serial);
  EXPECT_EQ(admissions[0].certificate_der, "");
  EXPECT_OK(admissions[1].status);
  EXPECT_EQ(Issued(), 2);

  const CertificateRow certificate = GivenCertificate(first.key);
  ASSERT_OK_AND_ASSIGN(admissions, Admit(batch, {again}));
  EXPECT_EQ(admissions[0].certificate_der, certificate.certificate_der);
}

TEST_P(BatchStoreTest, RefusesAnotherCsrForTheSameItem) {
  const BatchRow batch = GivenBatch();
  ASSERT_OK(Admit(batch, {Item("1")}));
  ASSERT_OK_AND_ASSIGN(const auto admissions,
                       Admit(batch, {Item("1"), Item("2")}));
  EXPECT_THAT(admissions[0].status, StatusIs(StatusCode::kInvalidArgument,
                                             reasons::kRequestIdReused));
  EXPECT_OK(admissions[1].status);
  EXPECT_THAT(backend_->batches().Count(batch.batch_key),
              IsOkAndHolds(Field(&BatchCounts::failed, 0)));
}

TEST_P(BatchStoreTest, RefusesAKnownKeyAndRaisesAnAlert) {
  const BatchRow batch = GivenBatch();
  const AdmissionRequest first = Item("1");
  ASSERT_OK(Admit(batch, {first}));
  AdmissionRequest thief = Item("2");
  thief.key.spki_sha256 = first.key.spki_sha256;
  AdmissionRequest twin_a = Item("3");
  AdmissionRequest twin_b = Item("4");
  twin_b.key.spki_sha256 = twin_a.key.spki_sha256;
  ASSERT_OK_AND_ASSIGN(const auto admissions,
                       Admit(batch, {thief, twin_a, twin_b, Item("5")}));
  EXPECT_THAT(admissions[0].status, StatusIs(StatusCode::kAlreadyExists,
                                             reasons::kKeyAlreadyEnrolled));
  EXPECT_OK(admissions[1].status);
  EXPECT_THAT(admissions[2].status, StatusIs(StatusCode::kAlreadyExists,
                                             reasons::kKeyAlreadyEnrolled));
  EXPECT_OK(admissions[3].status);
  EXPECT_THAT(backend_->Audit("key.refuse"), ElementsAre("2", "4"));
  EXPECT_EQ(Issued(), 3);
  for (const auto* refused : {&thief, &twin_b}) {
    EXPECT_THAT(backend_->devices().Get("acme", refused->device.device_uid),
                StatusIs(StatusCode::kNotFound, reasons::kDeviceNotFound));
  }
}

TEST_P(BatchStoreTest, RefusesHardwareThatIsADeviceAlready) {
  const BatchRow batch = GivenBatch();
  ASSERT_OK(Admit(batch, {Item("1")}));
  AdmissionRequest same = Item("2");
  same.device.serial_number = "SN-1";
  AdmissionRequest twin_a = Item("3");
  AdmissionRequest twin_b = Item("4");
  twin_b.device.serial_number = twin_a.device.serial_number;
  AdmissionRequest other_model = Item("5");
  other_model.device.serial_number = "SN-1";
  other_model.device.model = "sensor-2";
  ASSERT_OK_AND_ASSIGN(const auto admissions,
                       Admit(batch, {same, twin_a, twin_b, other_model}));
  EXPECT_THAT(admissions[0].status,
              StatusIs(StatusCode::kAlreadyExists, reasons::kDeviceExists));
  EXPECT_OK(admissions[1].status);
  EXPECT_THAT(admissions[2].status,
              StatusIs(StatusCode::kAlreadyExists, reasons::kDeviceExists));
  EXPECT_OK(admissions[3].status);
  // The key of a refused item is as fresh as before.
  AdmissionRequest later = Item("2");
  later.key.spki_sha256 = same.key.spki_sha256;
  ASSERT_OK_AND_ASSIGN(const auto retried, Admit(batch, {later}));
  EXPECT_OK(retried[0].status);
}

TEST_P(BatchStoreTest, StopsAtTheQuota) {
  GivenLine("small", 3);
  ASSERT_OK_AND_ASSIGN(const BatchRow batch,
                       backend_->batches().Create({.fleet_id = "acme",
                                                   .line_id = "small",
                                                   .batch_id = "b1",
                                                   .profile = "idevid",
                                                   .create_time = Now()},
                                                  Change()));
  ASSERT_OK_AND_ASSIGN(auto admissions, Admit(batch, {Item("1"), Item("2")}));
  EXPECT_OK(admissions[1].status);
  ASSERT_OK_AND_ASSIGN(admissions, Admit(batch, {Item("3"), Item("4")}));
  EXPECT_OK(admissions[0].status);
  EXPECT_THAT(admissions[1].status, StatusIs(StatusCode::kResourceExhausted,
                                             reasons::kLineQuotaExceeded));
  EXPECT_THAT(admissions[1].status, HasMetadata("limit", "3"));
  EXPECT_EQ(backend_->lines().Get("acme", "small")->issued, 3);
  // As often as it is asked for, and however it is recorded by then.
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(admissions, Admit(batch, {Item("4"), Item("5")}));
    for (const Admission& admission : admissions) {
      EXPECT_THAT(admission.status, StatusIs(StatusCode::kResourceExhausted,
                                             reasons::kLineQuotaExceeded));
    }
  }
}

TEST_P(BatchStoreTest, FailsAsAWholeIfTheLineIsDisabledOrTheBatchClosed) {
  const BatchRow batch = GivenBatch();
  ASSERT_OK_AND_ASSIGN(
      const BatchRow closed,
      backend_->batches().Close("acme", "one", "b1", Change("batch.close")));
  EXPECT_EQ(closed.state, BatchState::kClosed);
  EXPECT_THAT(Admit(batch, {Item("1")}),
              StatusIs(StatusCode::kFailedPrecondition, reasons::kBatchClosed));
  EXPECT_OK(backend_->batches().Close("acme", "one", "b1", Change()));
  ASSERT_OK(backend_->lines().Disable("acme", "one", std::nullopt, Change()));
  EXPECT_THAT(
      Admit(batch, {Item("1")}),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kLineDisabled));
}

TEST_P(BatchStoreTest, RecordsFailuresAndLetsThemTryAgain) {
  const BatchRow batch = GivenBatch();
  ASSERT_OK(Admit(batch, {Item("1")}));
  const absl::Status malformed =
      MakeError(StatusCode::kInvalidArgument, reasons::kCsrMalformed, "bad");
  ASSERT_OK(backend_->batches().RecordFailures(
      batch.batch_key,
      {{"1", Digest(), malformed},  // admitted: stays so
       {"2", Digest(), malformed},
       {"2", Digest(), malformed},  // twice in one call
       {"3", Digest(), malformed}},
      Now()));
  EXPECT_THAT(backend_->batches().Count(batch.batch_key),
              IsOkAndHolds(Field(&BatchCounts::failed, 2)));
  ASSERT_OK_AND_ASSIGN(const auto admissions, Admit(batch, {Item("2")}));
  EXPECT_OK(admissions[0].status);
  ASSERT_OK_AND_ASSIGN(const auto results, backend_->batches().ListResults(
                                               batch.batch_key, "", 10));
  ASSERT_THAT(results, ElementsAre(Field(&ItemResult::item_id, "1"),
                                   Field(&ItemResult::item_id, "2"),
                                   Field(&ItemResult::item_id, "3")));
  EXPECT_THAT(results[0].status,
              StatusIs(StatusCode::kUnavailable, reasons::kSignerOffline));
  EXPECT_THAT(results[2].status,
              StatusIs(StatusCode::kInvalidArgument, reasons::kCsrMalformed));
  EXPECT_EQ(results[2].status.message(), "bad");
}

TEST_P(BatchStoreTest, ListsResultsPageByPage) {
  const BatchRow batch = GivenBatch();
  const AdmissionRequest done = GivenDevice(batch, "a");
  AdmissionRequest refused = Item("b");
  refused.key.spki_sha256 = done.key.spki_sha256;
  ASSERT_OK(Admit(batch, {refused, Item("c")}));
  ASSERT_OK_AND_ASSIGN(const auto page,
                       backend_->batches().ListResults(batch.batch_key, "", 2));
  ASSERT_THAT(page, ElementsAre(Field(&ItemResult::item_id, "a"),
                                Field(&ItemResult::item_id, "b")));
  EXPECT_OK(page[0].status);
  EXPECT_EQ(page[0].device_uid, done.device.device_uid);
  EXPECT_EQ(page[0].certificate_der, Certificate(done.key).certificate_der);
  EXPECT_THAT(page[1].status, StatusIs(StatusCode::kAlreadyExists,
                                       reasons::kKeyAlreadyEnrolled));
  EXPECT_THAT(backend_->batches().ListResults(batch.batch_key, "b", 2),
              IsOkAndHolds(ElementsAre(Field(&ItemResult::item_id, "c"))));
  ASSERT_OK_AND_ASSIGN(const BatchCounts counts,
                       backend_->batches().Count(batch.batch_key));
  EXPECT_EQ(counts.issued, 1);
  EXPECT_EQ(counts.failed, 1);
}

TEST_P(BatchStoreTest, DoesNotGoOnWithADeviceThatWasDecommissioned) {
  const BatchRow batch = GivenBatch();
  const AdmissionRequest item = Item("1");
  ASSERT_OK(Admit(batch, {item}));
  ASSERT_OK(Decommission(item.device.device_uid, 1));
  ASSERT_OK_AND_ASSIGN(const auto admissions, Admit(batch, {item}));
  EXPECT_THAT(admissions[0].status, StatusIs(StatusCode::kFailedPrecondition,
                                             reasons::kDeviceNotActive));
}

INSTANTIATE_TEST_SUITE_P(All, BatchStoreTest, testing::ValuesIn(Backends()),
                         BackendName);

}  // namespace
}  // namespace birthmark::storage
