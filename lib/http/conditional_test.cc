#include "lib/http/conditional.h"

#include <string>

#include "lib/base/testing.h"
#include "lib/http/date.h"

namespace birthmark::http {
namespace {

struct TagCase {
  const char* name;
  const char* field;
  bool matches;
};

class EtagMatchesTest : public ::testing::TestWithParam<TagCase> {};

TEST_P(EtagMatchesTest, ComparesWeakly) {
  EXPECT_EQ(EtagMatches(GetParam().field, "\"abc\""), GetParam().matches);
  EXPECT_EQ(EtagMatches(GetParam().field, "W/\"abc\""), GetParam().matches);
}

INSTANTIATE_TEST_SUITE_P(
    All, EtagMatchesTest,
    ::testing::Values(TagCase{"Same", "\"abc\"", true},
                      TagCase{"Weak", "W/\"abc\"", true},
                      TagCase{"Any", " * ", true},
                      TagCase{"InAList", "\"x\", W/\"y\" ,\"abc\"", true},
                      TagCase{"EmptyMembers", ",, \"abc\"", true},
                      TagCase{"CommaInATag", "\"a,b\", \"abc\"", true},
                      TagCase{"Other", "\"abcd\"", false},
                      TagCase{"Empty", "", false},
                      TagCase{"Unquoted", "abc", false},
                      TagCase{"Unfinished", "\"abc", false},
                      TagCase{"BehindAnError", "x, \"abc\"", false},
                      TagCase{"NoComma", "\"x\" \"abc\"", false},
                      TagCase{"SmallW", "w/\"abc\"", false},
                      TagCase{"SpaceInATag", "\"abc \"", false}),
    [](const auto& info) { return info.param.name; });

class IsNotModifiedTest : public ::testing::Test {
 protected:
  bool Ask(absl::string_view tags, absl::string_view since,
           Method method = Method::kGet) {
    Request request;
    request.method = method;
    request.if_none_match = tags;
    request.if_modified_since = since;
    return IsNotModified(request, "\"e\"", changed_);
  }

  const absl::Time changed_ =
      absl::FromUnixSeconds(1'000'000) + absl::Milliseconds(300);
};

TEST_F(IsNotModifiedTest, AsksTheTimeInWholeSeconds) {
  EXPECT_TRUE(Ask("", HttpDate(changed_)));
  EXPECT_TRUE(Ask("", HttpDate(changed_ + absl::Seconds(1))));
  EXPECT_FALSE(Ask("", HttpDate(changed_ - absl::Seconds(1))));
  EXPECT_FALSE(Ask("", "yesterday"));
  EXPECT_FALSE(Ask("", ""));
}

TEST_F(IsNotModifiedTest, TheTagDecidesAlone) {
  EXPECT_TRUE(Ask("\"e\"", HttpDate(changed_ - absl::Hours(1))));
  EXPECT_FALSE(Ask("\"f\"", HttpDate(changed_ + absl::Hours(1))));
}

TEST_F(IsNotModifiedTest, OnlyGetAndHeadAreConditional) {
  EXPECT_TRUE(Ask("\"e\"", "", Method::kHead));
  EXPECT_FALSE(Ask("\"e\"", "", Method::kPost));
}

}  // namespace
}  // namespace birthmark::http
