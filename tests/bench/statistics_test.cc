#include "tests/bench/statistics.h"

#include "gtest/gtest.h"

namespace birthmark::bench {
namespace {

TEST(StatisticsTest, TheMedianIsInTheMiddle) {
  EXPECT_EQ(Median({}), 0);
  EXPECT_EQ(Median({7}), 7);
  EXPECT_EQ(Median({9, 1, 5}), 5);
  EXPECT_EQ(Median({9, 1, 5, 6}), 5.5);
}

TEST(StatisticsTest, AQuantileIsAValueThatSoManyDoNotExceed) {
  EXPECT_EQ(Quantile({}, 0.5), absl::ZeroDuration());
  std::vector<absl::Duration> hundred;
  for (int i = 100; i >= 1; --i) {
    hundred.push_back(absl::Milliseconds(i));
  }
  EXPECT_EQ(Quantile(hundred, 0.5), absl::Milliseconds(50));
  EXPECT_EQ(Quantile(hundred, 0.99), absl::Milliseconds(99));
  EXPECT_EQ(Quantile(hundred, 1), absl::Milliseconds(100));
  EXPECT_EQ(Quantile(hundred, 0), absl::Milliseconds(1));
}

}  // namespace
}  // namespace birthmark::bench
