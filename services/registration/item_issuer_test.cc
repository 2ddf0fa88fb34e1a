#include "services/registration/item_issuer.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/base/thread_pool.h"
#include "lib/crypto/batch_verifier.h"
#include "lib/rpc/status.h"
#include "lib/x509/certificate.h"
#include "services/registration/testing.h"

namespace birthmark::registration {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class ItemIssuerTest : public testing::Test {
 protected:
  ItemIssuerTest()
      : profile_(MakeProfile(policy::ProfileKind::kIdevid)),
        client_(world_.ca),
        pool_(2, 16),
        metrics_(world_.metrics),
        issuer_(MakeIssuer(2)) {
    batch_.row = world_.batch;
    batch_.models = {"m1", "m2"};
    batch_.profile = &profile_;
    batch_.actor = "spiffe://test/fleet/acme/line/l1";
  }

  ItemIssuer MakeIssuer(int retries) {
    return ItemIssuer(world_.batches, client_, world_.serials, world_.clock,
                      pool_, verifier_, metrics_,
                      {.retries = retries,
                       .first_delay = absl::ZeroDuration(),
                       .max_delay = absl::ZeroDuration()});
  }

  static ItemIssuer::Item MakeItem(const std::string& id,
                                   const std::string& csr = MakeCsr()) {
    ItemIssuer::Item item;
    item.set_item_id(id);
    item.set_csr_der(csr);
    item.set_model("m1");
    item.set_serial_number("SN " + id);
    return item;
  }

  absl::StatusOr<std::vector<ItemIssuer::Result>> Issue(
      const std::vector<ItemIssuer::Item>& items) {
    return issuer_.Issue(batch_, items, [] { return false; });
  }

  static std::string ReasonOf(const ItemIssuer::Result& result) {
    return Reason(rpc::FromProto(result.error()));
  }

  // What is recorded of the batch, by item id: "issued", or the reason.
  std::map<std::string, std::string> Recorded() {
    std::map<std::string, std::string> recorded;
    const auto results =
        world_.batches.ListResults(batch_.row.batch_key, "", 100);
    for (const storage::ItemResult& result : results.value()) {
      recorded[result.item_id] =
          result.status.ok() ? "issued" : Reason(result.status);
    }
    return recorded;
  }

