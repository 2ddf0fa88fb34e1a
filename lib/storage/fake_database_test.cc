#include "lib/storage/fake_database.h"

#include "absl/status/status.h"
#include "lib/base/testing.h"
#include "lib/storage/fake_fleet_store.h"

namespace birthmark::storage {
namespace {

TEST(FakeDatabaseTest, FailsOnceAsToldAndChangesNothing) {
  FakeDatabase database;
  FakeFleetStore fleets(database);
  const Mutation mutation = {.audit = {{.action = "fleet.create"}}};
  database.FailNext(absl::UnavailableError("gone"));
  EXPECT_THAT(fleets.Create({.fleet_id = "acme"}, mutation),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(database.audit(), testing::IsEmpty());
  EXPECT_OK(fleets.Create({.fleet_id = "acme"}, mutation));
  EXPECT_THAT(database.audit(), testing::SizeIs(1));
}

}  // namespace
}  // namespace birthmark::storage
