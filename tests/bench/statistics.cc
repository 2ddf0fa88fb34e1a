#include "tests/bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace birthmark::bench {

double Median(std::vector<double> values) {
  if (values.empty()) {
    return 0;
  }
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle]
                                : (values[middle - 1] + values[middle]) / 2;
}

absl::Duration Quantile(std::vector<absl::Duration> values, double quantile) {
  if (values.empty()) {
    return absl::ZeroDuration();
  }
  const double count = static_cast<double>(values.size());
  const size_t rank =
      static_cast<size_t>(std::clamp(std::ceil(quantile * count), 1.0, count));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace birthmark::bench
