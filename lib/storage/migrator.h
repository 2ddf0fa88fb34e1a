#ifndef BIRTHMARK_LIB_STORAGE_MIGRATOR_H_
#define BIRTHMARK_LIB_STORAGE_MIGRATOR_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/base/clock.h"
#include "lib/storage/database.h"

namespace birthmark::storage {

// Migration is one file of migrations/.
struct Migration {
  int version = 0;
  absl::string_view name;  // file name
  absl::string_view sql;
};

// EmbeddedMigrations are those that this binary was built with, in order.
absl::Span<const Migration> EmbeddedMigrations();

// Migrate applies what is missing of `migrations`, each in a transaction of its
// own, and returns the names of those that it applied. Callers at the same time
// wait for each other. `database` connects as the owner. A second call changes
// nothing. kFailedPrecondition if a migration that was applied differs from the
// one here or is not known here; nothing is applied then.
absl::StatusOr<std::vector<std::string>> Migrate(
    Database& database, Clock& clock,
    absl::Span<const Migration> migrations = EmbeddedMigrations());

// CheckSchema passes if the database has just the migrations that are known
// here. kFailedPrecondition with what to do if it is older, newer or different.
// Every server calls it before it serves, under its own role.
absl::Status CheckSchema(
    Database& database,
    absl::Span<const Migration> migrations = EmbeddedMigrations());

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_MIGRATOR_H_
