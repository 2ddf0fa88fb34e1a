#include "services/ca/crl_issuer.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lib/base/fake_clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/keys/fake_signer.h"
#include "lib/policy/profile.h"
#include "lib/storage/fake_crl_shard_store.h"
#include "lib/storage/fake_crl_store.h"
#include "lib/storage/fake_database.h"
#include "lib/telemetry/log.h"
#include "lib/telemetry/metrics.h"
#include "lib/x509/crl.h"
#include "services/ca/test_issuer.h"

namespace birthmark::ca {
namespace {

using storage::RevocationState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kCaller[] = "spiffe://birthmark.example/service/status";
constexpr absl::Duration kLifetime = absl::Hours(24);

class CrlIssuerTest : public testing::Test {
 protected:
  explicit CrlIssuerTest(bool deltas = false)
      : issuer_(hierarchy_.MakeIssuer("idevid", "http://crl.example", &signer_,
                                      deltas)) {}

  absl::StatusOr<storage::CrlRow> Current(int shard = 0) {
    return crl_issuer_.Current(*issuer_, shard, kCaller);
  }

  // The current CRL, parsed, with its row in row_.
  x509::Crl CurrentCrl() {
    row_ = Current().value();
    return x509::Crl::Parse(row_.crl_der).value();
  }

  x509::Crl CurrentDelta() {
    row_ = Current().value();
    return x509::Crl::Parse(row_.delta.value().crl_der).value();
  }

  void Put(const std::string& serial, RevocationState state, int reason,
           absl::Time not_after) {
    storage::RevocationRow row;
    row.serial = serial;
    row.issuer_id = "idevid";
    row.not_after = not_after;
    row.state = state;
    row.reason = reason;
    row.revoke_time = NowSeconds(clock_);
    row.update_time = row.revoke_time;
    storage::FakeDatabase::Transaction transaction(database_);
    row.version = ++transaction->revocations[serial].version;
    transaction->revocations[serial] = row;
    transaction.Commit();
  }

  std::string Revoke(int reason = 1,
                     absl::Time not_after = policy::NoExpiry()) {
    const std::string serial = hierarchy_.Serial();
    Put(serial, RevocationState::kRevoked, reason, not_after);
    return serial;
  }

  std::string Hold() {
    const std::string serial = hierarchy_.Serial();
    Put(serial, RevocationState::kHeld, 6, policy::NoExpiry());
    return serial;
  }

  void Release(const std::string& serial) {
    Put(serial, RevocationState::kReleased, 6, policy::NoExpiry());
  }

  // Changes the newest CRL's row, as a restored database or a bad disk might.
  void Spoil(const std::function<void(storage::CrlRow&)>& spoil) {
    storage::FakeDatabase::Transaction transaction(database_);
    spoil(transaction->crls.at({"idevid", 0}));
    transaction.Commit();
  }

  double Signed(const std::string& made) {
    return metrics_.crls_signed.With({"idevid", made}).Value();
  }

