#include "lib/audit/entry.h"

#include <string>

#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/testing.h"

namespace birthmark::audit {
namespace {

Entry SomeEntry() {
  return {.id = "0197a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b",
          .time = absl::FromUnixMillis(1795343813123),
          .actor = "spiffe://factory.example/fleet/acme/line/one",
          .action = "device.provision",
          .resource = "fleets/acme/devices/d1",
          .details = {{"model", "M1"}, {"item", "7"}}};
}

// The vectors of docs/audit_format.md.
TEST(EntryTest, HasOneSpelling) {
  EXPECT_EQ(
      Canonical(SomeEntry()),
      R"({"action":"device.provision",)"
      R"("actor":"spiffe://factory.example/fleet/acme/line/one",)"
      R"("details":{"item":"7","model":"M1"},)"
      R"("id":"0197a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b",)"
      R"("resource":"fleets/acme/devices/d1","time":"2026-11-22T10:36:53.123Z"})");
}

TEST(EntryTest, CutsTheTimeToMilliseconds) {
  Entry entry = SomeEntry();
  const std::string want = Canonical(entry);
  entry.time += absl::Microseconds(999);
  EXPECT_EQ(Canonical(entry), want);
}

TEST(EntryTest, WritesMillisecondsEvenIfTheyAreZero) {
  Entry entry = SomeEntry();
  entry.time = absl::FromUnixSeconds(0);
  EXPECT_THAT(Canonical(entry),
              testing::HasSubstr(R"("time":"1970-01-01T00:00:00.000Z")"));
}

TEST(EntryTest, KeepsEmptyDetailsAsAnObject) {
  Entry entry = SomeEntry();
  entry.details.clear();
  EXPECT_THAT(Canonical(entry), testing::HasSubstr(R"("details":{},)"));
}

struct EscapeCase {
  const char* name;
  std::string in;
  const char* want;
};
class EscapeTest : public testing::TestWithParam<EscapeCase> {};
TEST_P(EscapeTest, WritesText) {
  Entry entry = SomeEntry();
  entry.details = {{"k", GetParam().in}};
  EXPECT_THAT(Canonical(entry), testing::HasSubstr(std::string(R"({"k":")") +
                                                   GetParam().want + R"("})"));
}
INSTANTIATE_TEST_SUITE_P(
    All, EscapeTest,
    testing::Values(EscapeCase{"Quote", "a\"b", R"(a\"b)"},
                    EscapeCase{"Backslash", "a\\b", R"(a\\b)"},
                    EscapeCase{"SlashStays", "a/b", "a/b"},
                    EscapeCase{"Newline", "a\nb", R"(a\nb)"},
                    EscapeCase{"Nul", std::string("a\0b", 3), R"(a\u0000b)"},
                    EscapeCase{"Escape", "\x1b[0m", R"(\u001b[0m)"},
                    EscapeCase{"Utf8Stays", "Größe", "Größe"},
                    EscapeCase{"NotUtf8",
                               "a\xff"
                               "b",
                               "a\xef\xbf\xbd"
                               "b"},
                    EscapeCase{"CannotEndTheString", R"(","actor":"x)",
                               R"(\",\"actor\":\"x)"}),
    [](const auto& info) { return info.param.name; });

TEST(LeafHashTest, IsThatOfTheVector) {
  EXPECT_EQ(HexEncode(LeafHash(Canonical(SomeEntry()))),
            "65794337d54ccb400e8666a1566b55b5"
            "1de5909e2d6a8562b0d415ee76211ebf");
}

TEST(LeafHashTest, PutsAZeroOctetInFront) {
  // SHA-256 of one zero octet: the leaf hash of the empty string, RFC 9162.
  EXPECT_EQ(HexEncode(LeafHash("")),
            "6e340b9cffb37a989ca544e6bb780a2c"
            "78901d3fb33738768511a30617afa01d");
}

}  // namespace
}  // namespace birthmark::audit
