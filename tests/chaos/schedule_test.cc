#include "tests/chaos/schedule.h"

#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace birthmark::chaos {
namespace {

std::vector<std::string> Texts(uint64_t seed, size_t items) {
  std::vector<std::string> texts;
  for (const Strike& strike : MakeSchedule(seed, items)) {
    texts.push_back(ToText(strike));
  }
  return texts;
}

TEST(ScheduleTest, ASeedMeansOneSchedule) {
  EXPECT_EQ(Texts(7, 20000), Texts(7, 20000));
  EXPECT_NE(Texts(7, 20000), Texts(8, 20000));
  EXPECT_EQ(Texts(7, 20000).front(),
            "at 479 + 0.07 s: cut client-registration for 0.6 s");
}

TEST(ScheduleTest, EveryFaultStrikesEvenAShortBatchInTimeToBeFelt) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::set<Fault> faults;
    size_t last = 0;
    for (const Strike& strike : MakeSchedule(seed, 1000)) {
      faults.insert(strike.fault);
      EXPECT_GE(strike.at, last);
      EXPECT_LE(strike.at, 800u);
      last = strike.at;
    }
    EXPECT_EQ(faults.size(), kAllFaults.size());
  }
}

TEST(ScheduleTest, ALargerBatchIsStruckMoreOften) {
  EXPECT_EQ(MakeSchedule(1, 20000).size(), 100u);
  EXPECT_EQ(MakeSchedule(1, 100).size(), kAllFaults.size());
}

TEST(ScheduleTest, EveryFaultHasANameOfItsOwn) {
  std::set<absl::string_view> names;
  for (const Fault fault : kAllFaults) {
    names.insert(Name(fault));
  }
  EXPECT_EQ(names.size(), kAllFaults.size());
}

}  // namespace
}  // namespace birthmark::chaos
