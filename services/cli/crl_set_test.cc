#include "services/cli/crl_set.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/file.h"
#include "lib/base/testing.h"
#include "lib/x509/crl.h"
#include "lib/x509/pem.h"
#include "lib/x509/reasons.h"
#include "services/cli/crl_testing.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

using absl::StatusCode;

const absl::Time kNow = x509::TestTime() + absl::Minutes(1);
const CrlName kName("idevid", 0);

const x509::TestCa& Ca() {
  static const x509::TestCa* const ca = new x509::TestCa;
  return *ca;
}

TEST(CrlSetTest, TakesNewerAndKeepsTheOrder) {
  CrlSet set = MakeCrlSet(Ca());
  EXPECT_FALSE(set.earliest().has_value());
  EXPECT_THAT(set.Put(kName, MakeCrl(Ca(), {}), kNow), IsOkAndHolds(true));
  TestCrl second{.shard = 1, .lifetime = absl::Hours(2)};
  EXPECT_THAT(set.Put({"idevid", 1}, MakeCrl(Ca(), second), kNow),
              IsOkAndHolds(true));
  EXPECT_EQ(set.earliest()->name, CrlName("idevid", 1));
  EXPECT_EQ(set.earliest()->next_update, x509::TestTime() + absl::Hours(2));
  EXPECT_EQ(set.DueAt({"idevid", 1}), x509::TestTime() + absl::Hours(1));
  EXPECT_EQ(set.DueAt({"idevid", 7}), absl::InfinitePast());
  const std::string newer = MakeCrl(Ca(), {.number = 2, .entries = 3});
  EXPECT_THAT(set.Put(kName, newer, kNow), IsOkAndHolds(true));
  EXPECT_THAT(set.Put(kName, newer, kNow), IsOkAndHolds(false));
  const auto ders = x509::PemDecodeAll(set.Pem(), x509::kPemCrl);
  ASSERT_OK(ders);
  ASSERT_EQ(ders->size(), 2u);
  EXPECT_EQ((*ders)[0], newer);
}

struct Case {
  const char* name;
  TestCrl crl;
  absl::Time now;
  StatusCode code;
  absl::string_view reason;
};

class RefusedTest : public testing::TestWithParam<Case> {};

TEST_P(RefusedTest, AndTheOldOneStays) {
  CrlSet set = MakeCrlSet(Ca());
  ASSERT_OK(set.Put(
      kName,
      MakeCrl(Ca(), {.number = 5,
                     .this_update = x509::TestTime() - absl::Seconds(10)}),
      kNow));
  const std::string before = set.Pem();
  EXPECT_THAT(set.Put(kName, MakeCrl(Ca(), GetParam().crl), GetParam().now),
              StatusIs(GetParam().code, GetParam().reason));
  EXPECT_EQ(set.Pem(), before);
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedTest,
    testing::Values(Case{"NumberGoesBack",
                         {.number = 4},
                         kNow,
                         StatusCode::kFailedPrecondition,
                         reasons::kCrlNotCurrent},
                    Case{"TimeGoesBack",
                         {.number = 6,
                          .this_update = x509::TestTime() - absl::Hours(1)},
                         kNow,
                         StatusCode::kFailedPrecondition,
                         reasons::kCrlNotCurrent},
                    Case{"RunOut",
                         {.number = 6},
                         kNow + absl::Hours(24),
                         StatusCode::kFailedPrecondition,
                         reasons::kCrlNotCurrent},
                    Case{"OfTheFuture",
                         {.number = 6, .this_update = kNow + absl::Minutes(6)},
                         kNow,
                         StatusCode::kFailedPrecondition,
                         reasons::kCrlNotCurrent},
                    Case{"AnotherShard",
                         {.shard = 1, .number = 6},
                         kNow,
                         StatusCode::kFailedPrecondition,
                         reasons::kCrlNotCurrent},
                    Case{"AnotherIssuer",
                         {.issuer = "ldevid", .number = 6},
                         kNow,
                         StatusCode::kFailedPrecondition,
                         reasons::kCrlNotCurrent},
                    Case{"Delta",
                         {.number = 6, .delta = true},
                         kNow,
                         StatusCode::kFailedPrecondition,
                         reasons::kCrlNotCurrent}),
    [](const auto& info) { return info.param.name; });