  World world_;
  const policy::Profile profile_;
  CaClient client_;
  ThreadPool pool_;
  const crypto::BatchVerifier verifier_;
  Metrics metrics_;
  ItemIssuer issuer_;
  OpenBatch batch_;
};

TEST_F(ItemIssuerTest, AnswersEveryItemInOrder) {
  ASSERT_OK_AND_ASSIGN(const auto results,
                       Issue({MakeItem("a"), MakeItem("b")}));
  ASSERT_THAT(results, SizeIs(2));
  EXPECT_EQ(results[0].item_id(), "a");
  EXPECT_EQ(results[1].item_id(), "b");
  for (const auto& result : results) {
    ASSERT_OK_AND_ASSIGN(const auto certificate,
                         x509::Certificate::Parse(result.certificate_der()));
    EXPECT_EQ(certificate->subject.ToText(),
              "CN=subject " + result.device_uid());
  }
  EXPECT_THAT(world_.actions(),
              ElementsAre("device.provision", "device.provision",
                          "certificate.issue", "certificate.issue"));
  EXPECT_EQ(metrics_.items_issued.Value(), 2);
}

TEST_F(ItemIssuerTest, ASpoiledItemHarmsNoOther) {
  ItemIssuer::Item foreign = MakeItem("foreign");
  foreign.set_model("m9");
  ItemIssuer::Item weird = MakeItem("weird");
  weird.set_item_id("no spaces");
  ASSERT_OK_AND_ASSIGN(
      const auto results,
      Issue({MakeItem("bad", "junk"), MakeItem("good"), foreign, weird}));
  ASSERT_THAT(results, SizeIs(4));
  EXPECT_EQ(ReasonOf(results[0]), reasons::kCsrMalformed);
  EXPECT_TRUE(results[1].has_certificate_der());
  EXPECT_EQ(ReasonOf(results[2]), reasons::kModelNotAllowed);
  EXPECT_EQ(ReasonOf(results[3]), reasons::kInvalidField);
  // What has an id that can be kept is kept.
  EXPECT_THAT(Recorded(),
              ElementsAre(Pair("bad", reasons::kCsrMalformed),
                          Pair("foreign", reasons::kModelNotAllowed),
                          Pair("good", "issued")));
  EXPECT_EQ(metrics_.items_refused.Value(), 3);
}

TEST_F(ItemIssuerTest, TellsWhichOfManyProofsOfPossessionIsBad) {
  std::vector<ItemIssuer::Item> items;
  for (int i = 0; i < 20; ++i) {
    items.push_back(MakeItem(absl::StrCat("i", i)));
  }
  // The signature's last octet is the low end of s.
  items[3].mutable_csr_der()->back() ^= 1;
  items[17].mutable_csr_der()->back() ^= 1;
  ASSERT_OK_AND_ASSIGN(const auto results, Issue(items));
  ASSERT_THAT(results, SizeIs(items.size()));
  for (size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ(results[i].item_id(), items[i].item_id());
    if (i == 3 || i == 17) {
      EXPECT_EQ(ReasonOf(results[i]), reasons::kCsrSignatureInvalid);
    } else {
      EXPECT_TRUE(results[i].has_certificate_der());
    }
  }
}

TEST_F(ItemIssuerTest, ARepeatGetsTheSameCertificate) {
  const std::vector<ItemIssuer::Item> items = {MakeItem("a")};
  ASSERT_OK_AND_ASSIGN(const auto first, Issue(items));
  ASSERT_OK_AND_ASSIGN(const auto second, Issue(items));
  EXPECT_EQ(first[0].SerializeAsString(), second[0].SerializeAsString());
  EXPECT_EQ(world_.ca.signatures(), 1);
  EXPECT_EQ(metrics_.items_repeated.Value(), 1);
}

TEST_F(ItemIssuerTest, AnAdmittedItemIsSignedLater) {
  const std::vector<ItemIssuer::Item> items = {MakeItem("a")};
  for (int i = 0; i < 3; ++i) {
    world_.ca.FailNext(absl::UnavailableError("connection refused"));
  }
  const auto lost = Issue(items);
  EXPECT_THAT(lost,
              StatusIs(StatusCode::kUnavailable, reasons::kSignerOffline));
  ASSERT_OK_AND_ASSIGN(const auto results, Issue(items));
  EXPECT_TRUE(results[0].has_certificate_der());
  EXPECT_THAT(world_.actions(),
              ElementsAre("device.provision", "certificate.issue"));
}

TEST_F(ItemIssuerTest, TheSameItemTwiceGetsOneAnswer) {
  const ItemIssuer::Item item = MakeItem("a");
  ASSERT_OK_AND_ASSIGN(const auto results, Issue({item, MakeItem("b"), item}));
  EXPECT_EQ(results[0].SerializeAsString(), results[2].SerializeAsString());
  EXPECT_EQ(world_.ca.signatures(), 2);
}

TEST_F(ItemIssuerTest, AnItemIdIsBoundToItsContent) {
  const std::string csr = MakeCsr();
  ItemIssuer::Item other_model = MakeItem("a", csr);
  other_model.set_model("m2");
  ASSERT_OK_AND_ASSIGN(const auto within,
                       Issue({MakeItem("a", csr), MakeItem("a"), other_model}));
  EXPECT_TRUE(within[0].has_certificate_der());
  EXPECT_EQ(ReasonOf(within[1]), reasons::kRequestIdReused);
  EXPECT_EQ(ReasonOf(within[2]), reasons::kRequestIdReused);
  ASSERT_OK_AND_ASSIGN(const auto later, Issue({MakeItem("a")}));
  EXPECT_EQ(ReasonOf(later[0]), reasons::kRequestIdReused);
}

TEST_F(ItemIssuerTest, AnItemThatFailedMayComeAgainWithAnotherCsr) {
  ASSERT_OK_AND_ASSIGN(const auto results,
                       Issue({MakeItem("a", "junk"), MakeItem("a")}));
  EXPECT_EQ(ReasonOf(results[0]), reasons::kCsrMalformed);
  EXPECT_TRUE(results[1].has_certificate_der());
}

TEST_F(ItemIssuerTest, AKeyThatIsKnownIsRefusedAndReported) {
  const std::string csr = MakeCsr();
  ASSERT_OK_AND_ASSIGN(const auto results,
                       Issue({MakeItem("a", csr), MakeItem("b", csr)}));
  EXPECT_TRUE(results[0].has_certificate_der());
  EXPECT_EQ(ReasonOf(results[1]), reasons::kKeyAlreadyEnrolled);
  EXPECT_THAT(world_.actions(),
              ElementsAre("device.provision", "key.reuse_refused",
                          "certificate.issue"));
  const std::vector<audit::Entry> log = world_.database.audit();
  EXPECT_EQ(log[log.size() - 2].details.at("item"), "b");
  EXPECT_EQ(metrics_.keys_reused.Value(), 1);
}

TEST_F(ItemIssuerTest, OutlastsShortFaultsOfTheDatabase) {
  world_.database.FailNext(MakeError(
      StatusCode::kAborted, reasons::kTransactionConflict, "conflict"));
  ASSERT_OK_AND_ASSIGN(const auto results, Issue({MakeItem("a")}));
  EXPECT_TRUE(results[0].has_certificate_der());
}

TEST_F(ItemIssuerTest, OutlastsShortFaultsOfTheCa) {
  world_.ca.FailNext(absl::UnavailableError("restarting"));
  world_.ca.FailNext(absl::DeadlineExceededError("slow"));
  ASSERT_OK_AND_ASSIGN(const auto results, Issue({MakeItem("a")}));
  EXPECT_TRUE(results[0].has_certificate_der());
}

TEST_F(ItemIssuerTest, DoesNotRepeatWhenNobodyWaits) {
  world_.database.FailNext(absl::UnavailableError("gone"));
  EXPECT_THAT(issuer_.Issue(batch_, {MakeItem("a")}, [] { return true; }),
              StatusIs(StatusCode::kUnavailable));
}

TEST_F(ItemIssuerTest, ADisabledLineEndsTheBatch) {
  ASSERT_OK(world_.lines.Disable("acme", "l1", std::nullopt, world_.Change()));
  EXPECT_THAT(Issue({MakeItem("a")}), StatusIs(StatusCode::kFailedPrecondition,
                                               reasons::kLineDisabled));
  EXPECT_THAT(world_.actions(), IsEmpty());
}

TEST_F(ItemIssuerTest, ACommitInDoubtIsNoInternalError) {
  world_.database.FailNext(absl::UnknownError("in doubt"));
  EXPECT_THAT(
      MakeIssuer(0).Issue(batch_, {MakeItem("a")}, [] { return false; }),
      StatusIs(StatusCode::kUnavailable, reasons::kDatabaseOffline));
}

TEST_F(ItemIssuerTest, WhatTheCaRefusesIsTheItemsError) {
  world_.ca.RefuseModel("m2");
  ItemIssuer::Item refused = MakeItem("b");
  refused.set_model("m2");
  ASSERT_OK_AND_ASSIGN(const auto results, Issue({MakeItem("a"), refused}));
  EXPECT_TRUE(results[0].has_certificate_der());
  EXPECT_EQ(ReasonOf(results[1]), reasons::kProfileViolation);
}

TEST_F(ItemIssuerTest, ACaThatRefusesThisServiceIsNotTheLinesFault) {
  world_.ca.FailNext(absl::PermissionDeniedError("not you"));
  EXPECT_THAT(Issue({MakeItem("a")}), StatusIs(StatusCode::kInternal));
}

}  // namespace
}  // namespace birthmark::registration
