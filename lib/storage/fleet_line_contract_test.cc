// The contract of FleetStore, LineStore and RequestStore.

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

class FleetStoreTest : public StoreTest {};

TEST_P(FleetStoreTest, ReturnsWhatWasCreated) {
  const FleetRow row = Fleet("acme");
  ASSERT_OK(backend_->fleets().Create(row, Change("fleet.create", "acme")));
  ASSERT_OK_AND_ASSIGN(const FleetRow got, backend_->fleets().Get("acme"));
  EXPECT_EQ(got.fleet_id, "acme");
  EXPECT_EQ(got.display_name, "Fleet acme");
  EXPECT_EQ(got.idevid_profile, "idevid");
  EXPECT_EQ(got.ldevid_profile, "ldevid");
  EXPECT_EQ(got.version, 1);
  EXPECT_EQ(got.create_time, row.create_time);
  EXPECT_EQ(got.update_time, row.update_time);
  EXPECT_THAT(backend_->Audit("fleet.create"), ElementsAre("acme"));
}

TEST_P(FleetStoreTest, TakesANameOnce) {
  GivenFleet("acme");
  EXPECT_THAT(backend_->fleets().Create(Fleet("acme"), Change("fleet.again")),
              StatusIs(StatusCode::kAlreadyExists, reasons::kFleetExists));
  EXPECT_THAT(backend_->Audit("fleet.again"), IsEmpty());
}

TEST_P(FleetStoreTest, SaysWhenThereIsNone) {
  EXPECT_THAT(backend_->fleets().Get("none"),
              StatusIs(StatusCode::kNotFound, reasons::kFleetNotFound));
  EXPECT_THAT(backend_->fleets().Update(Fleet("none"), Change()),
              StatusIs(StatusCode::kNotFound, reasons::kFleetNotFound));
}

TEST_P(FleetStoreTest, ListsInOrderOfAgePageByPage) {
  for (const char* id : {"zebra", "acme", "mule"}) {
    GivenFleet(id);
  }
  ASSERT_OK_AND_ASSIGN(const auto first,
                       backend_->fleets().List(std::nullopt, 2));
  ASSERT_THAT(first, ElementsAre(Field(&FleetRow::fleet_id, "zebra"),
                                 Field(&FleetRow::fleet_id, "acme")));
  EXPECT_THAT(backend_->fleets().List(
                  FleetCursor{first[1].create_time, first[1].fleet_id}, 2),
              IsOkAndHolds(ElementsAre(Field(&FleetRow::fleet_id, "mule"))));
}

TEST_P(FleetStoreTest, PagesThroughFleetsOfTheSameSecond) {
  FleetRow row = Fleet("a");
  for (const char* id : {"a", "b", "c"}) {
    row.fleet_id = id;
    ASSERT_OK(backend_->fleets().Create(row, Change()));
  }
  EXPECT_THAT(backend_->fleets().List(FleetCursor{row.create_time, "a"}, 10),
              IsOkAndHolds(ElementsAre(Field(&FleetRow::fleet_id, "b"),
                                       Field(&FleetRow::fleet_id, "c"))));
}

