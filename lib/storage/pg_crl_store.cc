#include "lib/storage/pg_crl_store.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/status_macros.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr Statement kLock = {
    "crl_lock", "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"};
constexpr Statement kNewest = {"crl_newest", R"(
    SELECT issuer_id, crl_shard, number, this_update, next_update, entries,
           crl_der
    FROM crls WHERE issuer_id = $1 AND crl_shard = $2
    ORDER BY number DESC LIMIT 1)"};
constexpr Statement kRevocations = {"crl_revocations",
                                    "SELECT " BIRTHMARK_REVOCATION_COLUMNS R"(
    FROM revocations r
    WHERE r.issuer_id = $1 AND r.crl_shard = $2 AND r.state IN (1, 2)
      AND r.not_after > $3
    ORDER BY r.serial)"};
constexpr Statement kInsert = {"crl_insert", R"(
    INSERT INTO crls
      (issuer_id, crl_shard, number, this_update, next_update, entries, crl_der)
    VALUES ($1, $2, $3, $4, $5, $6, $7))"};

CrlRow ReadCrl(const pqxx::row& row) {
  return {.issuer_id = ReadText(row[0]),
          .crl_shard = static_cast<int>(ReadInt(row[1])),
          .number = ReadInt(row[2]),
          .this_update = ReadTime(row[3]),
          .next_update = ReadTime(row[4]),
          .entries = static_cast<int>(ReadInt(row[5])),
          .crl_der = ReadBytes(row[6])};
}

// RefreshLocked does the work of Refresh, within a transaction.
absl::StatusOr<CrlRow> RefreshLocked(Session& session,
                                     absl::string_view issuer_id, int crl_shard,
                                     absl::Time now,
                                     const CrlStore::CrlMaker& maker) {
  session.Exec(kLock, Text(absl::StrCat("crl/", issuer_id, "/", crl_shard)));
  const auto found = session.Exec(kNewest, Text(issuer_id), Int(crl_shard));
  std::optional<CrlRow> newest;
  if (!found.empty()) {
    newest = ReadCrl(found[0]);
  }
  std::vector<RevocationRow> revocations;
  for (const auto& row :
       session.Exec(kRevocations, Text(issuer_id), Int(crl_shard), At(now))) {
    revocations.push_back(ReadRevocation(row));
  }
  const int64_t number = newest.has_value() ? newest->number + 1 : 1;
  BIRTHMARK_ASSIGN_OR_RETURN(std::optional<CrlStore::MadeCrl> made,
                             maker(newest, number, revocations));
  if (!made.has_value()) {
    if (!newest.has_value()) {
      return absl::InternalError("there is no CRL and none was made");
    }
    return *std::move(newest);
  }
  const CrlRow& row = made->row;
  session.Exec(kInsert, Text(row.issuer_id), Int(row.crl_shard),
               Int(row.number), At(row.this_update), At(row.next_update),
               Int(row.entries), Bytes(row.crl_der));
  BIRTHMARK_RETURN_IF_ERROR(RecordMutation(session, made->mutation));
  return row;
}

}  // namespace

absl::StatusOr<CrlRow> PgCrlStore::Refresh(absl::string_view issuer_id,
                                           int crl_shard, absl::Time now,
                                           const CrlMaker& maker) {
  CrlRow current;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(
            current, RefreshLocked(session, issuer_id, crl_shard, now, maker));
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun));
  return current;
}

}  // namespace birthmark::storage
