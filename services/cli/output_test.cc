#include "services/cli/output.h"

#include <sstream>

#include "birthmark/fleet/v1/fleet_service.pb.h"
#include "lib/base/testing.h"

namespace birthmark::cli {
namespace {

TEST(TableTest, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({"NAME", "COUNT"});
  table.AlignRight(1);
  table.Add({"a", "1"});
  table.Add({"longer", "12345678"});
  std::ostringstream out;
  table.Print(out, "  ");
  EXPECT_EQ(out.str(),
            "  NAME       COUNT\n"
            "  a              1\n"
            "  longer  12345678\n");
}

TEST(TableTest, CharactersCountNotOctets) {
  Table table({"A", "B"});
  table.Add({"grün", "x"});
  table.Add({"blau", "y"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(), "A     B\ngrün  x\nblau  y\n");
}

TEST(TableTest, ControlCharactersDoNotReachTheTerminal) {
  Table table({"A"});
  table.Add({"x\x1b[2Jy\nz"});
  table.Add({""});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(), "A\nx?[2Jy z\n-\n");
}

TEST(TableTest, NothingIsPrintedWithoutRows) {
  std::ostringstream out;
  Table({"A"}).Print(out);
  EXPECT_EQ(out.str(), "");
}

TEST(FieldsTest, ValuesStandInOneColumnAndEmptyOnesAreLeftOut) {
  std::ostringstream out;
  PrintFields(out, {{"A", "1"}, {"Longer", "2"}, {"Much longer", ""}});
  EXPECT_EQ(out.str(), "A:       1\nLonger:  2\n");
}

TEST(JsonTest, NamesAreThoseOfTheProto) {
  fleet::v1::Fleet fleet;
  fleet.set_name("fleets/acme");
  fleet.set_display_name("Acme");
  std::ostringstream out;
  PrintJson(out, fleet);
  EXPECT_THAT(out.str(), testing::HasSubstr("\"display_name\": \"Acme\""));
}

struct AgeCase {
  const char* name;
  absl::Duration age;
  const char* want;
};
class AgeTextTest : public testing::TestWithParam<AgeCase> {};

TEST_P(AgeTextTest, SaysRoughlyHowLongAgo) {
  const absl::Time now = absl::FromUnixSeconds(1767225600);
  EXPECT_EQ(AgeText(now - GetParam().age, now), GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    All, AgeTextTest,
    testing::Values(AgeCase{"Now", absl::ZeroDuration(), "0 s ago"},
                    AgeCase{"Seconds", absl::Seconds(119), "119 s ago"},
                    AgeCase{"Minutes", absl::Minutes(5), "5 min ago"},
                    AgeCase{"Hours", absl::Hours(5), "5 h ago"},
                    AgeCase{"Days", absl::Hours(24 * 40), "40 d ago"},
                    AgeCase{"Future", -absl::Hours(3), "in 3 h"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(SizeTextTest, PicksTheUnit) {
  EXPECT_EQ(SizeText(0), "0 B");
  EXPECT_EQ(SizeText(1023), "1023 B");
  EXPECT_EQ(SizeText(1536), "1.5 KiB");
  EXPECT_EQ(SizeText((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(SizeText(int64_t{5} << 30), "5.0 GiB");
  EXPECT_EQ(SizeText(int64_t{5} << 40), "5120.0 GiB");
}

TEST(TimeTextTest, UnsetAndNoExpiryAreNamed) {
  EXPECT_EQ(TimeText(google::protobuf::Timestamp()), "-");
  EXPECT_EQ(TimeText(absl::FromUnixSeconds(253402300799)), "never");
  EXPECT_EQ(TimeText(absl::FromUnixSeconds(1767225600)),
            "2026-01-01 00:00:00Z");
}

}  // namespace
}  // namespace birthmark::cli
