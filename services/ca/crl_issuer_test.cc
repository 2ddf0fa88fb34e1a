#include "services/ca/crl_issuer.h"

#include <memory>
#include <string>

#include "lib/base/fake_clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/keys/fake_signer.h"
#include "lib/policy/profile.h"
#include "lib/storage/fake_crl_store.h"
#include "lib/storage/fake_database.h"
#include "lib/telemetry/metrics.h"
#include "lib/x509/crl.h"
#include "services/ca/test_issuer.h"

namespace birthmark::ca {
namespace {

using ::testing::SizeIs;

constexpr char kCaller[] = "spiffe://birthmark.example/service/registration";

class CrlIssuerTest : public testing::Test {
 protected:
  absl::StatusOr<storage::CrlRow> Current(int shard = 0) {
    return crl_issuer_.Current(*issuer_, shard, kCaller);
  }

  std::string Revoke(int reason = 1) {
    storage::RevocationRow row;
    row.serial = hierarchy_.Serial();
    row.issuer_id = "idevid";
    row.not_after = policy::NoExpiry();
    row.state = reason == 6 ? storage::RevocationState::kHeld
                            : storage::RevocationState::kRevoked;
    row.reason = reason;
    row.revoke_time = NowSeconds(clock_);
    row.update_time = row.revoke_time;
    storage::FakeDatabase::Transaction transaction(database_);
    transaction->revocations[row.serial] = row;
    transaction.Commit();
    return row.serial;
  }

  void Forget(const std::string& serial) {
    storage::FakeDatabase::Transaction transaction(database_);
    transaction->revocations.erase(serial);
    transaction.Commit();
  }

  FakeClock clock_;
  TestHierarchy hierarchy_{clock_};
  keys::FakeSigner* signer_ = nullptr;
  std::unique_ptr<Issuer> issuer_ =
      hierarchy_.MakeIssuer("idevid", "http://crl.example", &signer_);
  telemetry::Registry registry_;
  Metrics metrics_{registry_};
  storage::FakeDatabase database_;
  storage::FakeCrlStore crls_{database_};
  CrlIssuer crl_issuer_{crls_, absl::Hours(24), clock_, metrics_};
};

TEST_F(CrlIssuerTest, BeginsWithAnEmptyCrlNumberOne) {
  ASSERT_OK_AND_ASSIGN(auto row, Current());
  EXPECT_EQ(row.number, 1);
  ASSERT_OK_AND_ASSIGN(auto crl, x509::Crl::Parse(row.crl_der));
  EXPECT_OK(crl.VerifySignatureBy(signer_->public_key()));
  EXPECT_EQ(crl->number, 1u);
  EXPECT_EQ(crl->entry_count, 0u);
  EXPECT_EQ(crl->this_update, NowSeconds(clock_));
  EXPECT_EQ(crl->next_update, NowSeconds(clock_) + absl::Hours(24));
  EXPECT_THAT(crl->shard_uris,
              testing::ElementsAre("http://crl.example/idevid/0.crl"));

  ASSERT_THAT(database_.audit(), SizeIs(1));
  EXPECT_EQ(database_.audit()[0].action, "crl.sign");
  EXPECT_EQ(database_.audit()[0].actor, kCaller);
  EXPECT_EQ(database_.audit()[0].resource, "issuers/idevid/crls/0");
}

TEST_F(CrlIssuerTest, ServesTheNewestUntilHalfItsLifeIsOver) {
  ASSERT_OK_AND_ASSIGN(auto first, Current());
  clock_.Advance(absl::Hours(12) - absl::Seconds(1));
  ASSERT_OK_AND_ASSIGN(auto same, Current());
  EXPECT_EQ(same.crl_der, first.crl_der);
  EXPECT_EQ(signer_->sign_count(), 1);
  clock_.Advance(absl::Seconds(1));
  ASSERT_OK_AND_ASSIGN(auto next, Current());
  EXPECT_EQ(next.number, 2);
}

TEST_F(CrlIssuerTest, ListsARevocationOfTheSameSecond) {
  ASSERT_OK(Current());
  const std::string serial = Revoke(1);
  ASSERT_OK_AND_ASSIGN(auto row, Current());
  EXPECT_EQ(row.number, 2);
  EXPECT_EQ(row.entries, 1);
  ASSERT_OK_AND_ASSIGN(auto crl, x509::Crl::Parse(row.crl_der));
  const std::optional<x509::CrlEntryView> entry = crl.Find(serial);
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->reason, x509::RevocationReason::kKeyCompromise);
  EXPECT_EQ(entry->revocation_time, NowSeconds(clock_));
}

TEST_F(CrlIssuerTest, NoticesAReleaseAndAChangeOfReason) {
  const std::string held = Revoke(6);
  ASSERT_OK_AND_ASSIGN(auto row, Current());
  ASSERT_OK_AND_ASSIGN(auto crl, x509::Crl::Parse(row.crl_der));
  ASSERT_TRUE(crl.Find(held).has_value());
  EXPECT_EQ(crl.Find(held)->reason, x509::RevocationReason::kCertificateHold);

  // One goes and one comes: the number of entries stays.
  Forget(held);
  const std::string other = Revoke(4);
  ASSERT_OK_AND_ASSIGN(row, Current());
  EXPECT_EQ(row.number, 2);
  ASSERT_OK_AND_ASSIGN(crl, x509::Crl::Parse(row.crl_der));
  EXPECT_FALSE(crl.Find(held).has_value());
  EXPECT_TRUE(crl.Find(other).has_value());
}

TEST_F(CrlIssuerTest, NeverGoesBackInTime) {
  ASSERT_OK_AND_ASSIGN(auto first, Current());
  clock_.Set(clock_.Now() - absl::Minutes(1));
  Revoke();
  ASSERT_OK_AND_ASSIGN(auto second, Current());
  EXPECT_EQ(second.number, 2);
  EXPECT_EQ(second.this_update, first.this_update);
}

TEST_F(CrlIssuerTest, RefusesAShardThatWasNeverOpened) {
  for (int shard : {-1, 1}) {
    EXPECT_THAT(Current(shard), StatusIs(absl::StatusCode::kInvalidArgument,
                                         reasons::kInvalidField));
  }
}

TEST_F(CrlIssuerTest, KeepsTheOldCrlWhenTheSignerIsOffline) {
  ASSERT_OK_AND_ASSIGN(auto first, Current());
  Revoke();
  signer_->FailNext(MakeError(absl::StatusCode::kUnavailable,
                              reasons::kSignerOffline, "no token"));
  EXPECT_THAT(Current(), StatusIs(absl::StatusCode::kUnavailable,
                                  reasons::kSignerOffline));
  ASSERT_OK_AND_ASSIGN(auto second, Current());
  EXPECT_EQ(second.number, 2);
  EXPECT_THAT(database_.audit(), SizeIs(2));
}

}  // namespace
}  // namespace birthmark::ca
