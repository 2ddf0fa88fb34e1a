#include "services/cli/provision_plan.h"

#include <string>
#include <utility>
#include <vector>

#include "lib/base/testing.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr char kHeader[] = "id,model,serial_number,hardware_revision\n";

// The items of a plan with the reasons of their problems.
std::vector<std::pair<std::string, std::string>> Problems(
    const ProvisionPlan& plan) {
  std::vector<std::pair<std::string, std::string>> problems;
  for (const PlannedItem& item : plan.items) {
    problems.emplace_back(item.id, Reason(item.problem));
  }
  return problems;
}

TEST(ProvisionPlanTest, JoinsCsrsAndRows) {
  ASSERT_OK_AND_ASSIGN(
      const ProvisionPlan plan,
      MakePlan({"a", "b"}, std::string(kHeader) + "b,m1,S2,C\na,m2,S1,\n"));
  EXPECT_THAT(Problems(plan), ElementsAre(Pair("b", ""), Pair("a", "")));
  EXPECT_EQ(plan.items[0].model, "m1");
  EXPECT_EQ(plan.items[0].serial_number, "S2");
  EXPECT_EQ(plan.items[0].hardware_revision, "C");
  EXPECT_EQ(plan.items[1].hardware_revision, "");
  EXPECT_TRUE(plan.warnings.empty());
}

TEST(ProvisionPlanTest, ColumnsMayStandInAnyOrder) {
  ASSERT_OK_AND_ASSIGN(const ProvisionPlan plan,
                       MakePlan({"a"}, "serial_number,id,model\nS,a,M\n"));
  EXPECT_EQ(plan.items[0].id, "a");
  EXPECT_EQ(plan.items[0].model, "M");
  EXPECT_EQ(plan.items[0].serial_number, "S");
}

TEST(ProvisionPlanTest, ForeignColumnsAreIgnoredWithAWarning) {
  ASSERT_OK_AND_ASSIGN(
      const ProvisionPlan plan,
      MakePlan({"a"}, "id,model,serial_number,station\na,M,S,7\n"));
  EXPECT_TRUE(plan.items[0].problem.ok());
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("'station'")));
}

TEST(ProvisionPlanTest, WhatIsWrongWithOneItemIsItsProblemAlone) {
  const std::string long_id(129, 'x');
  ASSERT_OK_AND_ASSIGN(
      const ProvisionPlan plan,
      MakePlan({"good", "twice", "norow", "short", "two words"},
               std::string(kHeader) +
                   "good,M,S1,C\n"
                   "twice,M,S2,C\n"
                   "nocsr,M,S3,C\n"
                   "twice,M,S4,C\n"
                   "short,M\n"
                   "two words,M,S5,C\n" +
                   long_id + ",M,S6,C\n"));
  EXPECT_THAT(Problems(plan),
              ElementsAre(Pair("good", ""), Pair("twice", "DUPLICATE_ID"),
                          Pair("nocsr", "CSR_MISSING"),
                          Pair("short", "CSV_ROW_MALFORMED"),
                          Pair("two words", "INVALID_FIELD"),
                          Pair(long_id, "INVALID_FIELD"),
                          Pair("norow", "CSV_ROW_MISSING")));
}

struct BadCase {
  const char* name;
  const char* csv;
  const char* text;
};
class PlanBadCsvTest : public testing::TestWithParam<BadCase> {};

TEST_P(PlanBadCsvTest, IsRefusedAsAWhole) {
  const auto plan = MakePlan({"a"}, GetParam().csv);
  EXPECT_THAT(plan, StatusIs(absl::StatusCode::kInvalidArgument,
                             reasons::kInputMalformed));
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    All, PlanBadCsvTest,
    testing::Values(
        BadCase{"Empty", "", "empty"},
        BadCase{"NoHeader", "a,M,S,C\n", "no column 'id'"},
        BadCase{"NoSerialNumber", "id,model\na,M\n", "'serial_number'"},
        BadCase{"TwoIds", "id,id,model,serial_number\n", "two columns 'id'"},
        BadCase{"BrokenQuotes", "id,model,serial_number\n\"a,M,S\n",
                "never closed"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(ProvisionPlanTest, AMissingFileIsNamed) {
  EXPECT_THAT(ReadPlan("/nonexistent", "/nonexistent/devices.csv"),
              StatusIs(absl::StatusCode::kNotFound, reasons::kFileUnusable));
}

}  // namespace
}  // namespace birthmark::cli
