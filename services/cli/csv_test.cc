#include "services/cli/csv.h"

#include <string>
#include <vector>

#include "lib/base/testing.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

using Rows = std::vector<std::vector<std::string>>;

struct GoodCase {
  const char* name;
  std::string text;
  Rows want;
};
class CsvGoodTest : public testing::TestWithParam<GoodCase> {};

TEST_P(CsvGoodTest, ReadsTheFields) {
  ASSERT_OK_AND_ASSIGN(const std::vector<CsvRow> rows,
                       ParseCsv(GetParam().text));
  Rows got;
  for (const CsvRow& row : rows) {
    got.push_back(row.fields);
  }
  EXPECT_EQ(got, GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    All, CsvGoodTest,
    testing::Values(
        GoodCase{"Empty", "", {}},
        GoodCase{"PlainWithLf", "a,b\nc,d\n", {{"a", "b"}, {"c", "d"}}},
        GoodCase{"PlainWithCrlf", "a,b\r\nc,d\r\n", {{"a", "b"}, {"c", "d"}}},
        GoodCase{"NoLastLineEnd", "a,b", {{"a", "b"}}},
        GoodCase{"EmptyFields", ",\na,,b\n", {{"", ""}, {"a", "", "b"}}},
        GoodCase{"EmptyLinesAreSkipped", "\na\n\r\n\nb\n", {{"a"}, {"b"}}},
        GoodCase{"QuotedComma", "\"a,b\",c\n", {{"a,b", "c"}}},
        GoodCase{"DoubledQuote", "\"a\"\"b\"\n", {{"a\"b"}}},
        GoodCase{"QuotedLineEnd", "\"a\r\nb\",c\n", {{"a\r\nb", "c"}}},
        GoodCase{"QuotedEmpty", "\"\",x\n", {{"", "x"}}},
        GoodCase{"SpacesStay", " a , b\n", {{" a ", " b"}}},
        GoodCase{"ByteOrderMark",
                 "\xef\xbb\xbf"
                 "a\n",
                 {{"a"}}},
        GoodCase{
            "Utf8Passes", "gr\xc3\xbc\xc3\x9f\n", {{"gr\xc3\xbc\xc3\x9f"}}}),
    [](const auto& info) { return std::string(info.param.name); });

struct BadCase {
  const char* name;
  std::string text;
  const char* line;
};
class CsvBadTest : public testing::TestWithParam<BadCase> {};

TEST_P(CsvBadTest, NamesTheLine) {
  const auto rows = ParseCsv(GetParam().text);
  EXPECT_THAT(rows, StatusIs(absl::StatusCode::kInvalidArgument,
                             reasons::kInputMalformed));
  EXPECT_THAT(rows, HasMetadata("line", GetParam().line));
}

INSTANTIATE_TEST_SUITE_P(
    All, CsvBadTest,
    testing::Values(BadCase{"QuoteInsideField", "a\nb\"c\n", "2"},
                    BadCase{"TextAfterClosingQuote", "\"a\"b\n", "1"},
                    BadCase{"NeverClosed", "a\nb\n\"c\n", "3"},
                    BadCase{"BareCr", "a\rb\n", "1"},
                    BadCase{"Nul", std::string("a\0b\n", 4), "1"},
                    BadCase{"NulInQuotes", std::string("\"\0\"\n", 4), "1"},
                    BadCase{"AfterQuotedLineEnd", "\"a\nb\"\n\"c\"d\n", "3"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(CsvTest, RowsKnowTheirLine) {
  ASSERT_OK_AND_ASSIGN(const std::vector<CsvRow> rows,
                       ParseCsv("h\n\n\"a\nb\"\nc\n"));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].line, 1);
  EXPECT_EQ(rows[1].line, 3);
  EXPECT_EQ(rows[2].line, 5);
}

TEST(CsvTest, WhatIsWrittenIsReadBack) {
  const std::vector<std::string> fields = {
      "plain", "", "a,b", "say \"x\"", "two\nlines", " spaced "};
  ASSERT_OK_AND_ASSIGN(const std::vector<CsvRow> rows,
                       ParseCsv(CsvLine(fields)));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].fields, fields);
}

}  // namespace
}  // namespace birthmark::cli
