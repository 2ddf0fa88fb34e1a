// The side of devices that are being decommissioned: the door and the receipt.

#include "lib/storage/pg_wipe_store.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/storage/database.h"
#include "lib/storage/device_act.h"
#include "lib/storage/pg_gate_store.h"
#include "lib/storage/store_fixture.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using tests::PostgresCluster;

class PgWipeStoreTest : public StoreTest {
 protected:
  PgWipeStoreTest()
      : wipes_(*backend_->AsRole(PostgresCluster::kRegistration)) {
    GivenFleet();
    GivenLine();
    batch_ = GivenBatch();
    device_ = GivenDevice(batch_, "1");
    certificate_ = GivenOperational(device_);
  }

  const std::string& uid() const { return device_.device.device_uid; }
  absl::StatusOr<Wipe> Find() {
    return wipes_.Find(certificate_.serial, Now());
  }
  WipeReceipt Receipt(const std::string& instruction) {
    return {.instruction = instruction,
            .jws = "a.b.c",
            .key = certificate_.spki_sha256,
            .time = Now()};
  }
  absl::StatusOr<Wipe> Confirm(const WipeReceipt& receipt) {
    return wipes_.Confirm(certificate_.serial, receipt, Event("wipe_confirmed"),
                          Change("device.confirm_wipe", uid()));
  }
  std::string Stored() {
    return backend_->Sql(
        "SELECT wipe_outcome, wipe_receipt FROM decommissions");
  }
  auto NotRequired() {
    return StatusIs(StatusCode::kFailedPrecondition, reasons::kWipeNotRequired);
  }

  PgWipeStore wipes_;
  BatchRow batch_;
  AdmissionRequest device_;
  CertificateRow certificate_;
};

TEST_P(PgWipeStoreTest, TellsWhoIsDecommissionedAndTakesTheFirstReceipt) {
  ASSERT_OK(Decommission(uid(), 0));
  ASSERT_OK_AND_ASSIGN(const Wipe wipe, Find());
  EXPECT_EQ(wipe.device_uid, uid());
  EXPECT_EQ(wipe.fleet_id, "acme");
  EXPECT_THAT(wipe.instruction, SizeIs(36));
  EXPECT_FALSE(wipe.confirm_time.has_value());
  // By its birth certificate too.
  EXPECT_EQ(wipes_.Find(device_.key.serial, Now())->instruction,
            wipe.instruction);
  const WipeReceipt receipt = Receipt(wipe.instruction);
  ASSERT_OK_AND_ASSIGN(const Wipe confirmed, Confirm(receipt));
  EXPECT_EQ(confirmed.confirm_time, receipt.time);
  EXPECT_EQ(Stored(), "2|a.b.c\n");
  WipeReceipt other = Receipt(wipe.instruction);
  other.jws = "d.e.f";
  ASSERT_OK_AND_ASSIGN(const Wipe repeated, Confirm(other));
  EXPECT_EQ(repeated.confirm_time, receipt.time);
  EXPECT_EQ(Stored(), "2|a.b.c\n");
  EXPECT_THAT(backend_->Audit("device.confirm_wipe"), ElementsAre(uid()));
  EXPECT_EQ(backend_->Sql("SELECT kind, from_state, to_state FROM "
                          "device_events WHERE kind = 'wipe_confirmed'"),
            "wipe_confirmed|4|4\n");
  // Repeated after the deadline it is still the first.
  WipeReceipt late = receipt;
  late.time = wipe.deadline + absl::Seconds(1);
  EXPECT_OK(Confirm(late));
}

