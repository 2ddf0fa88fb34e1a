// The contract of EnforcementStore.

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

class EnforcementStoreTest : public StoreTest {
 protected:
  absl::StatusOr<KeyRow> Create(absl::string_view id, const KeyRow& key) {
    return backend_->enforcement().Create(
        {.point_id = std::string(id), .create_time = Now()}, key,
        Change("enforcement_point.create", id));
  }
};

TEST_P(EnforcementStoreTest, CreatesOnceAndAgainUntilThereIsACertificate) {
  const KeyRow key = ClientKey("enforcementPoints/broker");
  ASSERT_OK_AND_ASSIGN(const KeyRow first, Create("broker", key));
  EXPECT_EQ(first.serial, key.serial);
  KeyRow again = key;
  again.serial = Serial();
  ASSERT_OK_AND_ASSIGN(const KeyRow second, Create("broker", again));
  EXPECT_EQ(second.serial, key.serial);
  EXPECT_THAT(backend_->Audit("enforcement_point.create"), SizeIs(1));
  EXPECT_THAT(
      Create("broker", ClientKey("enforcementPoints/broker")),
      StatusIs(StatusCode::kAlreadyExists, reasons::kEnforcementPointExists));
  GivenCertificate(key, "internal");
  EXPECT_THAT(
      Create("broker", key),
      StatusIs(StatusCode::kAlreadyExists, reasons::kEnforcementPointExists));
  EXPECT_THAT(Create("other", key), StatusIs(StatusCode::kAlreadyExists,
                                             reasons::kKeyAlreadyEnrolled));
  EXPECT_THAT(backend_->enforcement().List("", 10), IsOkAndHolds(SizeIs(1)));
}

TEST_P(EnforcementStoreTest, KeepsWhatAPointSaidLast) {
  ASSERT_OK(Create("broker", ClientKey("x")));
  ASSERT_OK(Create("alpha", ClientKey("y")));
  ASSERT_OK_AND_ASSIGN(auto points, backend_->enforcement().List("", 10));
  ASSERT_THAT(points,
              ElementsAre(Field(&EnforcementPointRow::point_id, "alpha"),
                          Field(&EnforcementPointRow::point_id, "broker")));
  EXPECT_EQ(points[1].revision, 0);
  EXPECT_FALSE(points[1].report_time.has_value());
  const absl::Time now = Now();
  ASSERT_OK_AND_ASSIGN(
      const EnforcementPointRow said,
      backend_->enforcement().Report("broker", 7, now + absl::Hours(1), now));
  EXPECT_EQ(said.revision, 7);
  EXPECT_THAT(backend_->enforcement().Get("broker"),
              IsOkAndHolds(Field(&EnforcementPointRow::revision, 7)));
  EXPECT_THAT(
      backend_->enforcement().Get("gone"),
      StatusIs(StatusCode::kNotFound, reasons::kEnforcementPointNotFound));
  ASSERT_OK_AND_ASSIGN(points, backend_->enforcement().List("alpha", 10));
  ASSERT_THAT(points, SizeIs(1));
  EXPECT_EQ(points[0].report_time, now);
  EXPECT_EQ(points[0].next_update, now + absl::Hours(1));
  EXPECT_THAT(
      backend_->enforcement().Report("gone", 7, now, now),
      StatusIs(StatusCode::kNotFound, reasons::kEnforcementPointNotFound));
  EXPECT_THAT(backend_->enforcement().List("broker", 10),
              IsOkAndHolds(IsEmpty()));
}

INSTANTIATE_TEST_SUITE_P(All, EnforcementStoreTest,
                         testing::ValuesIn(Backends()), BackendName);

}  // namespace
}  // namespace birthmark::storage
