#include "services/status/invariant.h"

#include <atomic>
#include <memory>

#include "lib/base/testing.h"
#include "services/status/testing.h"

namespace birthmark::status {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using x509::TestSerial;

class InvariantTest : public testing::Test {
 protected:
  InvariantTest() {
    for (int i = 1; i <= 5; ++i) {
      world_.Add(TestSerial(i));
    }
    world_.Revoke(TestSerial(1));
    world_.Revoke(TestSerial(2));
  }

  void Publish(int shard = 0) {
    ASSERT_OK(world_.ca_client.SignCrl("device", shard));
  }

  // Spoil puts other serials on the current CRL than there ought to be.
  void Spoil(const std::vector<std::string>& serials) {
    storage::FakeDatabase::Transaction transaction(world_.database);
    storage::CrlRow& row = transaction->crls[{"device", 0}];
    row.crl_der = MakeCrl(world_.ca, 0, static_cast<uint64_t>(row.number),
                          row.this_update, row.next_update, serials);
    transaction.Commit();
  }

  // One pass over all shards, the list included.
  void Pass() {
    invariant_.Step();
    const double checks = world_.metrics.invariant_checks.Value();
    for (int i = 0; i < 10 && world_.metrics.invariant_checks.Value() == checks;
         ++i) {
      invariant_.Step();
    }
  }

  double Missing() { return world_.metrics.crl_missing_entries.Value(); }
  double Surplus() { return world_.metrics.crl_surplus_entries.Value(); }

  World world_;
  std::atomic<bool> owner_{true};
  Invariant invariant_{world_.statuses, [this] { return owner_.load(); },
                       world_.clock, world_.metrics, Invariant::Options()};
};

TEST_F(InvariantTest, HoldsForWhatWasPublished) {
  Publish();
  Pass();
  EXPECT_EQ(Missing(), 0);
  EXPECT_EQ(Surplus(), 0);
  EXPECT_EQ(world_.metrics.invariant_checks.Value(), 1);
  EXPECT_EQ(world_.metrics.invariant_last_pass.Value(),
            absl::ToUnixSeconds(world_.clock.Now()));
}

TEST_F(InvariantTest, SeesWhatIsMissingAndWhatIsTooMuch) {
  Publish();
  Spoil({TestSerial(2), TestSerial(3), TestSerial(4)});
  Pass();
  EXPECT_EQ(Missing(), 1);
  EXPECT_EQ(Surplus(), 2);
  Spoil({TestSerial(1), TestSerial(2)});
  Pass();
  EXPECT_EQ(Missing(), 0);
  EXPECT_EQ(Surplus(), 0);
}

TEST_F(InvariantTest, WhatChangedSinceMayBeEitherWay) {
  Publish();
  world_.Revoke(TestSerial(3));
  world_.Release(TestSerial(2));
  Pass();
  EXPECT_EQ(Missing(), 0);
  EXPECT_EQ(Surplus(), 0);
}

TEST_F(InvariantTest, ACertificateOnTwoShardsIsTooMuchOnOne) {
  world_.Add(TestSerial(9), "device", 1);
  world_.Revoke(TestSerial(9));
  Publish(0);
  Publish(1);
  Spoil({TestSerial(1), TestSerial(2), TestSerial(9)});
  for (int i = 0; i < 3; ++i) {
    invariant_.Step();
  }
  EXPECT_EQ(Missing(), 0);
  EXPECT_EQ(Surplus(), 1);
}

TEST_F(InvariantTest, AShardWithoutACrlIsGivenAMoment) {
  Pass();
  EXPECT_EQ(Missing(), 0);
  world_.clock.Advance(absl::Seconds(10));
  for (int i = 0; i < 4; ++i) {
    invariant_.Step();
  }
  EXPECT_EQ(Missing(), 1);
  Publish();
  Pass();
  EXPECT_EQ(Missing(), 0);
}

TEST_F(InvariantTest, WithoutTheDatabaseThereIsNoPass) {
  Publish();
  world_.database.FailNext(absl::UnavailableError("away"));
  invariant_.Step();
  EXPECT_EQ(world_.metrics.invariant_failures.Value(), 1);
  invariant_.Step();
  world_.database.FailNext(absl::UnavailableError("away"));
  invariant_.Step();
  EXPECT_EQ(world_.metrics.invariant_failures.Value(), 2);
  EXPECT_EQ(world_.metrics.invariant_last_pass.Value(), 0);
}

TEST_F(InvariantTest, AnUnreadableCrlIsNoPass) {
  Publish();
  {
    storage::FakeDatabase::Transaction transaction(world_.database);
    transaction->crls[{"device", 0}].crl_der = "nonsense";
    transaction.Commit();
  }
  invariant_.Step();
  invariant_.Step();
  EXPECT_EQ(world_.metrics.invariant_failures.Value(), 1);
  EXPECT_EQ(world_.metrics.invariant_last_pass.Value(), 0);
}

TEST_F(InvariantTest, OnlyTheOwnerLooks) {
  Publish();
  Spoil({});
  Pass();
  EXPECT_EQ(Missing(), 2);
  owner_ = false;
  invariant_.Step();
  EXPECT_EQ(Missing(), 0);
  EXPECT_EQ(world_.metrics.invariant_checks.Value(), 1);
}

TEST_F(InvariantTest, APassOverManyShardsTakesMinutes) {
  for (int i = 0; i < 500; ++i) {
    world_.Add(TestSerial(100 + i), "device", i);
  }
  EXPECT_LT(invariant_.Step(), absl::Seconds(1));
  EXPECT_GT(invariant_.Step(), absl::Milliseconds(100));
}

TEST(InvariantCompareTest, NamesTheSerials) {
  const x509::TestCa ca("Test");
  storage::StatusStore::ShardTruth truth;
  truth.crl.crl_der =
      MakeCrl(ca, 0, 1, x509::TestTime(), x509::TestTime() + absl::Hours(1),
              {TestSerial(1), TestSerial(4), TestSerial(5)});
  truth.revoked = {TestSerial(1), TestSerial(2), TestSerial(3)};
  truth.changed = {TestSerial(3), TestSerial(4)};
  ASSERT_OK_AND_ASSIGN(const auto difference, Invariant::Compare(truth));
  EXPECT_THAT(difference.missing, ElementsAre(TestSerial(2)));
  EXPECT_THAT(difference.surplus, ElementsAre(TestSerial(5)));
}

}  // namespace
}  // namespace birthmark::status
