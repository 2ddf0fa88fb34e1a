// The contract of StatusStore.

#include <cstdint>
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
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

class StatusStoreTest : public StoreTest {
 protected:
  // Makes the next CRL of shard 3 of "idevid".
  CrlRow Sign(absl::Time this_update, absl::Time expired_before,
              std::optional<DeltaRow> delta = {}) {
    const auto crl = backend_->crls().Refresh(
        "idevid", 3, [&](const auto&, int64_t) { return CrlStore::Request(); },
        [&](const CrlStore::Changes& changes)
            -> absl::StatusOr<CrlStore::MadeCrl> {
          return CrlStore::MadeCrl{
              .row = {.issuer_id = "idevid",
                      .crl_shard = 3,
                      .number = ++number_,
                      .revision = changes.revision,
                      .this_update = this_update,
                      .next_update = this_update + absl::Hours(1),
                      .expired_before = expired_before,
                      .entries = 7,
                      .crl_der = std::string("\x30\x00\xff", 3),
                      .delta = delta},
              .mutation = Change("crl.sign")};
        });
    EXPECT_OK(crl);
    return *crl;
  }
  StatusStore::ShardTruth Truth() {
    return backend_->status().ReadTruth("idevid", 3).value();
  }
  int64_t number_ = 0;
};

TEST_P(StatusStoreTest, FindsWhatWasIssuedWithWhatBecameOfIt) {
  ASSERT_OK_AND_ASSIGN(const auto nothing, backend_->status().Find({}));
  EXPECT_THAT(nothing.certificates, IsEmpty());
  const CertificateRow good = GivenCertificate(ClientKey("a"));
  const CertificateRow held = GivenCertificate(ClientKey("b"), "ldevid");
  const CertificateRow gone = GivenCertificate(ClientKey("c"));
  ASSERT_OK(Hold(held));
  ASSERT_OK_AND_ASSIGN(const RevocationRow revoked, Revoke(gone, 1));
  ASSERT_OK_AND_ASSIGN(const auto found,
                       backend_->status().Find({gone.serial, Serial(), "short",
                                                good.serial, held.serial}));
  EXPECT_THAT(backend_->log().Latest(), IsOkAndHolds(found.revision));
  ASSERT_THAT(found.certificates, SizeIs(3));
  for (const CertificateStatus& status : found.certificates) {
    if (status.serial == good.serial) {
      EXPECT_EQ(status.not_after, good.not_after);
      EXPECT_EQ(status.issuer_id, "idevid");
      EXPECT_FALSE(status.revocation.has_value());
    } else if (status.serial == held.serial) {
      EXPECT_EQ(status.issuer_id, "ldevid");
      ASSERT_TRUE(status.revocation.has_value());
      EXPECT_EQ(status.revocation->state, RevocationState::kHeld);
    } else {
      ASSERT_TRUE(status.revocation.has_value());
      EXPECT_EQ(status.revocation->reason, 1);
      EXPECT_EQ(status.revocation->revoke_time, revoked.revoke_time);
    }
  }
  // Also if there is none of them, the revision is known.
  ASSERT_OK_AND_ASSIGN(const auto none, backend_->status().Find({Serial()}));
  EXPECT_THAT(none.certificates, IsEmpty());
  EXPECT_EQ(none.revision, found.revision);
}

TEST_P(StatusStoreTest, TakesARevocationForProofThatItWasIssued) {
  const CertificateRow lost = Certificate(ClientKey("never recorded"));
  const absl::Time now = Now();
  ASSERT_THAT(backend_->log().Restore({{.revision = 1,
                                        .serial = lost.serial,
                                        .issuer_id = "ldevid",
                                        .crl_shard = 3,
                                        .not_after = lost.not_after,
                                        .reason = 4,
                                        .revoke_time = now,
                                        .update_time = now}},
                                      {Entry()}),
              IsOkAndHolds(1));
  ASSERT_OK_AND_ASSIGN(const auto found,
                       backend_->status().Find({lost.serial}));
  ASSERT_THAT(found.certificates, SizeIs(1));
  EXPECT_EQ(found.certificates[0].serial, lost.serial);
  EXPECT_EQ(found.certificates[0].issuer_id, "ldevid");
  EXPECT_EQ(found.certificates[0].not_after, lost.not_after);
  EXPECT_TRUE(found.certificates[0].revocation.has_value());
}