TEST(CrlSetTest, WhatNoTrustedIssuerSignedIsRefused) {
  CrlSet set = MakeCrlSet(Ca());
  const x509::TestCa other;  // of the same name
  EXPECT_THAT(set.Put(kName, MakeCrl(other, {}), kNow),
              StatusIs(StatusCode::kUnauthenticated,
                       birthmark::reasons::kCrlSignatureInvalid));
  std::string spoiled = MakeCrl(Ca(), {});
  spoiled.back() = static_cast<char>(spoiled.back() ^ 1);
  EXPECT_FALSE(set.Put(kName, spoiled, kNow).ok());
  EXPECT_THAT(set.Put(kName, "rubbish", kNow),
              StatusIs(StatusCode::kInvalidArgument,
                       birthmark::reasons::kCrlMalformed));
  EXPECT_EQ(set.size(), 0u);
}

TEST(CrlSetTest, ACrlOfAllOfItsIssuerNamesNoShard) {
  CrlSet set = MakeCrlSet(Ca());
  EXPECT_OK(set.Put(kName, MakeCrl(Ca(), {.partitioned = false}), kNow));
  // Two that both claim everything would be taken for each other.
  EXPECT_THAT(
      set.Put({"idevid", 1},
              MakeCrl(Ca(), {.shard = 1, .number = 2, .partitioned = false}),
              kNow),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kCrlNotCurrent));
}

TEST(CrlSetTest, IssuersMustChainToTheRoots) {
  const x509::TestCa other("Other");
  for (const std::string& issuers : {other.issuer->ToPem(), Ca().root->ToPem(),
                                     std::string("rubbish"), std::string()}) {
    EXPECT_THAT(
        CrlSet::New(issuers, Ca().root->ToPem()),
        StatusIs(StatusCode::kInvalidArgument, reasons::kInputMalformed));
  }
  EXPECT_THAT(CrlSet::New(Ca().issuer->ToPem(), "rubbish"),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInputMalformed));
}

TEST(CrlSetTest, KeepForgetsShardsThatAreGone) {
  CrlSet set = MakeCrlSet(Ca());
  ASSERT_OK(set.Put(kName, MakeCrl(Ca(), {}), kNow));
  ASSERT_OK(set.Put({"idevid", 1}, MakeCrl(Ca(), {.shard = 1}), kNow));
  EXPECT_FALSE(set.Keep("ldevid", {}));
  EXPECT_FALSE(set.Keep("idevid", {0, 1, 2}));
  EXPECT_TRUE(set.Keep("idevid", {1}));
  EXPECT_FALSE(set.Has(kName));
  EXPECT_TRUE(set.Has({"idevid", 1}));
}

TEST(CrlSetTest, AnEarlierRunsFileIsTakenUp) {
  CrlSet before = MakeCrlSet(Ca());
  ASSERT_OK(before.Put(kName, MakeCrl(Ca(), {.number = 9}), kNow));
  const x509::TestCa other;
  const std::string foreign =
      x509::PemEncode(x509::kPemCrl, MakeCrl(other, {.shard = 3}));
  CrlSet set = MakeCrlSet(Ca());
  set.Load(absl::StrCat(foreign, before.Pem()), kNow);
  EXPECT_EQ(set.size(), 1u);
  EXPECT_THAT(
      set.Put(kName, MakeCrl(Ca(), {.number = 8}), kNow),
      StatusIs(StatusCode::kFailedPrecondition, reasons::kCrlNotCurrent));
  set.Load("rubbish", kNow);
  EXPECT_EQ(set.size(), 1u);
}

TEST(CrlSetTest, AFileSaysWhenItRunsOut) {
  CrlSet set = MakeCrlSet(Ca());
  ASSERT_OK(set.Put(kName, MakeCrl(Ca(), {}), kNow));
  ASSERT_OK(set.Put({"idevid", 1},
                    MakeCrl(Ca(), {.shard = 1, .lifetime = absl::Hours(1)}),
                    kNow));
  const std::string path = testing::TempDir() + "/crls.pem";
  ASSERT_OK(WriteFileAtomically(path, set.Pem(), 0600));
  const auto state = ReadCrlFile(path);
  ASSERT_OK(state);
  EXPECT_EQ(state->crls, 2);
  EXPECT_EQ(state->next_update, x509::TestTime() + absl::Hours(1));
  ASSERT_OK(WriteFileAtomically(path, "", 0600));
  EXPECT_THAT(ReadCrlFile(path),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInputMalformed));
  EXPECT_FALSE(ReadCrlFile(path + ".none").ok());
}

}  // namespace
}  // namespace birthmark::cli