TEST_P(FleetStoreTest, UpdatesOnlyTheVersionThatWasRead) {
  GivenFleet("acme");
  FleetRow row = Fleet("acme");
  row.display_name = "Größer";
  row.ldevid_profile = "short";
  ASSERT_OK_AND_ASSIGN(const FleetRow updated,
                       backend_->fleets().Update(row, Change("fleet.update")));
  EXPECT_EQ(updated.version, 2);
  EXPECT_EQ(updated.display_name, "Größer");
  EXPECT_EQ(updated.ldevid_profile, "short");
  EXPECT_EQ(updated.update_time, row.update_time);
  EXPECT_LT(updated.create_time, row.create_time);
  EXPECT_THAT(backend_->fleets().Update(row, Change("fleet.stale")),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  EXPECT_THAT(backend_->Audit("fleet.stale"), IsEmpty());
}

class LineStoreTest : public StoreTest {
 protected:
  void SetUp() override { GivenFleet(); }
};

TEST_P(LineStoreTest, ReturnsWhatWasCreated) {
  const LineRow row = Line("one", 10);
  const KeyRow key = ClientKey("fleets/acme/lines/one");
  ASSERT_OK_AND_ASSIGN(
      const KeyRow stored,
      backend_->lines().Create(row, key, Change("line.create", "one")));
  EXPECT_EQ(stored.serial, key.serial);
  ASSERT_OK_AND_ASSIGN(const LineRow got, backend_->lines().Get("acme", "one"));
  EXPECT_EQ(got.state, LineState::kActive);
  EXPECT_EQ(got.models, row.models);
  EXPECT_EQ(got.quota, 10);
  EXPECT_EQ(got.issued, 0);
  EXPECT_EQ(got.version, 1);
  EXPECT_EQ(got.create_time, row.create_time);
  EXPECT_THAT(backend_->Audit("line.create"), ElementsAre("one"));
}

TEST_P(LineStoreTest, NeedsItsFleet) {
  LineRow row = Line("one");
  row.fleet_id = "none";
  EXPECT_THAT(backend_->lines().Create(row, ClientKey("x"), Change()),
              StatusIs(StatusCode::kNotFound, reasons::kFleetNotFound));
}

TEST_P(LineStoreTest, RepeatsUntilThereIsACertificate) {
  const LineRow row = Line("one", 10);
  const KeyRow key = ClientKey("fleets/acme/lines/one");
  ASSERT_OK(backend_->lines().Create(row, key, Change("line.create")));
  KeyRow again = key;
  again.serial = Serial();
  ASSERT_OK_AND_ASSIGN(
      const KeyRow stored,
      backend_->lines().Create(row, again, Change("line.repeat")));
  EXPECT_EQ(stored.serial, key.serial);
  EXPECT_THAT(backend_->Audit("line.repeat"), IsEmpty());
  GivenCertificate(key, "internal");
  EXPECT_THAT(backend_->lines().Create(row, again, Change()),
              StatusIs(StatusCode::kAlreadyExists, reasons::kLineExists));
}

TEST_P(LineStoreTest, TakesANameOnceForOtherKeysAndOtherLimits) {
  const LineRow row = Line("one", 10);
  const KeyRow key = ClientKey("fleets/acme/lines/one");
  ASSERT_OK(backend_->lines().Create(row, key, Change()));
  EXPECT_THAT(backend_->lines().Create(row, ClientKey(key.owner), Change()),
              StatusIs(StatusCode::kAlreadyExists, reasons::kLineExists));
  LineRow bigger = row;
  bigger.quota = 1000;
  EXPECT_THAT(backend_->lines().Create(bigger, key, Change()),
              StatusIs(StatusCode::kAlreadyExists, reasons::kLineExists));
}

TEST_P(LineStoreTest, RefusesAKeyOfAnotherLineAndLeavesNothing) {
  const KeyRow key = ClientKey("fleets/acme/lines/one");
  ASSERT_OK(backend_->lines().Create(Line("one"), key, Change()));
  EXPECT_THAT(
      backend_->lines().Create(Line("two"), key, Change("line.refused")),
      StatusIs(StatusCode::kAlreadyExists, reasons::kKeyAlreadyEnrolled));
  EXPECT_THAT(backend_->lines().Get("acme", "two"),
              StatusIs(StatusCode::kNotFound, reasons::kLineNotFound));
  EXPECT_THAT(backend_->Audit("line.refused"), IsEmpty());
}

TEST_P(LineStoreTest, ListsOneFleetOrAll) {
  GivenFleet("beta");
  GivenLine("one");
  LineRow other = Line("other");
  other.fleet_id = "beta";
  ASSERT_OK(backend_->lines().Create(other, ClientKey("x"), Change()));
  GivenLine("two");
  EXPECT_THAT(backend_->lines().List("acme", std::nullopt, 10),
              IsOkAndHolds(ElementsAre(Field(&LineRow::line_id, "one"),
                                       Field(&LineRow::line_id, "two"))));
  ASSERT_OK_AND_ASSIGN(const auto all,
                       backend_->lines().List("", std::nullopt, 2));
  ASSERT_THAT(all, ElementsAre(Field(&LineRow::line_id, "one"),
                               Field(&LineRow::line_id, "other")));
  EXPECT_THAT(backend_->lines().List(
                  "", LineCursor{all[1].create_time, "beta", "other"}, 2),
              IsOkAndHolds(ElementsAre(Field(&LineRow::line_id, "two"))));
}

TEST_P(LineStoreTest, DisablesOnce) {
  GivenLine("one");
  EXPECT_THAT(backend_->lines().Disable("acme", "one", 7, Change()),
              StatusIs(StatusCode::kAborted, reasons::kEtagMismatch));
  ASSERT_OK_AND_ASSIGN(
      const LineRow line,
      backend_->lines().Disable("acme", "one", 1, Change("line.disable")));
  EXPECT_EQ(line.state, LineState::kDisabled);
  EXPECT_EQ(line.version, 2);
  EXPECT_THAT(
      backend_->lines().Disable("acme", "one", std::nullopt, Change()),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kLineDisabled));
  EXPECT_THAT(backend_->lines().Disable("acme", "none", std::nullopt, Change()),
              StatusIs(StatusCode::kNotFound, reasons::kLineNotFound));
}

