// Session is one open transaction, as the stores' implementations see it. Only
// for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_SESSION_H_
#define BIRTHMARK_LIB_STORAGE_SESSION_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/storage/bulk.h"
#include "lib/storage/param.h"
#include "pqxx/result"
#include "pqxx/transaction_base"

struct pg_conn;  // libpq's PGconn

namespace birthmark::storage {

// Statement is an SQL text with a name that is unique in the library. It is
// prepared on a connection at its first use there.
struct Statement {
  const char* name;
  const char* sql;
};

// IfTaken is what becomes of an INSERT of rows some of which exist.
enum class IfTaken {
  kInsertNone,  // cheapest if all are new
  kInsertRest,  // ON CONFLICT DO NOTHING: costs a look-up for each row
};

// Session executes statements in a transaction. Not thread-safe. Everything may
// throw what libpqxx throws: Database::Transact catches it.
class Session {
 public:
  // `prepared` holds the names of the statements that the connection knows.
  // `raw` is libpq's handle of the same connection.
  Session(pqxx::transaction_base& transaction, pg_conn* raw,
          std::set<std::string>& prepared)
      : transaction_(transaction), raw_(raw), prepared_(prepared) {}

  // Exec executes `statement`, each of `params` in its place.
  template <typename... Params>
  pqxx::result Exec(const Statement& statement, Params&&... params) {
    std::vector<Param> all;
    all.reserve(sizeof...(params));
    (all.push_back(std::forward<Params>(params)), ...);
    return ExecAll(statement, std::move(all));
  }

  // ExecWith is Exec for parameters that are together already.
  pqxx::result ExecWith(const Statement& statement, std::vector<Param> params) {
    return ExecAll(statement, std::move(params));
  }

  // InsertBulk inserts rows and returns how many: with kInsertNone none if one
  // of them is taken, and then only Rerun is left. Many rows of a kind that
  // should all be new go by COPY.
  int64_t InsertBulk(const BulkRows& rows, IfTaken if_taken);
  // ExecBulk executes the INSERT of `rows` with `tail`, under a name of its
  // own.
  pqxx::result ExecBulk(const BulkRows& rows, const std::string& name,
                        const char* tail);

  // ExecUnlessTaken executes a statement that changes something; nothing if a
  // row that it inserts is taken. PostgreSQL has then undone all of it.
  std::optional<pqxx::result> ExecUnlessTaken(const Statement& statement,
                                              std::vector<Param> params);

  // ExecScript executes any number of statements without parameters.
  void ExecScript(const std::string& sql) { transaction_.exec(sql); }

  // Rerun asks for the transaction to be rolled back and run again, because
  // somebody was faster: `return session.Rerun();`
  absl::Status Rerun();
  bool rerun() const { return rerun_; }

 private:
  pqxx::result ExecAll(const Statement& statement, std::vector<Param> params);

  pqxx::result ExecPrepared(const std::string& name,
                            absl::FunctionRef<std::string()> sql,
                            std::vector<Param> params);

  pqxx::transaction_base& transaction_;
  pg_conn* const raw_;
  std::set<std::string>& prepared_;
  bool rerun_ = false;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_SESSION_H_
