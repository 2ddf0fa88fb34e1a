#include "lib/storage/bulk.h"

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/storage/big_endian.h"
#include "lib/storage/param.h"

namespace birthmark::storage {
namespace {

// PostgreSQL's manual, COPY, "Binary Format": signature, flags, length of the
// header's extension.
constexpr char kHeader[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
constexpr size_t kHeaderSize = 19;

constexpr size_t kLengthSize = 4;
constexpr int32_t kNullLength = -1;

std::string ColumnNames(const BulkTable& table) {
  return absl::StrJoin(table.columns, ", ",
                       [](std::string* out, const BulkColumn& column) {
                         out->append(column.name);
                       });
}

}  // namespace

std::string BulkTable::CopySql() const {
  // COPY gathers rows and inserts them a partition after the other, as it came
  // to these: two that insert the same keys in order would still wait in a
  // circle. It does not gather where a volatile condition could look at the
  // table.
  return absl::StrCat("COPY ", name, " (", ColumnNames(*this),
                      ") FROM STDIN (FORMAT binary)",
                      hashed ? " WHERE random() >= 0" : "");
}

std::string BulkTable::InsertSql() const {
  int n = 0;
  return absl::StrCat(
      "INSERT INTO ", name, " (", ColumnNames(*this), ") SELECT * FROM unnest(",
      absl::StrJoin(columns, ", ",
                    [&n](std::string* out, const BulkColumn& column) {
                      absl::StrAppend(out, "$", ++n, "::", column.type, "[]");
                    }),
      ")");
}

BulkRows::BulkRows(const BulkTable& table, size_t expected_rows)
    : table_(table),
      expected_rows_(expected_rows),
      bytes_(kHeader, kHeaderSize) {}

BulkRows& BulkRows::AddNull() {
  BeginRowIfDue();
  AppendBigEndian(kNullLength, bytes_);
  ++cells_;
  return *this;
}

void BulkRows::BeginRowIfDue() {
  if (cells_ % columns() == 0) {
    if (cells_ == columns()) {
      // Rows of a kind are of a size.
      bytes_.reserve(bytes_.size() * (expected_rows_ + 1));
    }
    AppendBigEndian(static_cast<int16_t>(columns()), bytes_);
  }
}

size_t BulkRows::BeginCell(int32_t oid) {
  if (table_.columns[cells_ % columns()].oid != oid) {
    throw std::logic_error(
        absl::StrCat("a value of another type for ", table_.name, ".",
                     table_.columns[cells_ % columns()].name));
  }
  BeginRowIfDue();
  const size_t start = bytes_.size();
  bytes_.append(kLengthSize, '\0');
  return start;
}

void BulkRows::EndCell(size_t start) {
  WriteBigEndian(static_cast<int32_t>(bytes_.size() - start - kLengthSize),
                 &bytes_[start]);
  ++cells_;
}

std::vector<Param> BulkRows::Arrays() const {
  struct Cells {
    std::string bytes;
    bool has_null = false;
  };
  std::vector<Cells> arrays(columns());
  size_t at = kHeaderSize;
  for (int64_t cell = 0; cell < cells_; ++cell) {
    if (cell % columns() == 0) {
      at += sizeof(int16_t);
    }
    const int32_t length = ReadBigEndian<int32_t>(&bytes_[at]);
    const size_t size = kLengthSize + (length == kNullLength ? 0 : length);
    Cells& array = arrays[cell % columns()];
    array.bytes.append(bytes_, at, size);
    array.has_null |= length == kNullLength;
    at += size;
  }
  std::vector<Param> params;
  params.reserve(arrays.size());
  for (size_t i = 0; i < arrays.size(); ++i) {
    params.push_back(BinaryArray(table_.columns[i].oid, size(),
                                 arrays[i].has_null, arrays[i].bytes));
  }
  return params;
}

}  // namespace birthmark::storage
