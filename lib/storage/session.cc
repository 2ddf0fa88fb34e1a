#include "lib/storage/session.h"

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "pqxx/connection"
#include "pqxx/params"
#include "pqxx/prepared_statement"

namespace birthmark::storage {

pqxx::result Session::ExecAll(const Statement& statement,
                              std::vector<Param> params) {
  if (prepared_.find(statement.name) == prepared_.end()) {
    transaction_.conn().prepare(statement.name, statement.sql);
    prepared_.insert(statement.name);
  }
  pqxx::params list;
  list.reserve(params.size());
  for (Param& param : params) {
    if (param.has_value()) {
      // PostgreSQL's text ends at a zero octet; half a value must not be kept.
      if (param->find('\0') != std::string::npos) {
        throw std::invalid_argument("a zero octet in a text");
      }
      list.append(*std::move(param));
    } else {
      list.append();
    }
  }
  return transaction_.exec(pqxx::prepped{statement.name}, list);
}

absl::Status Session::Rerun() {
  rerun_ = true;
  return MakeError(absl::StatusCode::kAborted, reasons::kTransactionConflict,
                   "another transaction was in the way");
}

}  // namespace birthmark::storage
