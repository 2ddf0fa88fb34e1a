#include "lib/storage/pg_crl_store.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/base/status_macros.h"
#include "lib/storage/crl_sql.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr Statement kLock = {
    "crl_lock", "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"};
constexpr Statement kNewest = {"crl_newest", "SELECT " BIRTHMARK_CRL_COLUMNS R"(
    FROM crls c WHERE c.issuer_id = $1 AND c.crl_shard = $2)"};
constexpr Statement kOctets = {"crl_octets", R"(
    SELECT crl_der, delta_der FROM crls
    WHERE issuer_id = $1 AND crl_shard = $2)"};
constexpr Statement kLatest = {"crl_latest", R"(
    SELECT max(revision) FROM revocation_changes
    WHERE issuer_id = $1 AND crl_shard = $2)"};
constexpr Statement kIsShard = {"crl_is_shard", R"(
    SELECT FROM crl_shards WHERE issuer_id = $1 AND crl_shard = $2)"};

// One statement sees one moment, so what it finds is what there was at the
// revision that it finds, and a delta says the same as its complete CRL. The
// parts: 0 the revision, 1 what changed (or all that is revoked), 2 what
// changed since the base, 3 what expired.
constexpr Statement kChanges = {"crl_changes", R"(
    SELECT 0 AS part, max(l.revision), NULL::bytea, NULL::text, NULL::integer,
           NULL::timestamptz, NULL::smallint, NULL::smallint, NULL::text,
           NULL::bigint, NULL::timestamptz, NULL::timestamptz,
           NULL::timestamptz
    FROM revocation_changes l WHERE l.issuer_id = $1 AND l.crl_shard = $2
  UNION ALL
    SELECT 1, NULL, )" BIRTHMARK_REVOCATION_COLUMNS R"(
    FROM revocations r
    WHERE $3::bigint IS NULL
      AND r.issuer_id = $1 AND r.crl_shard = $2 AND r.state IN (1, 2)
      AND r.not_after >= $4
  UNION ALL
    SELECT 1, NULL, )" BIRTHMARK_REVOCATION_COLUMNS R"(
    FROM (SELECT DISTINCT serial FROM revocation_changes
          WHERE issuer_id = $1 AND crl_shard = $2 AND revision > $3) l
    JOIN LATERAL (SELECT * FROM revocations
                  WHERE serial = l.serial LIMIT 1) r ON true
    WHERE r.not_after >= $4
  UNION ALL
    SELECT 2, NULL, )" BIRTHMARK_REVOCATION_COLUMNS R"(
    FROM (SELECT DISTINCT serial FROM revocation_changes
          WHERE issuer_id = $1 AND crl_shard = $2 AND revision > $5) l
    JOIN LATERAL (SELECT * FROM revocations
                  WHERE serial = l.serial LIMIT 1) r ON true
    WHERE r.not_after >= $4
  UNION ALL
    SELECT 3, NULL, )" BIRTHMARK_REVOCATION_COLUMNS R"(
    FROM revocations r
    WHERE $3::bigint IS NOT NULL AND $6::timestamptz < $4
      AND r.issuer_id = $1 AND r.crl_shard = $2
      AND r.not_after >= $6 AND r.not_after < $4)"};

constexpr Statement kStore = {"crl_store", R"(
    INSERT INTO crls AS c
      (issuer_id, crl_shard, number, revision, this_update, next_update,
       expired_before, entries, crl_der, base_number, base_revision, base_time,
       delta_entries, delta_der)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
    ON CONFLICT (issuer_id, crl_shard) DO UPDATE
    SET number = excluded.number, revision = excluded.revision,
        this_update = excluded.this_update, next_update = excluded.next_update,
        expired_before = excluded.expired_before, entries = excluded.entries,
        crl_der = excluded.crl_der, base_number = excluded.base_number,
        base_revision = excluded.base_revision, base_time = excluded.base_time,
        delta_entries = excluded.delta_entries, delta_der = excluded.delta_der
    WHERE c.number < excluded.number)"};

// OneRefresh is one run of the transaction.
class OneRefresh {
 public:
  OneRefresh(Session& session, absl::string_view issuer_id, int crl_shard)
      : session_(session), issuer_id_(issuer_id), crl_shard_(crl_shard) {}

  absl::StatusOr<CrlRow> Run(const CrlStore::Plan& plan,
                             const CrlStore::Maker& maker);

 private:
  // Latest returns the newest revision of the shard.
  absl::StatusOr<int64_t> Latest(bool has_crl);
  void ReadOctets(CrlRow& crl);
  CrlStore::Changes ReadChanges(const CrlStore::Request& request,
                                std::optional<CrlRow> newest);
  absl::Status Store(const CrlRow& row);

