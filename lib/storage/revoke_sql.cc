#include "lib/storage/revoke_sql.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/param.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr int kSuperseded = 4;

constexpr Statement kRevokeAll = {"revoke_all_of_device", R"(
    INSERT INTO revocations AS r
      (serial, issuer_id, crl_shard, not_after, state, reason, actor, version,
       revoke_time, update_time)
    SELECT serial, issuer_id, crl_shard, not_after, 2, $2::smallint, $3::text,
           2, $4::timestamptz, $4::timestamptz
    FROM certificates WHERE device_uid = $1
    ORDER BY serial
    ON CONFLICT (serial) DO UPDATE
    SET state = excluded.state, reason = excluded.reason,
        actor = excluded.actor, version = r.version + 1,
        revoke_time = excluded.revoke_time, update_time = excluded.update_time
    WHERE r.state <> 2
    RETURNING )" BIRTHMARK_REVOCATION_COLUMNS};
// Serial numbers begin with the time, so a smaller one is older. Held ones stay
// held: whoever holds them decides.
constexpr Statement kRevokeSuperseded = {"revoke_superseded", R"(
    WITH old AS MATERIALIZED (
      SELECT c.serial, c.issuer_id, c.crl_shard, c.not_after, k.device_uid,
             u.actor, u.time
      FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::timestamptz[])
        AS u (device_uid, serial, actor, time)
      JOIN LATERAL (SELECT serial, device_uid FROM keys
                    WHERE device_uid = u.device_uid AND usage = 2
                      AND serial < u.serial) k ON true
      JOIN LATERAL (SELECT serial, issuer_id, crl_shard, not_after
                    FROM certificates WHERE serial = k.serial LIMIT 1) c
        ON true),
    r AS (
      INSERT INTO revocations AS r
        (serial, issuer_id, crl_shard, not_after, state, reason, actor, version,
         revoke_time, update_time)
      SELECT serial, issuer_id, crl_shard, not_after, 2, $5::smallint, actor, 2,
             time, time
      FROM old ORDER BY serial
      ON CONFLICT (serial) DO UPDATE
      SET state = excluded.state, reason = excluded.reason,
          actor = excluded.actor, version = r.version + 1,
          revoke_time = excluded.revoke_time,
          update_time = excluded.update_time
      WHERE r.state = 3
      RETURNING )" BIRTHMARK_REVOCATION_COLUMNS R"()
    SELECT )" BIRTHMARK_REVOCATION_COLUMNS R"(, o.device_uid
    FROM r JOIN old o ON o.serial = r.serial ORDER BY r.serial)"};

constexpr Statement kRevokeThese = {"revoke_these", R"(
    INSERT INTO revocations AS r
      (serial, issuer_id, crl_shard, not_after, state, reason, actor, version,
       revoke_time, invalidity_time, update_time)
    SELECT u.serial, u.issuer_id, u.crl_shard, u.not_after, 2, $5::smallint,
           $6::text, 2, $7::timestamptz, $8::timestamptz, $9::timestamptz
    FROM unnest($1::bytea[], $2::text[], $3::integer[], $4::timestamptz[])
      AS u (serial, issuer_id, crl_shard, not_after)
    ORDER BY u.serial
    ON CONFLICT (serial) DO UPDATE
    SET state = excluded.state, reason = excluded.reason,
        actor = excluded.actor, version = r.version + 1,
        revoke_time = excluded.revoke_time,
        invalidity_time = excluded.invalidity_time,
        update_time = excluded.update_time
    WHERE r.state <> 2
    RETURNING )" BIRTHMARK_REVOCATION_COLUMNS};
// A blocked key stays so; one that was retired is blocked too.
constexpr Statement kBlockKeys = {"revoke_block_keys", R"(
    WITH locked AS MATERIALIZED (
      SELECT spki_sha256 FROM keys
      WHERE spki_sha256 = ANY ($1::bytea[]) AND state <> 3
      ORDER BY spki_sha256 FOR UPDATE)
    UPDATE keys k SET state = 3, retire_time = coalesce(k.retire_time, $2)
    FROM locked l WHERE k.spki_sha256 = l.spki_sha256)"};

std::vector<RevocationRow> ReadAll(const pqxx::result& result) {
  std::vector<RevocationRow> rows;
  rows.reserve(result.size());
  for (const auto& row : result) {
    rows.push_back(ReadRevocation(row));
  }
  return rows;
}

}  // namespace

std::vector<RevocationRow> RevokeAllOfDevice(Session& session,
                                             absl::string_view device_uid,
                                             int reason,
                                             absl::string_view actor,
                                             absl::Time time) {
  return ReadAll(session.Exec(kRevokeAll, Text(device_uid), Int(reason),
                              Text(actor), At(time)));
}

std::vector<std::pair<std::string, RevocationRow>> RevokeSuperseded(
    Session& session, absl::Span<const Superseding> newest) {
  UuidArray devices;
  BytesArray serials;
  TextArray actors;
  TimeArray times;
  for (const Superseding& one : newest) {
    devices.Add(one.device_uid);
    serials.Add(one.serial);
    actors.Add(one.actor);
    times.Add(one.time);
  }
  std::vector<std::pair<std::string, RevocationRow>> revoked;
  for (const auto& row :
       session.Exec(kRevokeSuperseded, devices.Take(), serials.Take(),
                    actors.Take(), times.Take(), Int(kSuperseded))) {
    revoked.emplace_back(ReadText(row[11]), ReadRevocation(row));
  }
  return revoked;
}

std::vector<RevocationRow> RevokeThese(Session& session,
                                       absl::Span<const RevocationRow> rows) {
  BytesArray serials;
  TextArray issuer_ids;
  IntegerArray crl_shards;
  TimeArray not_after;
  for (const RevocationRow& row : rows) {
    serials.Add(row.serial);
    issuer_ids.Add(row.issuer_id);
    crl_shards.Add(row.crl_shard);
    not_after.Add(row.not_after);
  }
  const RevocationRow& first = rows.front();
  return ReadAll(
      session.Exec(kRevokeThese, serials.Take(), issuer_ids.Take(),
                   crl_shards.Take(), not_after.Take(), Int(first.reason),
                   Text(first.actor), At(first.revoke_time),
                   AtOrNull(first.invalidity_time), At(first.update_time)));
}

void BlockKeys(Session& session, absl::Span<const std::string> spki_sha256s,
               absl::Time time) {
  session.Exec(kBlockKeys, BytesArray(spki_sha256s).Take(), At(time));
}

}  // namespace birthmark::storage
