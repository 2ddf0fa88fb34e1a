// Bulk inserts: rows in PostgreSQL's binary format, on their way into one
// table. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_BULK_H_
#define BIRTHMARK_LIB_STORAGE_BULK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/storage/param.h"

namespace birthmark::storage {

// BulkColumn is a column and its type.
struct BulkColumn {
  const char* name;
  const char* type;
  int32_t oid;
};

template <typename Type>
constexpr BulkColumn Column(const char* name) {
  return {name, Type::kName, Type::kOid};
}

// BulkTable is a table and those of its columns that are inserted.
struct BulkTable {
  const char* name;
  absl::Span<const BulkColumn> columns;
  // Its partitions are not in the order of its keys, so that rows have to be
  // inserted one after the other to be inserted in order.
  bool hashed = false;

  // CopySql is the COPY that takes rows in binary format.
  std::string CopySql() const;
  // InsertSql is the INSERT that takes an array for each column.
  std::string InsertSql() const;
};

// BulkRows collects rows, cell by cell in the order of the table's columns. May
// throw std::invalid_argument for what PostgreSQL cannot keep and
// std::logic_error for a cell of another type than its column.
class BulkRows {
 public:
  // `table` must outlive it. About so many rows will come.
  BulkRows(const BulkTable& table, size_t expected_rows);

  const BulkTable& table() const { return table_; }
  int64_t size() const { return cells_ / columns(); }

  template <typename Type>
  BulkRows& Add(const typename Type::Value& value) {
    const size_t start = BeginCell(Type::kOid);
    Type::Append(value, bytes_);
    EndCell(start);
    return *this;
  }
  BulkRows& AddNull();
  template <typename Type>
  BulkRows& AddUnlessEmpty(const typename Type::Value& value) {
    return value.empty() ? AddNull() : Add<Type>(value);
  }

  // CopyData is what COPY reads, but for kCopyEnd.
  absl::string_view CopyData() const { return bytes_; }
  static constexpr absl::string_view kCopyEnd =
      absl::string_view("\xff\xff", 2);
  // Arrays are the parameters of InsertSql.
  std::vector<Param> Arrays() const;

 private:
  int64_t columns() const {
    return static_cast<int64_t>(table_.columns.size());
  }
  size_t BeginCell(int32_t oid);
  void EndCell(size_t start);
  void BeginRowIfDue();

  const BulkTable& table_;
  const size_t expected_rows_;
  // COPY's binary format: a header; for each row the number of cells, then each
  // cell after its length.
  std::string bytes_;
  int64_t cells_ = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_BULK_H_