class RequestStoreTest : public StoreTest {
 protected:
  Mutation WithRequest(absl::string_view action) {
    Mutation mutation = Change(action);
    mutation.request = {.caller = kActor,
                        .method = "CreateLine",
                        .request_id = "6f1c2a4e-8f0b-4e5d-9c3a-1b2d3e4f5a6b",
                        .request_hash = hash_,
                        .response = std::string("\0answer", 7)};
    return mutation;
  }
  absl::StatusOr<std::optional<std::string>> Find(absl::string_view hash) {
    return backend_->requests().Find(
        kActor, "CreateLine", "6f1c2a4e-8f0b-4e5d-9c3a-1b2d3e4f5a6b", hash);
  }
  const std::string hash_ = Digest();
};

TEST_P(RequestStoreTest, KeepsTheFirstAnswer) {
  GivenFleet();
  EXPECT_THAT(Find(hash_), IsOkAndHolds(std::nullopt));
  ASSERT_OK(backend_->lines().Create(Line("one"), ClientKey("x"),
                                     WithRequest("line.create")));
  EXPECT_THAT(Find(hash_), IsOkAndHolds(std::string("\0answer", 7)));
  EXPECT_THAT(Find(Digest()), StatusIs(StatusCode::kInvalidArgument,
                                       reasons::kRequestIdReused));
}

TEST_P(RequestStoreTest, UndoesTheMutationThatCameSecond) {
  GivenFleet();
  ASSERT_OK(backend_->lines().Create(Line("one"), ClientKey("x"),
                                     WithRequest("line.create")));
  EXPECT_THAT(backend_->lines().Create(Line("two"), ClientKey("y"),
                                       WithRequest("line.second")),
              StatusIs(StatusCode::kAborted, reasons::kTransactionConflict));
  EXPECT_THAT(backend_->lines().Get("acme", "two"),
              StatusIs(StatusCode::kNotFound, reasons::kLineNotFound));
  EXPECT_THAT(backend_->Audit("line.second"), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(All, FleetStoreTest, testing::ValuesIn(Backends()),
                         BackendName);
INSTANTIATE_TEST_SUITE_P(All, LineStoreTest, testing::ValuesIn(Backends()),
                         BackendName);
INSTANTIATE_TEST_SUITE_P(All, RequestStoreTest, testing::ValuesIn(Backends()),
                         BackendName);

}  // namespace
}  // namespace birthmark::storage
