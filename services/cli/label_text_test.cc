#include "services/cli/label_text.h"

#include <string>

#include "lib/base/testing.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

struct Case {
  const char* name;
  const char* text;
  const char* key;
  device::v1::Label::ValueCase kind;
  const char* value;
};
class LabelTest : public testing::TestWithParam<Case> {};

TEST_P(LabelTest, IsReadAndToldAsFiltersCompareIt) {
  ASSERT_OK_AND_ASSIGN(const auto label, ParseLabel(GetParam().text));
  EXPECT_EQ(label.first, GetParam().key);
  EXPECT_EQ(label.second.value_case(), GetParam().kind);
  EXPECT_EQ(LabelValueText(label.second), GetParam().value);
  EXPECT_FALSE(label.second.personal());
}

using device::v1::Label;

INSTANTIATE_TEST_SUITE_P(
    All, LabelTest,
    testing::Values(
        Case{"Text", "site=berlin", "site", Label::kText, "berlin"},
        Case{"TextThatLooksLikeANumber", "rack=042", "rack", Label::kText,
             "042"},
        Case{"TextWithEquals", "a=b=c", "a", Label::kText, "b=c"},
        Case{"TextThatStartsWithAColon", "a=:b", "a", Label::kText, ":b"},
        Case{"Number", "rack:=42", "rack", Label::kInteger, "42"},
        Case{"Negative", "rack:=-1", "rack", Label::kInteger, "-1"},
        Case{"Flag", "spare:=false", "spare", Label::kFlag, "false"},
        Case{"Time", "until:=2027-01-01T00:00:00Z", "until", Label::kTime,
             "2027-01-01T00:00:00Z"},
        Case{"Day", "until:=2027-01-01", "until", Label::kTime,
             "2027-01-01T00:00:00Z"}),
    [](const auto& info) { return info.param.name; });

TEST(BadLabelTest, IsRefused) {
  for (const char* text :
       {"", "=", "a", "a=", "a:=", "a:=x", "A=1", "1a=1", "a b=1", ":=1",
        "a:=99999999999999999999", "a:=1.5", "a\n=1",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa="
        "1"}) {
    EXPECT_THAT(ParseLabel(text),
                StatusIs(absl::StatusCode::kInvalidArgument, reasons::kUsage))
        << text;
  }
}

}  // namespace
}  // namespace birthmark::cli
