#include "tests/support/herd.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "lib/base/bytes.h"
#include "lib/crypto/hash.h"

namespace birthmark::tests {

std::string HerdUid(const Herd& herd, int i) {
  const std::string hash =
      HexEncode(crypto::Sha256(absl::StrCat(herd.name, "/", i)));
  const absl::string_view h = hash;
  return absl::StrCat(h.substr(0, 8), "-", h.substr(8, 4), "-7",
                      h.substr(12, 3), "-8", h.substr(15, 3), "-",
                      h.substr(18, 12));
}

std::string HerdSql(const Herd& herd) {
  return absl::StrReplaceAll(
      R"(
      INSERT INTO fleets (fleet_id, display_name, idevid_profile,
        ldevid_profile, create_time, update_time, wipe_timeout_seconds)
      VALUES ('{fleet}', '', 'idevid', 'ldevid', date_trunc('second', now()),
              date_trunc('second', now()), {timeout})
      ON CONFLICT DO NOTHING;
      INSERT INTO lines (fleet_id, line_id, state, models, quota, create_time)
      VALUES ('{fleet}', 'l1', 1, ARRAY['{model}'], 0,
              date_trunc('second', now()))
      ON CONFLICT DO NOTHING;
      INSERT INTO batches (fleet_id, line_id, batch_id, profile, state,
        create_time)
      VALUES ('{fleet}', 'l1', '{batch}', 'idevid', 1,
              date_trunc('second', now()))
      ON CONFLICT DO NOTHING;
      CREATE TEMP TABLE herd AS
      SELECT i, date_trunc('second', now()) - interval '1 hour' AS t,
             (substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7' ||
              substr(h, 13, 3) || '-8' || substr(h, 16, 3) || '-' ||
              substr(h, 19, 12))::uuid AS device_uid
      FROM generate_series(1, {devices}) AS i,
           LATERAL (SELECT encode(sha256(('{name}/' || i)::bytea), 'hex') AS h)
             AS hashed;
      INSERT INTO devices (device_uid, fleet_id, state, model, serial_number,
        hardware_revision, line_id, batch_id, display_name, version,
        create_time, update_time)
      SELECT device_uid, '{fleet}', {state}, '{model}', '{name}-' || i, 'A',
             'l1', '{batch}', 'the kitchen''s', 1, t, t
      FROM herd;
      CREATE TEMP TABLE herd_keys AS
      SELECT h.device_uid, k, t, sha256(('{name}/key/' || i || '/' || k)::bytea)
               AS spki_sha256,
             decode(lpad(to_hex((extract(epoch FROM t) * 1000)::bigint), 12,
                         '0'), 'hex') ||
             substr(sha256(('{name}/serial/' || i || '/' || k)::bytea), 1, 10)
               AS serial
      FROM herd h, generate_series(1, 2) AS k;
      INSERT INTO keys (spki_sha256, device_uid, owner, usage, state, algorithm,
        bits, serial, profile, create_time)
      SELECT spki_sha256, device_uid, 'fleets/{fleet}/devices/' || device_uid,
             k, 1, 1, 256, serial, CASE k WHEN 1 THEN 'idevid' ELSE 'ldevid' END,
             t
      FROM herd_keys ORDER BY spki_sha256;
      INSERT INTO certificates (serial, issuer_id, profile, profile_version,
        spki_sha256, device_uid, fleet_id, crl_shard, not_before, not_after,
        certificate_der, create_time)
      SELECT serial, CASE k WHEN 1 THEN 'idevid' ELSE 'ldevid' END,
             CASE k WHEN 1 THEN 'idevid' ELSE 'ldevid' END, 1, spki_sha256,
             device_uid, '{fleet}', k - 1, t, t + interval '1 year', '', t
      FROM herd_keys ORDER BY serial;
      DROP TABLE herd, herd_keys;)",
      {{"{fleet}", herd.fleet},
       {"{model}", herd.model},
       {"{batch}", herd.batch},
       {"{name}", herd.name},
       {"{devices}", absl::StrCat(herd.devices)},
       {"{state}", absl::StrCat(herd.state)},
       {"{timeout}", absl::StrCat(herd.wipe_timeout_seconds)}});
}

}  // namespace birthmark::tests
