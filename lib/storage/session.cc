#include "lib/storage/session.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/storage/copy.h"
#include "pqxx/connection"
#include "pqxx/except"
#include "pqxx/params"
#include "pqxx/prepared_statement"

namespace birthmark::storage {

namespace {

// From so many rows on COPY costs less than the INSERT: it takes one round trip
// more and is planned each time.
constexpr int64_t kWorthCopy = 32;

}  // namespace

pqxx::result Session::ExecAll(const Statement& statement,
                              std::vector<Param> params) {
  return ExecPrepared(
      statement.name, [&] { return std::string(statement.sql); },
      std::move(params));
}

pqxx::result Session::ExecPrepared(const std::string& name,
                                   absl::FunctionRef<std::string()> sql,
                                   std::vector<Param> params) {
  if (prepared_.find(name) == prepared_.end()) {
    transaction_.conn().prepare(name, sql());
    prepared_.insert(name);
  }
  pqxx::params list;
  list.reserve(params.size());
  for (Param& param : params) {
    switch (param.format) {
      case Param::Format::kNull:
        list.append();
        break;
      case Param::Format::kText:
        list.append(std::move(param.value));
        break;
      case Param::Format::kBinary:
        // A view: `params` lives until the statement is done.
        list.append(pqxx::binary_cast(param.value));
        break;
    }
  }
  return transaction_.exec(pqxx::prepped{name}, list);
}

int64_t Session::InsertBulk(const BulkRows& rows, IfTaken if_taken) {
  if (rows.size() == 0) {
    return 0;
  }
  const BulkTable& table = rows.table();
  if (if_taken == IfTaken::kInsertRest) {
    return ExecBulk(rows, absl::StrCat("bulk_new_", table.name),
                    " ON CONFLICT DO NOTHING")
        .affected_rows();
  }
  if (rows.size() >= kWorthCopy) {
    return CopyIn(raw_, table.CopySql(), rows.CopyData(), BulkRows::kCopyEnd)
               ? rows.size()
               : 0;
  }
  try {
    return ExecBulk(rows, absl::StrCat("bulk_", table.name), "")
        .affected_rows();
  } catch (const pqxx::unique_violation&) {
    return 0;
  }
}

pqxx::result Session::ExecBulk(const BulkRows& rows, const std::string& name,
                               const char* tail) {
  return ExecPrepared(
      name, [&] { return rows.table().InsertSql() + tail; }, rows.Arrays());
}

std::optional<pqxx::result> Session::ExecUnlessTaken(
    const Statement& statement, std::vector<Param> params) {
  try {
    return ExecAll(statement, std::move(params));
  } catch (const pqxx::unique_violation&) {
    return std::nullopt;
  }
}

absl::Status Session::Rerun() {
  rerun_ = true;
  return MakeError(absl::StatusCode::kAborted, reasons::kTransactionConflict,
                   "another transaction was in the way");
}

}  // namespace birthmark::storage
