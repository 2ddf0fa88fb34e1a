// MonthWriters fill a table that has a partition for each month.
#ifndef BIRTHMARK_TESTS_BENCH_MONTH_WRITERS_H_
#define BIRTHMARK_TESTS_BENCH_MONTH_WRITERS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "tests/bench/copy_writer.h"

namespace birthmark::bench {

// Not thread-safe; ends the program if anything fails.
class MonthWriters {
 public:
  // As CopyWriter has it; `table` is the whole one.
  MonthWriters(std::string host, std::string table, std::string columns);

  // At is the writer for a moment (seconds since 1970).
  CopyWriter& At(int64_t seconds) {
    if (seconds < begin_ || seconds >= end_) {
      Choose(seconds);
    }
    return *current_;
  }
  // Close commits them all.
  void Close();

 private:
  void Choose(int64_t seconds);

  const std::string host_, table_, columns_;
  std::map<int64_t, std::unique_ptr<CopyWriter>> writers_;
  CopyWriter* current_ = nullptr;
  // The month of the current one.
  int64_t begin_ = 0;
  int64_t end_ = 0;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_MONTH_WRITERS_H_
