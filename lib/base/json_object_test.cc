#include "lib/base/json_object.h"

#include <string>

#include "lib/base/testing.h"

namespace birthmark {
namespace {

TEST(JsonObjectTest, ReadsAnObject) {
  ASSERT_OK_AND_ASSIGN(
      const nlohmann::json json,
      ParseJsonObject(R"( {"a": 1, "b": {"a": [{"a": 2}, {"a": 3}]}} )"));
  EXPECT_EQ(json["a"], 1);
  EXPECT_EQ(json["b"]["a"][1]["a"], 3);
}

struct BadCase {
  const char* name;
  std::string text;
};
class BadJsonTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadJsonTest, IsRefused) {
  EXPECT_THAT(ParseJsonObject(GetParam().text),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

std::string Deep(int depth) {
  std::string text = "{\"a\":";
  text.append(depth, '[');
  text.append(depth, ']');
  return text + "}";
}

INSTANTIATE_TEST_SUITE_P(
    All, BadJsonTest,
    testing::Values(
        BadCase{"Empty", ""}, BadCase{"Array", "[1]"}, BadCase{"Null", "null"},
        BadCase{"Unfinished", R"({"a": 1)"}, BadCase{"Trailing", R"({} {})"},
        BadCase{"Comment", R"({/**/})"}, BadCase{"Nan", R"({"a": NaN})"},
        BadCase{"Mark", "\xef\xbb\xbf{}"}, BadCase{"Utf8", "{\"a\": \"\xff\"}"},
        BadCase{"Twice", R"({"a": 1, "a": 1})"},
        BadCase{"TwiceByEscape", R"({"a": 1, "\u0061": 1})"},
        BadCase{"TwiceInside", R"({"b": [{"a": 1, "a": 2}]})"},
        BadCase{"TwiceAcrossAnObject", R"({"a": {"b": 1}, "a": 2})"},
        BadCase{"Deep", Deep(16)}, BadCase{"VeryDeep", Deep(100000)}),
    [](const auto& info) { return info.param.name; });

TEST(JsonObjectTest, TakesWhatIsAsDeepAsAllowed) {
  EXPECT_OK(ParseJsonObject(Deep(15)));
}

}  // namespace
}  // namespace birthmark
