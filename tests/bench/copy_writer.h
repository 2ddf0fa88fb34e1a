// CopyWriter fills a table by COPY in binary.
#ifndef BIRTHMARK_TESTS_BENCH_COPY_WRITER_H_
#define BIRTHMARK_TESTS_BENCH_COPY_WRITER_H_

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace birthmark::bench {

// CopyWriter replaces the rows of one table, in one transaction, past triggers
// and past its indexes: REINDEX makes them good. A row is Row and then its
// fields in the order of the columns. Not thread-safe; ends the program if
// anything fails.
class CopyWriter {
 public:
  // `host` is the cluster's socket. `columns`: "a, b". `frozen`: the rows need
  // no vacuum; not for a table that has partitions.
  CopyWriter(const std::string& host, const std::string& table,
             const std::string& columns, bool frozen);
  // Close must have been called.
  ~CopyWriter();
  CopyWriter(const CopyWriter&) = delete;
  CopyWriter& operator=(const CopyWriter&) = delete;

  void Row(int fields);
  void Null();
  void Flag(bool value);
  void Small(int value);
  void Int(int32_t value);
  void Big(int64_t value);
  // Of text, bytea and uuid (16 octets).
  void Bytes(absl::string_view value);
  void Json(absl::string_view value);
  // Whole seconds since 1970; -1: null.
  void Time(int64_t seconds);
  // The day (UTC) of a time; -1: null.
  void Day(int64_t seconds);
  void BytesArray(const std::vector<std::string>& values);

  // Close commits.
  void Close();

 private:
  void Length(uint32_t length) { Number(length); }
  template <typename T>
  void Number(T value);
  void Flush();

  std::string table_;
  FILE* pipe_ = nullptr;
  std::string buffer_;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_COPY_WRITER_H_
