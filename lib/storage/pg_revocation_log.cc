#include "lib/storage/pg_revocation_log.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/base/status_macros.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

#define BIRTHMARK_CHANGE_COLUMNS                                       \
  "revision, serial, issuer_id, crl_shard, not_after, state, reason, " \
  "revoke_time, invalidity_time, update_time"

constexpr Statement kLatest = {"log_latest",
                               "SELECT max(revision) FROM revocation_changes"};
constexpr Statement kHighest = {
    "log_highest",
    "SELECT CASE WHEN is_called THEN last_value ELSE 0 END "
    "FROM revocation_revisions"};
constexpr Statement kRead = {"log_read", "SELECT " BIRTHMARK_CHANGE_COLUMNS R"(
    FROM revocation_changes
    WHERE revision > $1 AND ($2::text = '' OR issuer_id = $2::text)
    ORDER BY revision LIMIT $3)"};
constexpr Statement kGet = {"log_get", "SELECT " BIRTHMARK_CHANGE_COLUMNS R"(
    FROM revocation_changes WHERE revision = $1)"};

// Who gives revisions now must not see the sequence move under it.
constexpr Statement kLock = {"log_lock",
                             "SELECT pg_advisory_xact_lock(16973, 2)"};
constexpr Statement kSkip = {"log_skip",
                             "SELECT skip_revocation_revisions($1)"};

// Times are whole seconds: of two states in one second the stricter one stays.
constexpr Statement kRestore = {"log_restore", R"(
    INSERT INTO revocations AS r
      (serial, issuer_id, crl_shard, not_after, state, reason, actor, version,
       revoke_time, invalidity_time, update_time)
    SELECT u.serial, u.issuer_id, u.crl_shard, u.not_after, u.state, u.reason,
           u.actor, 2, u.revoke_time, u.invalidity_time, u.update_time
    FROM unnest($1::bytea[], $2::text[], $3::integer[], $4::timestamptz[],
                $5::smallint[], $6::smallint[], $7::text[], $8::timestamptz[],
                $9::timestamptz[], $10::timestamptz[])
         u (serial, issuer_id, crl_shard, not_after, state, reason, actor,
            revoke_time, invalidity_time, update_time)
    ORDER BY u.serial
    ON CONFLICT (serial) DO UPDATE
    SET state = excluded.state, reason = excluded.reason,
        actor = excluded.actor, version = r.version + 1,
        revoke_time = excluded.revoke_time,
        invalidity_time = excluded.invalidity_time,
        update_time = excluded.update_time
    WHERE CASE
      WHEN r.state = 2 AND excluded.state <> 2 THEN false
      WHEN r.update_time <> excluded.update_time
        THEN r.update_time < excluded.update_time
      WHEN r.state = 2 THEN excluded.reason = 1 AND r.reason <> 1
      ELSE excluded.state = 2 OR (excluded.state = 1 AND r.state = 3)
    END
    RETURNING r.serial)"};
// A key that was reported stays blocked.
constexpr Statement kBlock = {"log_block", R"(
    WITH locked AS MATERIALIZED (
      SELECT k.spki_sha256, u.update_time
      FROM unnest($1::bytea[], $2::timestamptz[]) u (serial, update_time)
      JOIN LATERAL (SELECT spki_sha256 FROM certificates
                    WHERE serial = u.serial LIMIT 1) c ON true
      JOIN keys k USING (spki_sha256)
      WHERE k.state <> 3
      ORDER BY k.spki_sha256 FOR UPDATE OF k)
    UPDATE keys k
    SET state = 3, retire_time = coalesce(k.retire_time, l.update_time)
    FROM locked l WHERE k.spki_sha256 = l.spki_sha256)"};

constexpr int kKeyCompromise = 1;

RevocationChange ReadChange(const pqxx::row& row) {
  return {.revision = ReadInt(row[0]),
          .serial = ReadBytes(row[1]),
          .issuer_id = ReadText(row[2]),
          .crl_shard = static_cast<int>(ReadInt(row[3])),
          .not_after = ReadTime(row[4]),
          .state = static_cast<RevocationState>(ReadInt(row[5])),
          .reason = static_cast<int>(ReadInt(row[6])),
          .revoke_time = ReadTime(row[7]),
          .invalidity_time = ReadOptionalTime(row[8]),
          .update_time = ReadTime(row[9])};
}

