#include "lib/storage/session.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "pqxx/connection"
#include "pqxx/except"
#include "pqxx/params"
#include "pqxx/prepared_statement"

namespace birthmark::storage {

pqxx::result Session::ExecAll(const Statement& statement,
                              std::vector<Param> params) {
  if (prepared_.find(statement.name) == prepared_.end()) {
    transaction_.conn().prepare(statement.name,
                                absl::StrCat(statement.sql, statement.tail));
    prepared_.insert(statement.name);
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
  return transaction_.exec(pqxx::prepped{statement.name}, list);
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