  FakeClock clock_;
  TestHierarchy hierarchy_{clock_};
  keys::FakeSigner* signer_ = nullptr;
  std::unique_ptr<Issuer> issuer_;
  telemetry::Registry registry_;
  Metrics metrics_{registry_};
  storage::FakeDatabase database_;
  storage::FakeCrlStore crls_{database_};
  storage::FakeCrlShardStore shards_{database_};
  CrlIssuer crl_issuer_{crls_, shards_, kLifetime, clock_, metrics_};
  storage::CrlRow row_;
};

TEST_F(CrlIssuerTest, BeginsWithAnEmptyCrlNumberedByTheClock) {
  ASSERT_OK_AND_ASSIGN(auto row, Current());
  EXPECT_EQ(row.number, absl::ToUnixMillis(clock_.Now()));
  ASSERT_OK_AND_ASSIGN(auto crl, x509::Crl::Parse(row.crl_der));
  EXPECT_OK(crl.VerifySignatureBy(signer_->public_key()));
  EXPECT_EQ(crl->number, static_cast<uint64_t>(row.number));
  EXPECT_EQ(crl->entry_count, 0u);
  EXPECT_EQ(crl->this_update, NowSeconds(clock_));
  EXPECT_EQ(crl->next_update, NowSeconds(clock_) + kLifetime);
  EXPECT_THAT(crl->shard_uris, ElementsAre("http://crl.example/idevid/0.crl"));
  EXPECT_THAT(crl->freshest_uris, IsEmpty());
  EXPECT_FALSE(row.delta.has_value());

  ASSERT_THAT(database_.audit(), SizeIs(1));
  EXPECT_EQ(database_.audit()[0].action, "crl.sign");
  EXPECT_EQ(database_.audit()[0].actor, kCaller);
  EXPECT_EQ(database_.audit()[0].resource, "issuers/idevid/crls/0");
  EXPECT_EQ(Signed("whole"), 1);
}

TEST_F(CrlIssuerTest, ServesTheNewestUntilHalfItsLifeIsOver) {
  ASSERT_OK_AND_ASSIGN(auto first, Current());
  clock_.Advance(kLifetime / 2 - absl::Seconds(1));
  ASSERT_OK_AND_ASSIGN(auto same, Current());
  EXPECT_EQ(same.crl_der, first.crl_der);
  EXPECT_EQ(signer_->sign_count(), 1);
  clock_.Advance(absl::Seconds(1));
  ASSERT_OK_AND_ASSIGN(auto next, Current());
  EXPECT_GT(next.number, first.number);
  EXPECT_EQ(Signed("whole"), 2);
}

TEST_F(CrlIssuerTest, ListsARevocationOfTheSameSecondWithoutReadingAll) {
  ASSERT_OK_AND_ASSIGN(auto first, Current());
  const std::string serial = Revoke(1);
  const x509::Crl crl = CurrentCrl();
  EXPECT_EQ(row_.number, first.number + 1);
  EXPECT_GT(row_.revision, first.revision);
  EXPECT_EQ(row_.entries, 1);
  EXPECT_EQ(Signed("incremental"), 1);
  const std::optional<x509::CrlEntryView> entry = crl.Find(serial);
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->reason, x509::RevocationReason::kKeyCompromise);
  EXPECT_EQ(entry->revocation_time, NowSeconds(clock_));
}

TEST_F(CrlIssuerTest, AChangedHoldIsReplacedAndAReleasedOneLeaves) {
  const std::string held = Hold();
  const std::string worse = Hold();
  x509::Crl crl = CurrentCrl();
  ASSERT_TRUE(crl.Find(held).has_value());
  EXPECT_EQ(crl.Find(held)->reason, x509::RevocationReason::kCertificateHold);

  Release(held);
  Put(worse, RevocationState::kRevoked, 4, policy::NoExpiry());
  const std::string other = Revoke();
  crl = CurrentCrl();
  EXPECT_EQ(row_.entries, 2);
  EXPECT_FALSE(crl.Find(held).has_value());
  EXPECT_EQ(crl.Find(worse)->reason, x509::RevocationReason::kSuperseded);
  EXPECT_TRUE(crl.Find(other).has_value());
}

TEST_F(CrlIssuerTest, TheNextCrlIsWhatAWholeOneWouldBe) {
  for (int i = 0; i < 50; ++i) {
    Revoke(i % 5);
  }
  const std::string held = Hold();
  ASSERT_OK(Current());
  for (int i = 0; i < 50; ++i) {
    Revoke(i % 5);
  }
  Release(held);
  const x509::Crl next = CurrentCrl();
  EXPECT_EQ(Signed("incremental"), 1);
  // The same moment again, made whole.
  Spoil([&](storage::CrlRow& row) {
    row.number = row_.number - 1;
    row.next_update = row.this_update;
  });
  const x509::Crl whole = CurrentCrl();
  EXPECT_EQ(Signed("whole"), 2);
  EXPECT_EQ(next->number, whole->number);
  EXPECT_EQ(next->tbs, whole->tbs);
}

TEST_F(CrlIssuerTest, AnExpiredCertificateLeavesAfterOneMoreCrl) {
  const absl::Time not_after = NowSeconds(clock_) + absl::Minutes(10);
  const std::string serial = Revoke(1, not_after);
  EXPECT_TRUE(CurrentCrl().Find(serial).has_value());

  clock_.Advance(absl::Minutes(11));
  Revoke();
  EXPECT_TRUE(CurrentCrl().Find(serial).has_value()) << "the one more";
  clock_.Advance(absl::Minutes(1));
  const std::string later = Revoke();
  x509::Crl crl = CurrentCrl();
  EXPECT_FALSE(crl.Find(serial).has_value());
  EXPECT_EQ(row_.entries, 2);
  EXPECT_EQ(Signed("incremental"), 2);

  clock_.Advance(kLifetime);
  crl = CurrentCrl();
  EXPECT_FALSE(crl.Find(serial).has_value());
  EXPECT_TRUE(crl.Find(later).has_value());
}

TEST_F(CrlIssuerTest, NeitherNumberNorTimeGoesBackWithTheClock) {
  ASSERT_OK_AND_ASSIGN(auto first, Current());
  clock_.Set(clock_.Now() - absl::Minutes(1));
  Revoke();
  ASSERT_OK_AND_ASSIGN(auto second, Current());
  EXPECT_EQ(second.number, first.number + 1);
  EXPECT_EQ(second.this_update, first.this_update);
}

TEST_F(CrlIssuerTest, TheNumberGrowsWhenTheDatabaseHasForgottenTheNewest) {
  ASSERT_OK_AND_ASSIGN(auto old, Current());
  clock_.Advance(absl::Seconds(1));
  Revoke();
  ASSERT_OK_AND_ASSIGN(auto lost, Current());
  clock_.Advance(absl::Seconds(1));
  Spoil([&](storage::CrlRow& row) { row = old; });
  ASSERT_OK_AND_ASSIGN(auto restored, Current());
  EXPECT_GT(restored.number, lost.number);

  {
    storage::FakeDatabase::Transaction transaction(database_);
    transaction->crls.clear();
    transaction.Commit();
  }
  clock_.Advance(absl::Seconds(1));
  ASSERT_OK_AND_ASSIGN(auto first_again, Current());
  EXPECT_GT(first_again.number, restored.number);
  EXPECT_EQ(first_again.entries, 1);
}

TEST_F(CrlIssuerTest, IsMadeWholeIfTheOneBeforeCannotBeRead) {
  Revoke();
  ASSERT_OK(Current());
  Spoil([](storage::CrlRow& row) { row.crl_der.resize(20); });
  const telemetry::CaptureLogs logs;
  Revoke();
  const x509::Crl crl = CurrentCrl();
  EXPECT_EQ(crl->entry_count, 2u);
  EXPECT_EQ(Signed("incremental"), 0);
  EXPECT_EQ(Signed("whole"), 2);
  EXPECT_EQ(metrics_.crl_fallbacks.With({"idevid"}).Value(), 1);
  ASSERT_THAT(logs.lines(), SizeIs(1));
  EXPECT_THAT(logs.lines()[0], HasSubstr("crl_incremental_failed"));
  EXPECT_THAT(database_.audit(), SizeIs(2));
}

TEST_F(CrlIssuerTest, IsMadeWholeAfterACrlOfAnotherPlace) {
  ASSERT_OK(Current());
  const std::string serial = Revoke();
  const auto moved = std::move(issuer_);
  auto key = std::make_unique<keys::FakeSigner>();
  auto chain = hierarchy_.Certify("idevid", *key);
  ASSERT_OK_AND_ASSIGN(issuer_,
                       Issuer::New({"idevid", std::move(key), std::move(chain),
                                    "http://elsewhere.example"}));
  const x509::Crl crl = CurrentCrl();
  EXPECT_THAT(crl->shard_uris,
              ElementsAre("http://elsewhere.example/idevid/0.crl"));
  EXPECT_TRUE(crl.Find(serial).has_value());
  EXPECT_EQ(metrics_.crl_fallbacks.With({"idevid"}).Value(), 1);
}

TEST_F(CrlIssuerTest, RefusesAShardThatWasNeverOpened) {
  EXPECT_THAT(Current(-1), StatusIs(absl::StatusCode::kInvalidArgument,
                                    reasons::kInvalidField));
  EXPECT_THAT(Current(1), StatusIs(absl::StatusCode::kNotFound,
                                   reasons::kCrlShardNotFound));
}

TEST_F(CrlIssuerTest, AnIssuerThatPublishesNothingHasOneCrlForAll) {
  issuer_ = hierarchy_.MakeIssuer("idevid", "", &signer_);
  EXPECT_THAT(CurrentCrl()->shard_uris, IsEmpty());
  ASSERT_OK(shards_.Record("idevid", 1, 1, policy::NoExpiry(), clock_.Now()));
  EXPECT_THAT(Current(1), StatusIs(absl::StatusCode::kNotFound,
                                   reasons::kCrlShardNotFound));
}

TEST_F(CrlIssuerTest, KeepsTheOldCrlWhenTheSignerIsOffline) {
  ASSERT_OK_AND_ASSIGN(auto first, Current());
  Revoke();
  signer_->FailNext(MakeError(absl::StatusCode::kUnavailable,
                              reasons::kSignerOffline, "no token"));
  EXPECT_THAT(Current(), StatusIs(absl::StatusCode::kUnavailable,
                                  reasons::kSignerOffline));
  EXPECT_EQ(metrics_.crl_fallbacks.With({"idevid"}).Value(), 0);
  ASSERT_OK_AND_ASSIGN(auto second, Current());
  EXPECT_EQ(second.number, first.number + 1);
  EXPECT_THAT(database_.audit(), SizeIs(2));
}

TEST_F(CrlIssuerTest, SaysThatTheDatabaseIsAway) {
  database_.FailNext(MakeError(absl::StatusCode::kUnavailable,
                               reasons::kDatabaseOffline, "gone"));
  EXPECT_THAT(Current(), StatusIs(absl::StatusCode::kUnavailable,
                                  reasons::kDatabaseOffline));
}

class DeltaTest : public CrlIssuerTest {
 protected:
  DeltaTest() : CrlIssuerTest(true) {}
};

TEST_F(DeltaTest, TheFirstCrlIsTheBaseOfTheNextOnes) {
  const std::string before = Revoke();
  const x509::Crl base = CurrentCrl();
  EXPECT_THAT(base->freshest_uris,
              ElementsAre("http://crl.example/idevid/0-delta.crl"));
  x509::Crl delta = CurrentDelta();
  EXPECT_EQ(delta->base_number, base->number);
  EXPECT_EQ(delta->entry_count, 0u);

  clock_.Advance(absl::Minutes(1));
  const std::string after = Revoke();
  delta = CurrentDelta();
  EXPECT_OK(delta.VerifySignatureBy(signer_->public_key()));
  EXPECT_EQ(delta->number, static_cast<uint64_t>(row_.number));
  EXPECT_EQ(delta->base_number, base->number);
  EXPECT_EQ(delta->this_update, row_.this_update);
  EXPECT_EQ(delta->next_update, row_.next_update);
  EXPECT_EQ(delta->shard_uris, base->shard_uris);
  EXPECT_THAT(delta->freshest_uris, IsEmpty());
  EXPECT_FALSE(delta.Find(before).has_value());
  EXPECT_TRUE(delta.Find(after).has_value());
  EXPECT_EQ(row_.delta->entries, 1);
  EXPECT_EQ(row_.entries, 2);
  EXPECT_EQ(Signed("delta"), 2);

  const audit::Entry entry = database_.audit().back();
  EXPECT_EQ(entry.details.at("delta_entries"), "1");
  EXPECT_EQ(entry.details.at("delta_base_number"),
            std::to_string(*base->number));
  EXPECT_THAT(entry.details.at("delta_sha256"), SizeIs(64));
}

TEST_F(DeltaTest, TakesBackWhatWasReleased) {
  const std::string held = Hold();
  ASSERT_OK(Current());
  Release(held);
  const x509::Crl delta = CurrentDelta();
  ASSERT_TRUE(delta.Find(held).has_value());
  EXPECT_EQ(delta.Find(held)->reason, x509::RevocationReason::kRemoveFromCrl);
  EXPECT_FALSE(CurrentCrl().Find(held).has_value());
}

TEST_F(DeltaTest, ABaseLastsHalfALifeHoweverOftenSomethingIsRevoked) {
  const x509::Crl base = CurrentCrl();
  for (int hour = 1; hour < 12; ++hour) {
    clock_.Advance(absl::Hours(1));
    Revoke();
    const x509::Crl delta = CurrentDelta();
    EXPECT_EQ(delta->base_number, base->number) << hour;
    EXPECT_EQ(delta->entry_count, static_cast<size_t>(hour));
  }
  clock_.Advance(absl::Hours(1));
  Revoke();
  const x509::Crl delta = CurrentDelta();
  EXPECT_EQ(delta->base_number, delta->number);
  EXPECT_EQ(delta->entry_count, 0u);
  EXPECT_EQ(row_.entries, 12);
}

TEST_F(DeltaTest, BeginsWhenAProfileAsksForItAndEndsWhenNoneDoes) {
  const auto with_deltas = std::move(issuer_);
  issuer_ = hierarchy_.MakeIssuer("idevid", "http://crl.example", &signer_);
  ASSERT_OK_AND_ASSIGN(auto without, Current());
  EXPECT_FALSE(without.delta.has_value());
  issuer_ = hierarchy_.MakeIssuer("idevid", "http://crl.example", &signer_,
                                  /*deltas=*/true);
  const x509::Crl delta = CurrentDelta();
  EXPECT_EQ(delta->base_number, delta->number);
}

TEST_F(DeltaTest, ADeltaThatCannotBeMadeBeginsANewBase) {
  ASSERT_OK(Current());
  Spoil([](storage::CrlRow& row) {
    row.delta->base_number = row.number + 1'000'000'000;
  });
  Revoke();
  const x509::Crl delta = CurrentDelta();
  EXPECT_EQ(delta->base_number, delta->number);
  EXPECT_EQ(metrics_.crl_fallbacks.With({"idevid"}).Value(), 1);
}

}  // namespace
}  // namespace birthmark::ca
