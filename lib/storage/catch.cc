#include "lib/storage/catch.h"

#include <exception>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "pqxx/except"

namespace birthmark::storage {
namespace {

absl::Status Offline(absl::string_view text) {
  return MakeError(absl::StatusCode::kUnavailable, reasons::kDatabaseOffline,
                   text);
}

absl::Status Conflict() {
  return MakeError(absl::StatusCode::kAborted, reasons::kTransactionConflict,
                   "another transaction was in the way");
}

// FromSqlState handles what libpqxx has no exception class for.
Failure FromSqlState(const pqxx::sql_error& error) {
  const std::string& state = error.sqlstate();
  // The server is shutting down, crashed, or is starting up.
  if (absl::StartsWith(state, "57P")) {
    return {Failure::Kind::kBroken, Offline("the database is going down")};
  }
  // lock_not_available, serialization_failure, deadlock_detected
  if (state == "55P03" || state == "40001" || state == "40P01") {
    return {Failure::Kind::kConflict, Conflict()};
  }
  // A statement ran into its time limit; disk, memory or connections are short;
  // a standby that takes no writes.
  if (state == "57014" || absl::StartsWith(state, "53") || state == "25006") {
    return {Failure::Kind::kFinal,
            Offline("the database cannot do this at the moment")};
  }
  return {Failure::Kind::kFinal,
          absl::InternalError(absl::StrCat("database: ", error.what(), " [",
                                           state, "] in ", error.query()))};
}

}  // namespace

Failure CurrentFailure() {
  try {
    throw;
  } catch (const pqxx::in_doubt_error& error) {
    return {Failure::Kind::kInDoubt, absl::UnknownError(error.what())};
  } catch (const pqxx::statement_completion_unknown& error) {
    // Derives from transaction_rollback, so it comes first.
    return {Failure::Kind::kInDoubt, absl::UnknownError(error.what())};
  } catch (const pqxx::transaction_rollback&) {
    return {Failure::Kind::kConflict, Conflict()};
  } catch (const pqxx::unique_violation&) {
    return {Failure::Kind::kFinal, absl::AlreadyExistsError("exists already")};
  } catch (const pqxx::foreign_key_violation&) {
    return {Failure::Kind::kFinal,
            absl::FailedPreconditionError("refers to what does not exist")};
  } catch (const pqxx::broken_connection&) {
    return {Failure::Kind::kBroken, Offline("the database cannot be reached")};
  } catch (const pqxx::sql_error& error) {
    return FromSqlState(error);
  } catch (const std::exception& error) {
    return {Failure::Kind::kFinal,
            absl::InternalError(absl::StrCat("database: ", error.what()))};
  }
}

}  // namespace birthmark::storage
