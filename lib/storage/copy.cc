#include "lib/storage/copy.h"

#include <postgresql/libpq-fe.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "pqxx/except"

namespace birthmark::storage {
namespace {

constexpr char kUniqueViolation[] = "23505";

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

Result Next(PGconn* connection) {
  return Result(PQgetResult(connection), PQclear);
}

void Drain(PGconn* connection) {
  while (Next(connection) != nullptr) {
  }
}

// Put sends `data` in pieces that libpq's buffer holds: it would grow to the
// size of the largest.
bool Put(PGconn* connection, absl::string_view data) {
  constexpr size_t kPiece = size_t{64} << 10;
  while (!data.empty()) {
    const absl::string_view piece = data.substr(0, kPiece);
    if (PQputCopyData(connection, piece.data(),
                      static_cast<int>(piece.size())) != 1) {
      return false;
    }
    data.remove_prefix(piece.size());
  }
  return true;
}

[[noreturn]] void Fail(PGconn* connection, const PGresult* result,
                       const std::string& sql) {
  const char* state = result == nullptr
                          ? nullptr
                          : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string text = PQerrorMessage(connection);
  const std::string code = state == nullptr ? "" : state;
  Drain(connection);
  if (PQstatus(connection) != CONNECTION_OK) {
    throw pqxx::broken_connection(text);
  }
  throw pqxx::sql_error(text, sql, code.c_str());
}

}  // namespace

bool CopyIn(PGconn* connection, const std::string& sql, absl::string_view data,
            absl::string_view end) {
  const Result ready(PQexec(connection, sql.c_str()), PQclear);
  if (PQresultStatus(ready.get()) != PGRES_COPY_IN) {
    Fail(connection, ready.get(), sql);
  }
  if (!Put(connection, data) || !Put(connection, end) ||
      PQputCopyEnd(connection, nullptr) != 1) {
    // It still waits for data, and never comes to the end of its results.
    throw pqxx::broken_connection(PQerrorMessage(connection));
  }
  const Result done = Next(connection);
  if (PQresultStatus(done.get()) == PGRES_COMMAND_OK) {
    Drain(connection);
    return true;
  }
  const char* state = PQresultErrorField(done.get(), PG_DIAG_SQLSTATE);
  if (state != nullptr && absl::string_view(state) == kUniqueViolation) {
    Drain(connection);
    return false;
  }
  Fail(connection, done.get(), sql);
}

}  // namespace birthmark::storage
