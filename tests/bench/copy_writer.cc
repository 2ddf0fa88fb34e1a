#include "tests/bench/copy_writer.h"

#include <cstdlib>
#include <iostream>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"

namespace birthmark::bench {
namespace {

constexpr size_t kBufferBytes = 1 << 18;
constexpr int64_t kSecondsBefore2000 = 946684800;
constexpr int64_t kDay = 86400;
constexpr int32_t kByteaType = 17;
// TRUNCATE makes them anew, so this comes after it.
constexpr char kStopIndexes[] =
    "UPDATE pg_index SET indisready = false, indisvalid = false "
    "FROM pg_class c WHERE c.oid = indrelid AND c.relkind = 'r' AND indrelid "
    "IN (SELECT '$0'::regclass UNION ALL "
    "SELECT relid FROM pg_partition_tree('$0'))";

[[noreturn]] void Die(const std::string& what) {
  std::cerr << what << std::endl;
  exit(1);
}

}  // namespace

CopyWriter::CopyWriter(const std::string& host, const std::string& table,
                       const std::string& columns, bool frozen)
    : table_(table) {
  const std::string command = absl::StrCat(
      "PGOPTIONS='-c session_replication_role=replica -c statement_timeout=0' ",
      "exec psql -X -q -1 -v ON_ERROR_STOP=1 -h ", host,
      " -U postgres -d birthmark -c 'TRUNCATE ", table, "' -c \"",
      absl::Substitute(kStopIndexes, table), "\" -c 'COPY ", table, " (",
      columns, ") FROM STDIN (FORMAT binary", frozen ? ", FREEZE" : "", ")'");
  pipe_ = popen(command.c_str(), "we");
  if (pipe_ == nullptr) {
    Die("cannot start psql");
  }
  buffer_.reserve(kBufferBytes + (1 << 14));
  buffer_.append("PGCOPY\n\377\r\n\0", 11);
  Number<uint32_t>(0);
  Number<uint32_t>(0);
}

CopyWriter::~CopyWriter() {
  if (pipe_ != nullptr) {
    Die(absl::StrCat(table_, " was not closed"));
  }
}

template <typename T>
void CopyWriter::Number(T value) {
  using Unsigned = std::make_unsigned_t<T>;
  const auto bits = static_cast<Unsigned>(value);
  char octets[sizeof(T)];
  for (size_t i = 0; i < sizeof(T); ++i) {
    octets[i] = static_cast<char>(bits >> (8 * (sizeof(T) - 1 - i)));
  }
  buffer_.append(octets, sizeof(T));
}

void CopyWriter::Flush() {
  if (fwrite(buffer_.data(), 1, buffer_.size(), pipe_) != buffer_.size()) {
    Die(absl::StrCat("COPY of ", table_, " broke off"));
  }
  buffer_.clear();
}

void CopyWriter::Row(int fields) {
  if (buffer_.size() > kBufferBytes) {
    Flush();
  }
  Number(static_cast<int16_t>(fields));
}

void CopyWriter::Null() { Number<int32_t>(-1); }

void CopyWriter::Flag(bool value) {
  Length(1);
  buffer_.push_back(value ? 1 : 0);
}

void CopyWriter::Small(int value) {
  Length(2);
  Number(static_cast<int16_t>(value));
}

void CopyWriter::Int(int32_t value) {
  Length(4);
  Number(value);
}

void CopyWriter::Big(int64_t value) {
  Length(8);
  Number(value);
}

void CopyWriter::Bytes(absl::string_view value) {
  Length(static_cast<uint32_t>(value.size()));
  buffer_.append(value.data(), value.size());
}

void CopyWriter::Json(absl::string_view value) {
  Length(static_cast<uint32_t>(value.size() + 1));
  buffer_.push_back(1);  // the format's version
  buffer_.append(value.data(), value.size());
}

void CopyWriter::Time(int64_t seconds) {
  if (seconds < 0) {
    Null();
    return;
  }
  Big((seconds - kSecondsBefore2000) * 1000000);
}

void CopyWriter::Day(int64_t seconds) {
  if (seconds < 0) {
    Null();
    return;
  }
  Int(static_cast<int32_t>((seconds - kSecondsBefore2000) / kDay));
}

void CopyWriter::BytesArray(const std::vector<std::string>& values) {
  uint32_t length = 20;
  for (const std::string& value : values) {
    length += static_cast<uint32_t>(4 + value.size());
  }
  Length(length);
  Number<int32_t>(1);  // dimensions
  Number<int32_t>(0);  // no nulls
  Number<int32_t>(kByteaType);
  Number(static_cast<int32_t>(values.size()));
  Number<int32_t>(1);  // the first index
  for (const std::string& value : values) {
    Bytes(value);
  }
}

void CopyWriter::Close() {
  Number<int16_t>(-1);
  Flush();
  const int status = pclose(pipe_);
  pipe_ = nullptr;
  if (status != 0) {
    Die(absl::StrCat("COPY of ", table_, " failed"));
  }
}

}  // namespace birthmark::bench