  Session& session_;
  const absl::string_view issuer_id_;
  const int crl_shard_;
};

absl::StatusOr<int64_t> OneRefresh::Latest(bool has_crl) {
  const auto latest = session_.Exec(kLatest, Text(issuer_id_), Int(crl_shard_));
  if (!has_crl && latest[0][0].is_null() &&
      session_.Exec(kIsShard, Text(issuer_id_), Int(crl_shard_)).empty()) {
    return CrlShardNotFound(issuer_id_, crl_shard_);
  }
  return ReadInt(latest[0][0]);
}

void OneRefresh::ReadOctets(CrlRow& crl) {
  const auto octets = session_.Exec(kOctets, Text(issuer_id_), Int(crl_shard_));
  crl.crl_der = ReadBytes(octets[0][0]);
  if (crl.delta.has_value()) {
    crl.delta->crl_der = ReadBytes(octets[0][1]);
  }
}

CrlStore::Changes OneRefresh::ReadChanges(const CrlStore::Request& request,
                                          std::optional<CrlRow> newest) {
  CrlStore::Changes changes;
  changes.whole = request.whole || !newest.has_value();
  const auto found = session_.Exec(
      kChanges, Text(issuer_id_), Int(crl_shard_),
      changes.whole ? Param() : Int(newest->revision),
      At(request.expired_before),
      request.base_revision.has_value() ? Int(*request.base_revision) : Param(),
      changes.whole ? Param() : At(newest->expired_before));
  for (const auto& row : found) {
    switch (ReadInt(row[0])) {
      case 0:
        changes.revision = ReadInt(row[1]);
        break;
      case 1:
        changes.changed.push_back(ReadRevocation(row, 2));
        break;
      case 2:
        changes.since_base.push_back(ReadRevocation(row, 2));
        break;
      default:
        changes.expired.push_back(ReadBytes(row[2]));
    }
  }
  const auto by_serial = [](const RevocationRow& a, const RevocationRow& b) {
    return a.serial < b.serial;
  };
  std::sort(changes.changed.begin(), changes.changed.end(), by_serial);
  std::sort(changes.since_base.begin(), changes.since_base.end(), by_serial);
  std::sort(changes.expired.begin(), changes.expired.end());
  changes.newest = std::move(newest);
  return changes;
}

absl::Status OneRefresh::Store(const CrlRow& row) {
  const std::optional<DeltaRow>& delta = row.delta;
  const auto stored = session_.Exec(
      kStore, Text(row.issuer_id), Int(row.crl_shard), Int(row.number),
      Int(row.revision), At(row.this_update), At(row.next_update),
      At(row.expired_before), Int(row.entries), Bytes(row.crl_der),
      delta.has_value() ? Int(delta->base_number) : Param(),
      delta.has_value() ? Int(delta->base_revision) : Param(),
      delta.has_value() ? At(delta->base_time) : Param(),
      delta.has_value() ? Int(delta->entries) : Param(),
      delta.has_value() ? Bytes(delta->crl_der) : Param());
  return stored.affected_rows() == 1
             ? absl::OkStatus()
             : absl::InternalError("the number of a CRL must grow");
}

absl::StatusOr<CrlRow> OneRefresh::Run(const CrlStore::Plan& plan,
                                       const CrlStore::Maker& maker) {
  if (crl_shard_ < 0) {
    return CrlShardNotFound(issuer_id_, crl_shard_);
  }
  session_.Exec(kLock, Text(absl::StrCat("crl/", issuer_id_, "/", crl_shard_)));
  const auto found = session_.Exec(kNewest, Text(issuer_id_), Int(crl_shard_));
  std::optional<CrlRow> newest;
  if (!found.empty()) {
    newest = ReadCrl(found[0]);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const int64_t latest, Latest(newest.has_value()));
  const std::optional<CrlStore::Request> request = plan(newest, latest);
  if (!request.has_value() && !newest.has_value()) {
    return absl::InternalError("there is no CRL and none was planned");
  }
  if (newest.has_value()) {
    ReadOctets(*newest);
  }
  if (!request.has_value()) {
    return *std::move(newest);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(CrlStore::MadeCrl made,
                             maker(ReadChanges(*request, std::move(newest))));
  BIRTHMARK_RETURN_IF_ERROR(Store(made.row));
  BIRTHMARK_RETURN_IF_ERROR(RecordMutation(session_, made.mutation));
  return std::move(made.row);
}

}  // namespace

absl::StatusOr<CrlRow> PgCrlStore::Refresh(absl::string_view issuer_id,
                                           int crl_shard, const Plan& plan,
                                           const Maker& maker) {
  CrlRow current;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(
            current,
            OneRefresh(session, issuer_id, crl_shard).Run(plan, maker));
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun));
  return current;
}

}  // namespace birthmark::storage
