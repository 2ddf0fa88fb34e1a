#include "services/registration/item_check.h"

#include <functional>
#include <string>
#include <vector>

#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/batch_verifier.h"
#include "services/registration/testing.h"

namespace birthmark::registration {
namespace {

using absl::StatusCode;
using Item = provisioning::v1::IssueBatchRequest::Item;

Item GoodItem() {
  Item item;
  item.set_item_id("1");
  item.set_csr_der(MakeCsr());
  item.set_model("m1");
  item.set_serial_number("0001");
  return item;
}

std::vector<absl::StatusOr<CertifiableKey>> CheckAll(
    const std::vector<Item>& items,
    crypto::Arithmetic arithmetic = crypto::BestArithmetic()) {
  return CheckItems(items, {"m1", "m2"},
                    MakeProfile(policy::ProfileKind::kIdevid),
                    crypto::BatchVerifier(arithmetic));
}

absl::StatusOr<CertifiableKey> Check(const Item& item) {
  return CheckAll({item}).front();
}

TEST(ItemCheckTest, TakesAGoodItem) {
  ASSERT_OK_AND_ASSIGN(const CertifiableKey key, Check(GoodItem()));
  EXPECT_EQ(key.algorithm, storage::KeyAlgorithm::kP256);
  EXPECT_EQ(key.bits, 256);
  EXPECT_EQ(key.spki_sha256.size(), 32u);
}

struct Case {
  const char* name;
  std::function<void(Item&)> spoil;
  StatusCode code;
  absl::string_view reason;
};

class SpoiledItemTest : public testing::TestWithParam<Case> {};

TEST_P(SpoiledItemTest, IsRefused) {
  Item item = GoodItem();
  GetParam().spoil(item);
  EXPECT_THAT(Check(item), StatusIs(GetParam().code, GetParam().reason));
}

TEST_P(SpoiledItemTest, HarmsNoneOfItsBatch) {
  std::vector<Item> items(20, GoodItem());
  for (const size_t place : {2, 11, 19}) {
    GetParam().spoil(items[place]);
  }
  for (const crypto::Arithmetic arithmetic :
       {crypto::Arithmetic::kBoringSsl, crypto::BestArithmetic()}) {
    const auto keys = CheckAll(items, arithmetic);
    ASSERT_EQ(keys.size(), items.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      if (i == 2 || i == 11 || i == 19) {
        EXPECT_THAT(keys[i], StatusIs(GetParam().code, GetParam().reason)) << i;
      } else {
        EXPECT_OK(keys[i]) << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, SpoiledItemTest,
    testing::Values(
        Case{"NoItemId", [](Item& i) { i.clear_item_id(); },
             StatusCode::kInvalidArgument, reasons::kInvalidField},
        Case{"NoModel", [](Item& i) { i.clear_model(); },
             StatusCode::kInvalidArgument, reasons::kInvalidField},
        Case{"ForeignModel", [](Item& i) { i.set_model("m9"); },
             StatusCode::kFailedPrecondition, reasons::kModelNotAllowed},
        Case{"NoSerialNumber", [](Item& i) { i.clear_serial_number(); },
             StatusCode::kInvalidArgument, reasons::kInvalidField},
        Case{"SerialNumberNotPrintable",
             [](Item& i) { i.set_serial_number("1*2"); },
             StatusCode::kInvalidArgument, reasons::kInvalidField},
        Case{"LongRevision",
             [](Item& i) { i.set_hardware_revision(std::string(65, 'x')); },
             StatusCode::kInvalidArgument, reasons::kInvalidField},
        Case{"Evidence", [](Item& i) { i.set_evidence("quote"); },
             StatusCode::kFailedPrecondition, reasons::kProfileViolation},
        Case{"NoCsr", [](Item& i) { i.clear_csr_der(); },
             StatusCode::kInvalidArgument, reasons::kCsrMalformed},
        Case{"LargeCsr",
             [](Item& i) { i.set_csr_der(std::string(16385, 'x')); },
             StatusCode::kInvalidArgument, reasons::kCsrTooLarge},
        Case{"TrailingByte", [](Item& i) { i.mutable_csr_der()->push_back(0); },
             StatusCode::kInvalidArgument, reasons::kCsrMalformed},
        Case{"ForeignSignature",
             [](Item& i) {
               // The signature's last octet is the low end of s.
               i.mutable_csr_der()->back() ^= 1;
             },
             StatusCode::kInvalidArgument, reasons::kCsrSignatureInvalid},
        Case{"OtherKeyType",
             [](Item& i) {
               i.set_csr_der(MakeCsr(crypto::KeyAlgorithm::kEd25519));
             },
             StatusCode::kFailedPrecondition, reasons::kKeyTypeNotAllowed}),
    [](const auto& info) { return info.param.name; });

TEST(ItemIdTest, IsPrintableWithoutSpaceOrSlash) {
  EXPECT_OK(CheckItemId("board-0001_A.b!~"));
  EXPECT_OK(CheckItemId(std::string(128, 'x')));
  for (const std::string& id :
       {std::string(), std::string(129, 'x'), std::string("a b"),
        std::string("a/b"), std::string("\xC3\xA9"), std::string("a\x7F")}) {
    EXPECT_THAT(CheckItemId(id),
                StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField))
        << id;
  }
}

}  // namespace
}  // namespace birthmark::registration
