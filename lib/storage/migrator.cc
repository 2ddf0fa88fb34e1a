#include "lib/storage/migrator.h"

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/base/clock.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/storage/database.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr char kMigrate[] = "run \"birthmarkd migrate --config FILE\"";

constexpr Statement kLock = {
    "migrate_lock",
    "SELECT pg_advisory_xact_lock(hashtextextended('birthmark/migrate', 0))"};
constexpr Statement kTableExists = {
    "migrate_table_exists",
    "SELECT to_regclass('public.schema_migrations') IS NOT NULL"};
constexpr char kCreateTable[] = R"(
    -- Which migrations this database has. Kept by `birthmarkd migrate`.
    CREATE TABLE schema_migrations (
      version     integer     PRIMARY KEY CHECK (version > 0),
      name        text        NOT NULL,
      sha256      bytea       NOT NULL CHECK (length(sha256) = 32),
      apply_time  timestamptz NOT NULL
    ))";
constexpr Statement kApplied = {
    "migrate_applied",
    "SELECT version, name, sha256 FROM schema_migrations ORDER BY version"};
constexpr Statement kRecord = {"migrate_record", R"(
    INSERT INTO schema_migrations (version, name, sha256, apply_time)
    VALUES ($1, $2, $3, $4))"};

// CheckApplied compares what the database has with what is known here, and
// returns how many of `migrations` it has.
absl::StatusOr<size_t> CheckApplied(Session& session,
                                    absl::Span<const Migration> migrations) {
  size_t count = 0;
  for (const auto& row : session.Exec(kApplied)) {
    const int64_t version = ReadInt(row[0]);
    if (count == migrations.size()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the database is newer than this program: it has migration ",
          ReadText(row[1]),
          ", which is not known here; use the program's "
          "newer version"));
    }
    const Migration& migration = migrations[count];
    if (version != migration.version) {
      return absl::FailedPreconditionError(
          absl::StrCat("the database has migration ", ReadText(row[1]),
                       " where ", migration.name, " belongs"));
    }
    if (ReadBytes(row[2]) != crypto::Sha256(migration.sql)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "migration ", migration.name,
          " is not what was applied to the database: an applied migration "
          "never changes, corrections are new migrations"));
    }
    ++count;
  }
  return count;
}

// ApplyNext applies the first migration that is missing, and says which. Empty:
// none is missing.
absl::Status ApplyNext(Session& session, Clock& clock,
                       absl::Span<const Migration> migrations,
                       std::string& name) {
  session.Exec(kLock);
  if (!ReadBool(session.Exec(kTableExists)[0][0])) {
    session.ExecScript(kCreateTable);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const size_t count,
                             CheckApplied(session, migrations));
  name.clear();
  if (count == migrations.size()) {
    return absl::OkStatus();
  }
  const Migration& next = migrations[count];
  // A migration takes the time that it takes.
  session.ExecScript("SET LOCAL statement_timeout = 0");
  session.ExecScript(std::string(next.sql));
  session.Exec(kRecord, Int(next.version), Text(next.name),
               Bytes(crypto::Sha256(next.sql)), At(NowSeconds(clock)));
  name = std::string(next.name);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> Migrate(
    Database& database, Clock& clock, absl::Span<const Migration> migrations) {
  std::vector<std::string> applied;
  while (true) {
    std::string name;
    BIRTHMARK_RETURN_IF_ERROR(database.Transact(
        [&](Session& session) {
          return ApplyNext(session, clock, migrations, name);
        },
        Database::InDoubt::kRerun));
    if (name.empty()) {
      return applied;
    }
    applied.push_back(name);
  }
}

absl::Status CheckSchema(Database& database,
                         absl::Span<const Migration> migrations) {
  return database.Read([&](Session& session) -> absl::Status {
    if (!ReadBool(session.Exec(kTableExists)[0][0])) {
      return absl::FailedPreconditionError(
          absl::StrCat("the database is empty: ", kMigrate));
    }
    BIRTHMARK_ASSIGN_OR_RETURN(const size_t count,
                               CheckApplied(session, migrations));
    if (count != migrations.size()) {
      return absl::FailedPreconditionError(
          absl::StrCat("the database is older than this program: migration ",
                       migrations[count].name, " is missing; ", kMigrate));
    }
    return absl::OkStatus();
  });
}

}  // namespace birthmark::storage
