#include "tests/bench/past_certificates.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "lib/base/clock.h"
#include "tests/support/process.h"

namespace birthmark::bench {
namespace {

// What follows from the number of a certificate, 1 to $count: the first $even
// of them fill the shards but the last, $revoked of them are revoked. Serials
// are made as the CA makes them: milliseconds, then noise.
constexpr char kFunctions[] = R"(
    SET session_replication_role = replica;
    SET synchronous_commit = off;
    SET client_min_messages = warning;
    CREATE FUNCTION pg_temp.time_of(n bigint) RETURNS timestamptz
    LANGUAGE sql STABLE AS $$
      SELECT date_trunc('milliseconds',
        $now - (interval '1 hour' +
          least(interval '365 days', $now - timestamptz '2026-10-01 00:00Z')
          * (1 - n::float8 / $count))) $$;
    CREATE FUNCTION pg_temp.ms(t timestamptz) RETURNS text
    LANGUAGE sql STABLE AS $$
      SELECT lpad(to_hex((extract(epoch FROM t) * 1000)::bigint), 12, '0') $$;
    CREATE FUNCTION pg_temp.serial_of(n bigint) RETURNS text
    LANGUAGE sql STABLE AS $$
      SELECT pg_temp.ms(pg_temp.time_of(n)) ||
             substr(md5('serial' || n), 1, 20) $$;
    CREATE FUNCTION pg_temp.shard_of(n bigint) RETURNS integer
    LANGUAGE sql IMMUTABLE AS $$
      SELECT CASE WHEN n <= $even THEN 1 + (n - 1) / $shard_size
                  ELSE $shards END::integer $$;
    CREATE FUNCTION pg_temp.is_revoked(n bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
      SELECT CASE WHEN n <= $even
                  THEN n * $revoked / $even <> (n - 1) * $revoked / $even
                  ELSE n > $even + $reserve END $$;
    CREATE TEMP VIEW past AS
    SELECT n, date_trunc('second', t) AS second, ms,
           decode(ms || substr(md5('serial' || n), 1, 20), 'hex') AS serial,
           pg_temp.shard_of(n) AS shard
    FROM (SELECT n, t, pg_temp.ms(t) AS ms
          FROM (SELECT n, pg_temp.time_of(n) AS t
                FROM generate_series(1::bigint, $count) n OFFSET 0) times
          OFFSET 0) ids;
)";

constexpr char kCertificates[] = R"(
    INSERT INTO certificates
      (serial, issuer_id, profile, profile_version, spki_sha256, device_uid,
       fleet_id, crl_shard, not_before, not_after, certificate_der, create_time)
    SELECT serial, 'idevid', 'idevid', 1, sha256(int8send(n)),
           (ms || '7' || substr(md5('device' || n), 1, 3) || '8' ||
            substr(md5('device' || n), 4, 15))::uuid,
           'past', shard, second, timestamptz '9999-12-31 23:59:59Z',
           sha256(serial), second
    FROM past;
)";

// In the order in which they were issued, as it happens.
constexpr char kRevocations[] = R"(
    INSERT INTO revocations
      (serial, issuer_id, crl_shard, not_after, state, reason, actor,
       revoke_time, update_time)
    SELECT serial, 'idevid', shard, timestamptz '9999-12-31 23:59:59Z', 2, 5,
           'spiffe://birthmark.test/operator/admin', second, second
    FROM past WHERE pg_temp.is_revoked(n);
    INSERT INTO revocation_changes
      (revision, serial, issuer_id, crl_shard, not_after, state, reason,
       revoke_time, update_time)
    SELECT nextval('revocation_revisions'), serial, issuer_id, crl_shard,
           not_after, state, reason, revoke_time, update_time
    FROM (SELECT * FROM revocations ORDER BY serial) r;
)";

constexpr char kShards[] = R"(
    INSERT INTO crl_shards
      (issuer_id, crl_shard, assigned, live_until, create_time)
    SELECT 'idevid', s, 2147483647, timestamptz '9999-12-31 23:59:59Z', $now
    FROM generate_series(1, $shards) s;
)";

std::string TimestampLiteral(absl::Time now) {
  return absl::StrCat(
      "timestamptz '",
      absl::FormatTime("%Y-%m-%d %H:%M:%SZ", now, absl::UTCTimeZone()), "'");
}

[[noreturn]] void Die(const std::string& what) {
  std::cerr << what << std::endl;
  exit(1);
}

std::string Big(int64_t number) { return absl::StrCat(number, "::bigint"); }

// A prime above any count: multiples of it, taken modulo the count, go all
// over and come back only when all had their turn.
constexpr int64_t kStride = 2147483647;

}  // namespace