TEST_P(PgWipeStoreTest, RefusesOtherInstructionsAndWhatIsTooLate) {
  ASSERT_OK(Decommission(uid(), 0));
  ASSERT_OK_AND_ASSIGN(const Wipe wipe, Find());
  EXPECT_THAT(Confirm(Receipt(Uid())), StatusIs(StatusCode::kInvalidArgument,
                                                reasons::kReceiptMismatch));
  WipeReceipt late = Receipt(wipe.instruction);
  late.time = wipe.deadline + absl::Seconds(1);
  EXPECT_THAT(Confirm(late), NotRequired());
  EXPECT_THAT(wipes_.Find(certificate_.serial, late.time), NotRequired());
  EXPECT_EQ(Stored(), "1|\n");
  EXPECT_THAT(backend_->Audit("device.confirm_wipe"), IsEmpty());
}

TEST_P(PgWipeStoreTest, NobodyElseHasToWipeItself) {
  EXPECT_THAT(Find(), NotRequired());
  EXPECT_THAT(Confirm(Receipt(Uid())), NotRequired());
  EXPECT_THAT(wipes_.Find(Serial(), Now()),
              StatusIs(StatusCode::kNotFound, reasons::kDeviceNotFound));
  ASSERT_OK(Act(uid(), DeviceActKind::kQuarantine));
  EXPECT_THAT(Find(), NotRequired());
  backend_->Sql("UPDATE fleets SET wipe_timeout_seconds = 0");
  ASSERT_OK(Decommission(uid(), 0));
  EXPECT_THAT(Find(), NotRequired());
}

// The doors of all roles.
TEST_P(PgWipeStoreTest, TheDoorKnowsWhomTheDecommissionHasShutOut) {
  const AdmissionRequest other = GivenDevice(batch_, "2");
  const CertificateRow old = GivenOperational(device_);
  // Revoked before, for another reason.
  ASSERT_OK(Revoke(old, 1));
  for (const char* role :
       {PostgresCluster::kCa, PostgresCluster::kRegistration,
        PostgresCluster::kInventory, PostgresCluster::kStatus}) {
    PgGateStore gate(*backend_->AsRole(role));
    EXPECT_OK(gate.Check("ldevid", certificate_.serial));
  }
  ASSERT_OK(Act(uid(), DeviceActKind::kQuarantine));
  EXPECT_THAT(
      backend_->gate().Check("ldevid", certificate_.serial),
      StatusIs(StatusCode::kUnauthenticated, reasons::kCertificateRevoked));
  ASSERT_OK(Decommission(uid(), 0));
  const auto required =
      StatusIs(StatusCode::kFailedPrecondition, reasons::kWipeRequired);
  const auto revoked =
      StatusIs(StatusCode::kUnauthenticated, reasons::kCertificateRevoked);
  for (const char* role :
       {PostgresCluster::kCa, PostgresCluster::kRegistration,
        PostgresCluster::kInventory, PostgresCluster::kStatus}) {
    PgGateStore gate(*backend_->AsRole(role));
    EXPECT_THAT(gate.Check("ldevid", certificate_.serial), required);
    EXPECT_THAT(gate.Check("idevid", device_.key.serial), required);
    EXPECT_THAT(gate.Check("ldevid", old.serial), revoked);
    EXPECT_OK(gate.Check("idevid", other.key.serial));
    EXPECT_THAT(
        gate.Check("idevid", certificate_.serial),
        StatusIs(StatusCode::kUnauthenticated, reasons::kCertificateUnknown));
  }
  // A key that somebody else has too opens nothing.
  backend_->Sql(absl::StrCat("UPDATE keys SET state = 3 WHERE serial = '\\x",
                             HexEncode(certificate_.serial), "'"));
  EXPECT_THAT(backend_->gate().Check("ldevid", certificate_.serial), revoked);
  EXPECT_THAT(backend_->gate().Check("idevid", device_.key.serial), required);
  // Nor does anything once it has ended.
  backend_->Sql(
      "UPDATE devices SET state = 5, decommission_time = update_time "
      "WHERE state = 4");
  EXPECT_THAT(backend_->gate().Check("idevid", device_.key.serial), revoked);
}

INSTANTIATE_TEST_SUITE_P(Backends, PgWipeStoreTest,
                         testing::ValuesIn(Backends()), BackendName);

}  // namespace
}  // namespace birthmark::storage
