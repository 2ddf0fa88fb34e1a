// statistics of measurements. Pure functions.
#ifndef BIRTHMARK_TESTS_BENCH_STATISTICS_H_
#define BIRTHMARK_TESTS_BENCH_STATISTICS_H_

#include <vector>

#include "absl/time/time.h"

namespace birthmark::bench {

// Median returns the middle value; of two, their mean. 0 if there is none.
double Median(std::vector<double> values);

// Quantile returns the value that the part `quantile` of all do not exceed.
// Zero if there is none.
absl::Duration Quantile(std::vector<absl::Duration> values, double quantile);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_STATISTICS_H_