PastCertificates::PastCertificates(tests::PostgresCluster& postgres,
                                   const PastCertificatesOptions& options)
    : postgres_(postgres),
      options_(options),
      even_(options.certificates -
            (options.full_shard > 0 ? options.full_shard + kReserve : 0)),
      now_(TimestampLiteral(Clock::Real().Now())) {
  if (even_ <= 0 || options_.revoked < options_.full_shard ||
      options_.revoked - options_.full_shard > even_ / 2) {
    Die("too few certificates, or too many revoked");
  }
}

int64_t PastCertificates::shards() const {
  return (even_ + options_.shard_size - 1) / options_.shard_size +
         (options_.full_shard > 0 ? 1 : 0);
}

std::string PastCertificates::Run(const std::string& statement) {
  return postgres_.Sql(
      "birthmark",
      absl::StrReplaceAll(
          absl::StrCat(kFunctions, statement),
          {{"$count", Big(options_.certificates)},
           {"$even", Big(even_)},
           {"$revoked", Big(options_.revoked - options_.full_shard)},
           {"$reserve", Big(kReserve)},
           {"$shard_size", Big(options_.shard_size)},
           {"$shards", Big(shards())},
           {"$now", now_}}),
      absl::Hours(1));
}

absl::Duration PastCertificates::Add() {
  const absl::Duration start = Clock::Real().MonotonicNow();
  const auto sql = [&](const std::string& statement) {
    postgres_.Sql("birthmark", statement, absl::Hours(1));
  };
  // The disk is asked for once, in the end.
  for (const char* setting : {"fsync = off", "full_page_writes = off",
                              "max_wal_size = '32GB'", "autovacuum = off"}) {
    sql(absl::StrCat("ALTER SYSTEM SET ", setting));
  }
  sql("SELECT pg_reload_conf()");
  Run(kShards);
  Run(kCertificates);
  Run(kRevocations);
  for (const char* setting :
       {"fsync", "full_page_writes", "max_wal_size", "autovacuum"}) {
    sql(absl::StrCat("ALTER SYSTEM RESET ", setting));
  }
  for (const char* table :
       {"certificates", "revocations", "revocation_changes", "crl_shards"}) {
    sql(absl::StrCat("VACUUM ANALYZE ", table));
  }
  sql("CHECKPOINT");
  sql("SELECT pg_reload_conf()");
  tests::RunProgram({"sync"});
  sql("CHECKPOINT");
  return Clock::Real().MonotonicNow() - start;
}

std::vector<std::string> PastCertificates::Serials(const std::string& numbers) {
  // Settings, too, answer with a line of their own.
  std::vector<std::string> serials;
  for (const auto line :
       absl::StrSplit(Run(absl::StrCat("SELECT pg_temp.serial_of(n) FROM (",
                                       numbers, ") numbers")),
                      '\n')) {
    if (line.size() == 32) {
      serials.push_back(absl::HexStringToBytes(line));
    }
  }
  return serials;
}

std::vector<std::string> PastCertificates::Sample(int64_t count) {
  return Serials(absl::StrCat("SELECT 1 + i * ", kStride, " % $count AS n ",
                              "FROM generate_series(1::bigint, ",
                              std::min(count, options_.certificates), ") i"));
}

std::vector<std::string> PastCertificates::Fresh(int64_t count) {
  // At most half are revoked, and chance is kept out by some more.
  const int64_t candidates = 3 * count + 100;
  if (fresh_ + candidates > even_) {
    Die("there are not enough certificates to revoke");
  }
  std::vector<std::string> serials = Serials(absl::StrCat(
      "SELECT n FROM (SELECT 1 + i * ", kStride, " % $even AS n ",
      "FROM generate_series(", fresh_, "::bigint, ", fresh_ + candidates - 1,
      ") i) candidates ", "WHERE NOT pg_temp.is_revoked(n) LIMIT ", count));
  fresh_ += candidates;
  if (static_cast<int64_t>(serials.size()) != count) {
    Die("too many certificates are revoked");
  }
  return serials;
}

std::vector<std::string> PastCertificates::FreshOfFullShard(int64_t count) {
  if (options_.full_shard == 0 || fresh_of_full_shard_ + count > kReserve) {
    Die("the full shard has no more certificates");
  }
  std::vector<std::string> serials = Serials(absl::StrCat(
      "SELECT n FROM generate_series($even + ", fresh_of_full_shard_ + 1,
      ", $even + ", fresh_of_full_shard_ + count, ") n"));
  fresh_of_full_shard_ += count;
  return serials;
}

}  // namespace birthmark::bench
