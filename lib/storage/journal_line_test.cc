#include "lib/storage/journal_line.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/base/testing.h"

namespace birthmark::storage {
namespace {

absl::Time At(int64_t second) { return absl::FromUnixSeconds(second); }

RevocationChange Change() {
  RevocationChange change;
  change.revision = 42;
  change.serial = std::string("\x01\x02\xff\x00 abcdefghijkl", 16);
  change.issuer_id = "idevid";
  change.crl_shard = 3;
  change.state = RevocationState::kRevoked;
  change.reason = 1;
  change.revoke_time = At(1767225600);
  change.update_time = At(1767225601) + absl::Microseconds(250);
  change.not_after = At(253402300799);
  return change;
}

std::string Line(const RevocationChange& change) {
  std::string line = FormatJournalLine(change);
  EXPECT_EQ(line.back(), '\n');
  line.pop_back();
  return line;
}

TEST(JournalLineTest, APersonCanReadIt) {
  EXPECT_EQ(Line(Change()).substr(9),
            "42\t0102ff00206162636465666768696a6b\tidevid\t3\trevoked\t1\t"
            "2026-01-01T00:00:00Z\t-\t2026-01-01T00:00:01.000250Z\t"
            "9999-12-31T23:59:59Z");
}

TEST(JournalLineTest, WhatWasWrittenIsReadBack) {
  RevocationChange change = Change();
  change.state = RevocationState::kHeld;
  change.reason = 6;
  change.crl_shard = -1;
  change.invalidity_time = At(1704164645);
  const auto read = ParseJournalLine(Line(change));
  ASSERT_OK(read);
  EXPECT_EQ(read->revision, change.revision);
  EXPECT_EQ(read->serial, change.serial);
  EXPECT_EQ(read->issuer_id, change.issuer_id);
  EXPECT_EQ(read->crl_shard, change.crl_shard);
  EXPECT_EQ(read->state, change.state);
  EXPECT_EQ(read->reason, change.reason);
  EXPECT_EQ(read->revoke_time, change.revoke_time);
  EXPECT_EQ(read->invalidity_time, change.invalidity_time);
  EXPECT_EQ(read->update_time, change.update_time);
  EXPECT_EQ(read->not_after, change.not_after);
}

TEST(JournalLineTest, EveryChangedOctetShows) {
  const std::string line = Line(Change());
  for (size_t i = 0; i < line.size(); ++i) {
    std::string changed = line;
    changed[i] = static_cast<char>(changed[i] ^ 0x01);
    EXPECT_THAT(ParseJournalLine(changed),
                StatusIs(absl::StatusCode::kDataLoss))
        << i;
  }
  for (size_t i = 0; i < line.size(); ++i) {
    EXPECT_THAT(ParseJournalLine(line.substr(0, i)),
                StatusIs(absl::StatusCode::kDataLoss))
        << i;
  }
}

// Lines whose checksum is right and whose content is not: somebody computed it,
// or a later version writes them.
struct Case {
  const char* name;
  const char* from;
  const char* to;
  const char* complaint;
};

class ContentTest : public testing::TestWithParam<Case> {};

TEST_P(ContentTest, IsRefused) {
  std::string rest = absl::StrReplaceAll(Line(Change()).substr(9),
                                         {{GetParam().from, GetParam().to}});
  const auto parsed = ParseJournalLine(JournalLineOf(rest));
  ASSERT_THAT(parsed, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(std::string(parsed.status().message()),
              testing::HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    All, ContentTest,
    testing::Values(
        Case{"NoRevision", "42\t", "0\t", "revision"},
        Case{"NegativeRevision", "42\t", "-4\t", "revision"},
        Case{"PaddedRevision", "42\t", "042\t", "revision"},
        Case{"HugeRevision", "42\t", "9223372036854775808\t", "revision"},
        Case{"ShortSerial", "0102ff", "02ff", "serial"},
        Case{"UpperCaseSerial", "0102ff", "0102FF", "serial"},
        Case{"NoIssuer", "idevid", "", "issuer"},
        Case{"ForeignIssuer", "idevid", "IDevID/1", "issuer"},
        Case{"NegativeShard", "\t3\t", "\t-2\t", "shard"},
        Case{"HugeShard", "\t3\t", "\t2147483648\t", "shard"},
        Case{"UnknownState", "revoked", "forgotten", "state"},
        Case{"UnknownReason", "revoked\t1\t", "revoked\t11\t", "reason"},
        Case{"NoSuchDay", "2026-01-01T00:00:00Z", "2026-02-30T00:00:00Z",
             "revocation time"},
        Case{"NoSuchHour", "2026-01-01T00:00:00Z", "2026-01-01T24:00:00Z",
             "revocation time"},
        Case{"NoInvalidity", "\t-\t", "\t\t", "invalidity"},
        Case{"EmptyFraction", ".000250Z", ".000000Z", "change"},
        Case{"NeverEnds", "9999-12-31T23:59:59Z", "infinite-future",
             "validity"},
        Case{"MissingField", "\t9999-12-31T23:59:59Z", "", "ten fields"},
        Case{"OneFieldMore", "\t9999-12-31T23:59:59Z",
             "\t9999-12-31T23:59:59Z\t", "ten fields"}),
    [](const auto& info) { return info.param.name; });

TEST(JournalLineTest, ALineThatIsTooLongIsNotLookedAt) {
  EXPECT_THAT(ParseJournalLine(std::string(kMaxJournalLine, 'a')),
              StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace birthmark::storage
