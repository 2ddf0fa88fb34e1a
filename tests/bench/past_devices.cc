#include "tests/bench/past_devices.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/base/clock.h"
#include "tests/support/process.h"

namespace birthmark::bench {
namespace {

constexpr char kFleet[] = R"(
    INSERT INTO fleets
      (fleet_id, display_name, idevid_profile, ldevid_profile, create_time,
       update_time)
    SELECT 'past', 'Made before', 'idevid', 'ldevid', $now, $now;
    INSERT INTO lines
      (fleet_id, line_id, state, models, quota, issued, create_time)
    SELECT 'past', 'line-1', 1, '{gateway-7}', 0, $devices, $now;
    INSERT INTO batches
      (batch_key, fleet_id, line_id, batch_id, profile, state, create_time)
    OVERRIDING SYSTEM VALUE
    SELECT b, 'past', 'line-1', 'batch-' || b, 'idevid', 1, $now
    FROM generate_series(1, pg_temp.batch_of($devices)) b;
    SELECT setval(pg_get_serial_sequence('batches', 'batch_key'),
                  pg_temp.batch_of($devices));
)";

// What follows from the number of a device, 1 to $devices. Ids are made as the
// services make them: milliseconds, then noise.
constexpr char kFunctions[] = R"(
    SET session_replication_role = replica;
    SET synchronous_commit = off;
    SET work_mem = '256MB';
    SET client_min_messages = warning;
    CREATE FUNCTION pg_temp.time_of(n bigint) RETURNS timestamptz
    LANGUAGE sql STABLE AS $$
      SELECT date_trunc('milliseconds',
        $now - (interval '1 minute' +
          least(interval '365 days', $now - timestamptz '2026-10-01 00:00Z')
          * (1 - n::float8 / $devices))) $$;
    CREATE FUNCTION pg_temp.ms(t timestamptz) RETURNS text
    LANGUAGE sql STABLE AS $$
      SELECT lpad(to_hex((extract(epoch FROM t) * 1000)::bigint), 12, '0') $$;
    CREATE FUNCTION pg_temp.uuid_of(ms text, noise text) RETURNS uuid
    LANGUAGE sql IMMUTABLE AS $$
      SELECT (ms || '7' || substr(noise, 1, 3) || '8' || substr(noise, 4, 15))
             ::uuid $$;
    CREATE FUNCTION pg_temp.serial_of(ms text, n bigint) RETURNS bytea
    LANGUAGE sql IMMUTABLE AS $$
      SELECT decode(ms || substr(md5('serial' || n), 1, 20), 'hex') $$;
    CREATE FUNCTION pg_temp.spki_of(n bigint) RETURNS bytea
    LANGUAGE sql IMMUTABLE AS $$ SELECT sha256(int8send(n)) $$;
    CREATE FUNCTION pg_temp.batch_of(n bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE AS $$ SELECT (n + 9999) / 10000 $$;
    CREATE FUNCTION pg_temp.leaf_hash(entry text) RETURNS bytea
    LANGUAGE sql IMMUTABLE AS $$
      SELECT sha256('\x00'::bytea || convert_to(entry, 'UTF8')) $$;
    CREATE TEMP VIEW past AS
    SELECT n, t, date_trunc('second', t) AS second, ms,
           pg_temp.uuid_of(ms, md5('device' || n)) AS uid,
           pg_temp.serial_of(ms, n) AS serial, pg_temp.spki_of(n) AS spki,
           pg_temp.batch_of(n) AS batch, 'board-' || lpad(n::text, 9, '0') AS item
    FROM (SELECT n, t, pg_temp.ms(t) AS ms
          FROM (SELECT n, pg_temp.time_of(n) AS t
                FROM generate_series(1::bigint, $devices) n OFFSET 0) times
          OFFSET 0) ids;
)";

constexpr char kDevices[] = R"(
    INSERT INTO devices
      (device_uid, fleet_id, state, model, serial_number, hardware_revision,
       line_id, batch_id, create_time, update_time)
    SELECT uid, 'past', 1, 'gateway-7', 'SN-' || item, 'B', 'line-1',
           'batch-' || batch, second, second
    FROM past;
)";

constexpr char kKeys[] = R"(
    INSERT INTO keys
      (spki_sha256, device_uid, owner, usage, state, algorithm, bits, serial,
       profile, create_time)
    SELECT spki, uid, 'fleets/past/devices/' || uid, 1, 1, 1, 256, serial,
           'idevid', second
    FROM past;
)";

constexpr char kItems[] = R"(
    INSERT INTO batch_items
      (batch_key, item_id, csr_sha256, device_uid, serial, create_time)
    SELECT batch, item, sha256('csr'::bytea || int8send(n)), uid, serial, second
    FROM past;
)";

constexpr char kEvents[] = R"(
    INSERT INTO device_events
      (device_uid, event_id, kind, from_state, to_state, actor, reason, details,
       create_time, fleet_id)
    SELECT uid, pg_temp.uuid_of(ms, md5('event' || n)), 'provisioned', 0, 1,
           'spiffe://birthmark.test/fleet/past/line/line-1', '',
           jsonb_build_object(
             'batch', 'fleets/past/lines/line-1/batches/batch-' || batch,
             'item', item, 'key', encode(spki, 'hex'),
             'serial', encode(serial, 'hex')),
           second, 'past'
    FROM past;
)";

