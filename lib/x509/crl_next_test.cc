// CRLs that are made from the one before.
#include <functional>
#include <map>
#include <random>

#include "lib/base/testing.h"
#include "lib/x509/crl.h"
#include "lib/x509/lint.h"
#include "lib/x509/testing.h"

namespace birthmark::x509 {
namespace {

using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

const TestCa& Ca() {
  static const TestCa* ca = new TestCa();
  return *ca;
}

CrlSpec Spec(uint64_t number) {
  CrlSpec spec;
  spec.signature_algorithm = Ca().issuer_key.algorithm();
  spec.issuer_name_der = std::string(Ca().issuer.value()->subject_der);
  spec.issuer_key_id = *Ca().issuer.value()->subject_key_id;
  spec.number = number;
  spec.this_update = TestTime() + absl::Minutes(number);
  spec.next_update = spec.this_update + absl::Hours(24);
  spec.shard_uri = CrlShardUri("http://crl.example/idevid", 3);
  return spec;
}

CrlEntry Entry(int number, RevocationReason reason) {
  CrlEntry entry;
  entry.serial = TestSerial(number);
  entry.revocation_time = TestTime() - absl::Minutes(number);
  entry.reason = reason;
  if (number % 3 == 0) {
    entry.invalidity_time = entry.revocation_time - absl::Hours(1);
  }
  return entry;
}

std::string Signed(const CrlSpec& spec, const std::string& tbs) {
  return *AssembleCrl(tbs, spec.signature_algorithm, Ca().issuer_key.Sign(tbs));
}

Crl Previous() {
  CrlSpec spec = Spec(1);
  for (const int number : {2, 4, 6}) {
    spec.entries.push_back(Entry(number, RevocationReason::kSuperseded));
  }
  return *Crl::Parse(Signed(spec, *BuildCrlTbs(spec)));
}

// Each step puts some on, some of them anew, and takes some off.
TEST(NextCrlTest, IsWhatTheRowsWouldGive) {
  std::mt19937 random(20260101);
  const auto below = [&random](int bound) {
    return static_cast<int>(random() % static_cast<unsigned>(bound));
  };
  for (int sequence = 0; sequence < 20; ++sequence) {
    std::map<int, CrlEntry> rows;
    CrlSpec first = Spec(1);
    ASSERT_OK_AND_ASSIGN(std::string tbs, BuildCrlTbs(first));
    for (uint64_t number = 2; number < 12; ++number) {
      ASSERT_OK_AND_ASSIGN(const Crl previous, Crl::Parse(Signed(first, tbs)));
      std::map<int, CrlEntry> added;
      for (int i = below(8); i > 0; --i) {
        const int serial = below(40);
        added[serial] =
            Entry(serial, below(2) == 0 ? RevocationReason::kUnspecified
                                        : RevocationReason::kKeyCompromise);
      }
      std::vector<std::string> removed;
      for (int i = below(6); i > 0; --i) {
        const int serial = below(40);
        if (added.count(serial) == 0) {
          removed.push_back(TestSerial(serial));
          rows.erase(serial);
        }
      }
      CrlSpec next = Spec(number);
      for (const auto& [serial, entry] : added) {
        next.entries.push_back(entry);
        rows[serial] = entry;
      }
      ASSERT_OK_AND_ASSIGN(tbs, BuildNextCrlTbs(next, previous, removed));
      CrlSpec whole = Spec(number);
      for (const auto& [serial, entry] : rows) {
        whole.entries.push_back(entry);
      }
      ASSERT_THAT(BuildCrlTbs(whole), IsOkAndHolds(tbs));
      EXPECT_THAT(LintTbsCrl(tbs, LintProfile()), IsEmpty());
    }
  }
}

TEST(NextCrlTest, TheLastOneTakesTheListAway) {
  const CrlSpec spec = Spec(2);
  ASSERT_OK_AND_ASSIGN(
      const std::string tbs,
      BuildNextCrlTbs(spec, Previous(),
                      {TestSerial(6), TestSerial(2), TestSerial(4)}));
  EXPECT_THAT(BuildCrlTbs(spec), IsOkAndHolds(tbs));
}

TEST(NextCrlTest, WhatItLacksIsPassedOver) {
  const Crl previous = Previous();
  ASSERT_OK_AND_ASSIGN(const std::string tbs,
                       BuildNextCrlTbs(Spec(1), previous, {TestSerial(5)}));
  EXPECT_EQ(tbs, previous->tbs);
}

struct BadNextCase {
  const char* name;
  std::function<void(CrlSpec&)> spoil;
  const char* field;
};
class BadNextCrlTest : public ::testing::TestWithParam<BadNextCase> {};
TEST_P(BadNextCrlTest, IsRefused) {
  CrlSpec spec = Spec(2);
  spec.entries.push_back(Entry(9, RevocationReason::kKeyCompromise));
  GetParam().spoil(spec);
  const auto tbs = BuildNextCrlTbs(spec, Previous(), {TestSerial(2)});
  EXPECT_THAT(tbs, StatusIs(kInvalid, "CRL_INVALID"));
  EXPECT_THAT(tbs, HasMetadata("field", GetParam().field));
}
const BadNextCase kBadNextCases[] = {
    {"AnotherIssuer",
     [](CrlSpec& s) {
       s.issuer_name_der = std::string(Ca().root.value()->subject_der);
     },
     "previous"},
    {"AnotherShard", [](CrlSpec& s) { s.shard_uri += "x"; }, "previous"},
    {"NoShard", [](CrlSpec& s) { s.shard_uri = ""; }, "previous"},
    {"ADelta", [](CrlSpec& s) { s.base_number = 1; }, "base_number"},
    {"NewAndRemoved",
     [](CrlSpec& s) { s.entries = {Entry(2, RevocationReason::kSuperseded)}; },
     "removed"},
    {"NotAscending",
     [](CrlSpec& s) {
       s.entries.push_back(Entry(8, RevocationReason::kSuperseded));
     },
     "entry"}};
INSTANTIATE_TEST_SUITE_P(All, BadNextCrlTest,
                         ::testing::ValuesIn(kBadNextCases),
                         [](const auto& info) { return info.param.name; });

TEST(NextCrlTest, DeltasAndUnorderedOnesHaveNoNext) {
  CrlSpec delta = Spec(1);
  delta.base_number = 1;
  ASSERT_OK_AND_ASSIGN(const std::string tbs, BuildCrlTbs(delta));
  ASSERT_OK_AND_ASSIGN(const Crl previous, Crl::Parse(Signed(delta, tbs)));
  EXPECT_THAT(BuildNextCrlTbs(Spec(2), previous, {}),
              HasMetadata("field", "previous"));

  DerNode node = DerNode::Parse(Previous()->der);
  auto& entries = node.At({0, 5}).children;
  std::swap(entries[0], entries[2]);
  ASSERT_OK_AND_ASSIGN(const Crl unordered, Crl::Parse(node.Encode()));
  EXPECT_THAT(BuildNextCrlTbs(Spec(2), unordered, {}),
              HasMetadata("field", "previous"));
}

}  // namespace
}  // namespace birthmark::x509