TEST_P(StatusStoreTest, ListsShardsThatNeedCrlsAndWhatTheyLack) {
  const CertificateRow row = GivenCertificate(ClientKey("a"));
  const absl::Time until = row.not_after;
  ASSERT_OK(backend_->shards().Record("ldevid", 0, 1, until, Now()));
  ASSERT_OK(Revoke(row, 1));
  const int64_t first = backend_->log().Latest().value();
  EXPECT_THAT(backend_->status().ListShards(until),
              IsOkAndHolds(ElementsAre(
                  AllOf(Field(&ShardStatus::issuer_id, "idevid"),
                        Field(&ShardStatus::crl_shard, 3),
                        Field(&ShardStatus::live_until, until),
                        Field(&ShardStatus::number, 0),
                        Field(&ShardStatus::latest_revision, first)),
                  AllOf(Field(&ShardStatus::issuer_id, "ldevid"),
                        Field(&ShardStatus::crl_shard, 0),
                        Field(&ShardStatus::latest_revision, 0)))));
  const CrlRow crl = Sign(until, Now());
  ASSERT_OK(Revoke(GivenCertificate(ClientKey("b")), 1));
  const absl::Time later = until + absl::Hours(24 * 365);
  // Only that which was on its last CRL may have to leave it still.
  ASSERT_OK_AND_ASSIGN(const auto shards, backend_->status().ListShards(later));
  ASSERT_THAT(shards, SizeIs(1));
  EXPECT_EQ(shards[0].number, 1);
  EXPECT_EQ(shards[0].revision, first);
  EXPECT_GT(shards[0].latest_revision, first);
  EXPECT_EQ(shards[0].this_update, crl.this_update);
  EXPECT_EQ(shards[0].next_update, crl.next_update);
  EXPECT_EQ(shards[0].entries, 7);
  Sign(later, Now());
  EXPECT_THAT(backend_->status().ListShards(later), IsOkAndHolds(IsEmpty()));
}

TEST_P(StatusStoreTest, ReadsTheCurrentCrl) {
  ASSERT_OK(backend_->shards().Record("idevid", 3, 1, Now(), Now()));
  EXPECT_THAT(backend_->status().ReadCrl("idevid", 3),
              StatusIs(StatusCode::kNotFound, reasons::kCrlShardNotFound));
  Sign(Now(), Now());
  const CrlRow made = Sign(Now(), Now(),
                           DeltaRow{.base_number = 1,
                                    .base_revision = 5,
                                    .base_time = Now(),
                                    .entries = 2,
                                    .crl_der = "delta"});
  ASSERT_OK_AND_ASSIGN(const CrlRow crl,
                       backend_->status().ReadCrl("idevid", 3));
  EXPECT_EQ(crl.number, 2);
  EXPECT_EQ(crl.crl_der, made.crl_der);
  EXPECT_EQ(crl.this_update, made.this_update);
  EXPECT_EQ(crl.expired_before, made.expired_before);
  ASSERT_TRUE(crl.delta.has_value());
  EXPECT_EQ(crl.delta->crl_der, "delta");
  EXPECT_EQ(crl.delta->base_time, made.delta->base_time);
  EXPECT_THAT(backend_->status().ReadCrl("ldevid", 3),
              StatusIs(StatusCode::kNotFound, reasons::kCrlShardNotFound));
  EXPECT_THAT(backend_->status().ReadTruth("idevid", 4),
              StatusIs(StatusCode::kNotFound, reasons::kCrlShardNotFound));
}

TEST_P(StatusStoreTest, TellsWhatOughtToBeOnACrl) {
  const CertificateRow a = GivenCertificate(ClientKey("a"));
  const CertificateRow b = GivenCertificate(ClientKey("b"));
  const CertificateRow c = GivenCertificate(ClientKey("c"));
  CertificateRow brief = Certificate(ClientKey("d"));
  brief.not_after = brief.not_before + absl::Minutes(10);
  CertificateRow elsewhere = Certificate(ClientKey("e"));
  elsewhere.crl_shard = 4;
  ASSERT_OK(
      backend_->certificates().Insert({brief, elsewhere}, {Entry(), Entry()}));
  ASSERT_OK(Revoke(a, 1));
  ASSERT_OK(Hold(b));
  ASSERT_OK(Revoke(brief, 1));
  ASSERT_OK(Revoke(elsewhere, 1));
  const CrlRow crl = Sign(brief.not_after + absl::Minutes(1), brief.not_after);
  StatusStore::ShardTruth truth = Truth();
  EXPECT_EQ(truth.crl.number, crl.number);
  EXPECT_EQ(truth.crl.crl_der, crl.crl_der);
  EXPECT_THAT(truth.revoked, ElementsAre(a.serial, b.serial, brief.serial));
  EXPECT_THAT(truth.changed, IsEmpty());
  // What came after it may be on it or not.
  ASSERT_OK(Release(b, 2));
  ASSERT_OK(Hold(c));
  ASSERT_OK(Revoke(c, 4, 2));
  truth = Truth();
  EXPECT_THAT(truth.revoked, ElementsAre(a.serial, c.serial, brief.serial));
  EXPECT_THAT(truth.changed, ElementsAre(b.serial, c.serial));
  Sign(brief.not_after + absl::Minutes(2), brief.not_after + absl::Minutes(1));
  EXPECT_THAT(Truth().revoked, ElementsAre(a.serial, c.serial));
  // A CRL that drops certificates too early does not get away with it.
  Sign(brief.not_after, a.not_after + absl::Hours(1));
  EXPECT_THAT(Truth().revoked, ElementsAre(a.serial, c.serial, brief.serial));
}

INSTANTIATE_TEST_SUITE_P(All, StatusStoreTest, testing::ValuesIn(Backends()),
                         BackendName);

}  // namespace
}  // namespace birthmark::storage