// The bytes of an issuer's certificate, cut to the length that a device's has,
// with the parts that differ replaced.
constexpr char kCertificates[] = R"(
    INSERT INTO certificates
      (serial, issuer_id, profile, profile_version, spki_sha256, device_uid,
       fleet_id, crl_shard, not_before, not_after, certificate_der, create_time)
    SELECT serial, 'idevid', 'idevid', 1, spki, uid, 'past', 0, second,
           timestamptz '9999-12-31 23:59:59Z',
           overlay(overlay(overlay(der PLACING serial FROM 16)
                           PLACING spki || sha256(spki) FROM 240)
                   PLACING sha256(serial) || sha256(uuid_send(uid)) FROM 500),
           second
    FROM past,
         (SELECT substring(certificate_der || certificate_der FOR 600) AS der
          FROM certificates WHERE profile = 'issuer' LIMIT 1) template;
)";

// Canonical bytes as docs/audit_format.md has them.
constexpr char kProvisionEntries[] = R"(
    INSERT INTO audit_entries
      (entry_time, entry_id, actor, action, resource, entry, leaf_hash)
    SELECT t, id, 'spiffe://birthmark.test/fleet/past/line/line-1',
           'device.provision', 'fleets/past/devices/' || uid, entry,
           pg_temp.leaf_hash(entry)
    FROM (SELECT t, id, uid, format(
            '{"action":"device.provision",'
            '"actor":"spiffe://birthmark.test/fleet/past/line/line-1",'
            '"details":{"batch":"fleets/past/lines/line-1/batches/batch-%s",'
            '"item":"%s","key":"%s","serial":"%s"},"id":"%s",'
            '"resource":"fleets/past/devices/%s","time":"%s"}',
            batch, item, encode(spki, 'hex'), encode(serial, 'hex'), id, uid,
            to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
            AS entry
          FROM (SELECT *, pg_temp.uuid_of(ms, md5('provision' || n)) AS id
                FROM past OFFSET 0) p
          OFFSET 0) e;
)";

constexpr char kIssueEntries[] = R"(
    INSERT INTO audit_entries
      (entry_time, entry_id, actor, action, resource, entry, leaf_hash)
    SELECT t, id, 'spiffe://birthmark.test/fleet/past/line/line-1',
           'certificate.issue', resource, entry, pg_temp.leaf_hash(entry)
    FROM (SELECT t, id, resource, format(
            '{"action":"certificate.issue",'
            '"actor":"spiffe://birthmark.test/fleet/past/line/line-1",'
            '"details":{"caller":"spiffe://birthmark.test/service/registration",'
            '"certificate_sha256":"%s","device":"fleets/past/devices/%s",'
            '"issuer":"idevid","profile":"idevid","profile_version":"1",'
            '"serial":"%s","spki_sha256":"%s"},"id":"%s","resource":"%s",'
            '"time":"%s"}',
            encode(sha256(serial), 'hex'), uid, encode(serial, 'hex'),
            encode(spki, 'hex'), id, resource,
            to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
            AS entry
          FROM (SELECT *, pg_temp.uuid_of(ms, md5('issue' || n)) AS id,
                       'issuers/idevid/certificates/' || encode(serial, 'hex')
                       AS resource
                FROM past OFFSET 0) p
          OFFSET 0) e;
)";

// One for all statements: ids follow from it.
std::string TimestampLiteral(absl::Time now) {
  return absl::StrCat(
      "timestamptz '",
      absl::FormatTime("%Y-%m-%d %H:%M:%SZ", now, absl::UTCTimeZone()), "'");
}

}  // namespace

absl::Duration AddPastDevices(tests::PostgresCluster& postgres,
                              const std::string& database, int64_t count) {
  const absl::Duration start = Clock::Real().MonotonicNow();
  const std::string now = TimestampLiteral(Clock::Real().Now());
  const auto sql = [&](const std::string& statement) {
    postgres.Sql(database, statement, absl::Hours(1));
  };
  const auto add = [&](const char* statement) {
    sql(absl::StrReplaceAll(
        absl::StrCat(kFunctions, statement),
        {{"$devices", absl::StrCat(count, "::bigint")}, {"$now", now}}));
  };
  // The disk is asked for once, in the end.
  for (const char* setting : {"fsync = off", "full_page_writes = off",
                              "max_wal_size = '32GB'", "autovacuum = off"}) {
    sql(absl::StrCat("ALTER SYSTEM SET ", setting));
  }
  sql("SELECT pg_reload_conf()");
  add(kFleet);
  // Two sessions, of about the same work.
  std::thread other([&] {
    for (const char* table : {kCertificates, kIssueEntries, kItems}) {
      add(table);
    }
  });
  for (const char* table : {kDevices, kKeys, kEvents, kProvisionEntries}) {
    add(table);
  }
  other.join();
  for (const char* setting :
       {"fsync", "full_page_writes", "max_wal_size", "autovacuum"}) {
    sql(absl::StrCat("ALTER SYSTEM RESET ", setting));
  }
  // Else the first to read the rows would mark them as committed, and
  // autovacuum would begin in the middle of a measurement.
  std::thread vacuum([&] { sql("VACUUM ANALYZE audit_entries"); });
  for (const char* table :
       {"devices", "keys", "batch_items", "device_events", "certificates"}) {
    sql(absl::StrCat("VACUUM ANALYZE ", table));
  }
  vacuum.join();
  sql("CHECKPOINT");
  sql("SELECT pg_reload_conf()");
  tests::RunProgram({"sync"});
  sql("CHECKPOINT");
  return Clock::Real().MonotonicNow() - start;
}

}  // namespace birthmark::bench