// NewestOfEach returns for each serial the index of its newest change.
std::map<std::string, size_t> NewestOfEach(
    absl::Span<const RevocationChange> changes) {
  std::map<std::string, size_t> newest;
  for (size_t i = 0; i < changes.size(); ++i) {
    size_t& index = newest.try_emplace(changes[i].serial, i).first->second;
    if (changes[i].revision > changes[index].revision) {
      index = i;
    }
  }
  return newest;
}

pqxx::result Insert(Session& session,
                    const std::map<std::string, size_t>& newest,
                    absl::Span<const RevocationChange> changes,
                    absl::Span<const audit::Entry> entries) {
  BytesArray serials;
  TextArray issuers;
  IntegerArray shards;
  TimeArray not_after;
  SmallintArray states;
  SmallintArray reasons;
  TextArray actors;
  TimeArray revoke_times;
  TimeArray invalidity_times;
  TimeArray update_times;
  for (const auto& [serial, i] : newest) {
    const RevocationChange& change = changes[i];
    serials.Add(serial);
    issuers.Add(change.issuer_id);
    shards.Add(change.crl_shard);
    not_after.Add(change.not_after);
    states.Add(static_cast<int64_t>(change.state));
    reasons.Add(change.reason);
    actors.Add(entries[i].actor);
    revoke_times.Add(change.revoke_time);
    invalidity_times.AddIfAny(change.invalidity_time);
    update_times.Add(change.update_time);
  }
  return session.Exec(kRestore, serials.Take(), issuers.Take(), shards.Take(),
                      not_after.Take(), states.Take(), reasons.Take(),
                      actors.Take(), revoke_times.Take(),
                      invalidity_times.Take(), update_times.Take());
}

absl::StatusOr<int64_t> ReadRevision(Database& database,
                                     const Statement& statement) {
  int64_t revision = 0;
  BIRTHMARK_RETURN_IF_ERROR(database.Read([&](Session& session) {
    revision = ReadInt(session.Exec(statement)[0][0]);
    return absl::OkStatus();
  }));
  return revision;
}

}  // namespace

absl::StatusOr<int64_t> PgRevocationLog::Latest() {
  return ReadRevision(database_, kLatest);
}

absl::StatusOr<int64_t> PgRevocationLog::Highest() {
  return ReadRevision(database_, kHighest);
}

absl::StatusOr<std::vector<RevocationChange>> PgRevocationLog::Read(
    int64_t revision, absl::string_view issuer_id, int limit) {
  std::vector<RevocationChange> changes;
  BIRTHMARK_RETURN_IF_ERROR(database_.Read([&](Session& session) {
    changes.clear();
    for (const auto& row :
         session.Exec(kRead, Int(revision), Text(issuer_id), Int(limit))) {
      changes.push_back(ReadChange(row));
    }
    return absl::OkStatus();
  }));
  return changes;
}

absl::StatusOr<std::optional<RevocationChange>> PgRevocationLog::Get(
    int64_t revision) {
  std::optional<RevocationChange> change;
  BIRTHMARK_RETURN_IF_ERROR(database_.Read([&](Session& session) {
    const auto found = session.Exec(kGet, Int(revision));
    change.reset();
    if (!found.empty()) {
      change = ReadChange(found[0]);
    }
    return absl::OkStatus();
  }));
  return change;
}

absl::Status PgRevocationLog::SkipTo(int64_t revision) {
  return database_.Transact(
      [&](Session& session) {
        session.Exec(kLock);
        session.Exec(kSkip, Int(revision));
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun);
}

absl::StatusOr<int64_t> PgRevocationLog::Restore(
    absl::Span<const RevocationChange> changes,
    absl::Span<const audit::Entry> entries) {
  if (changes.size() != entries.size()) {
    return absl::InternalError("one audit entry a change");
  }
  const std::map<std::string, size_t> newest = NewestOfEach(changes);
  int64_t restored = 0;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) {
        std::vector<const audit::Entry*> written;
        BytesArray compromised;
        TimeArray times;
        for (const auto& row : Insert(session, newest, changes, entries)) {
          const size_t i = newest.at(ReadBytes(row[0]));
          written.push_back(&entries[i]);
          if (changes[i].reason == kKeyCompromise &&
              changes[i].state == RevocationState::kRevoked) {
            compromised.Add(changes[i].serial);
            times.Add(changes[i].update_time);
          }
        }
        session.Exec(kBlock, compromised.Take(), times.Take());
        RecordAudit(session, written);
        restored = static_cast<int64_t>(written.size());
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun));
  return restored;
}

}  // namespace birthmark::storage
