#include "lib/storage/pg_status_store.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/base/status_macros.h"
#include "lib/storage/crl_sql.h"
#include "lib/storage/param.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

// Each is one statement, and so sees one moment.

// At least one row, so that there is a revision.
constexpr Statement kFind = {"status_find", R"(
    SELECT (SELECT max(revision) FROM revocation_changes), f.*
    FROM (SELECT) AS once
    LEFT JOIN (
      SELECT u.serial AS asked, coalesce(c.issuer_id, r.issuer_id),
             coalesce(c.not_after, r.not_after), )" BIRTHMARK_REVOCATION_COLUMNS
                                            R"(
      FROM unnest($1::bytea[]) u (serial)
      LEFT JOIN LATERAL (SELECT issuer_id, not_after FROM certificates
                         WHERE serial = u.serial LIMIT 1) c ON true
      LEFT JOIN LATERAL (SELECT * FROM revocations
                         WHERE serial = u.serial LIMIT 1) r ON true
      WHERE c.issuer_id IS NOT NULL OR r.issuer_id IS NOT NULL
    ) f ON true)"};

constexpr Statement kListShards = {"status_list_shards", R"(
    SELECT s.issuer_id, s.crl_shard, s.live_until, c.number, c.revision,
           c.this_update, c.next_update, c.entries, l.revision
    FROM crl_shards s
    LEFT JOIN LATERAL (SELECT number, revision, this_update, next_update,
                              entries
                       FROM crls
                       WHERE issuer_id = s.issuer_id
                         AND crl_shard = s.crl_shard LIMIT 1) c ON true
    LEFT JOIN LATERAL (SELECT max(revision) AS revision
                       FROM revocation_changes
                       WHERE issuer_id = s.issuer_id
                         AND crl_shard = s.crl_shard) l ON true
    WHERE s.live_until >= $1 OR c.this_update <= s.live_until
    ORDER BY s.issuer_id, s.crl_shard)"};

constexpr Statement kReadCrl = {"status_read_crl",
                                "SELECT " BIRTHMARK_CRL_COLUMNS R"(,
           c.crl_der, c.delta_der
    FROM crls c WHERE c.issuer_id = $1 AND c.crl_shard = $2)"};

// The parts: 1 what is revoked, 2 what has changed, 3 that the CRL is still the
// one that was read.
constexpr Statement kReadTruth = {"status_read_truth", R"(
    SELECT 1, r.serial
    FROM crls c JOIN revocations r USING (issuer_id, crl_shard)
    WHERE c.issuer_id = $1 AND c.crl_shard = $2 AND c.number = $3
      AND r.state IN (1, 2)
      AND r.not_after >= least(c.expired_before, c.this_update)
  UNION ALL
    SELECT 2, l.serial
    FROM crls c JOIN revocation_changes l USING (issuer_id, crl_shard)
    WHERE c.issuer_id = $1 AND c.crl_shard = $2 AND c.number = $3
      AND l.revision > c.revision
  UNION ALL
    SELECT 3, NULL FROM crls c
    WHERE c.issuer_id = $1 AND c.crl_shard = $2 AND c.number = $3)"};

absl::StatusOr<CrlRow> ReadWithOctets(Session& session,
                                      absl::string_view issuer_id,
                                      int crl_shard) {
  const auto found = session.Exec(kReadCrl, Text(issuer_id), Int(crl_shard));
  if (found.empty()) {
    return CrlShardNotFound(issuer_id, crl_shard);
  }
  CrlRow crl = ReadCrl(found[0]);
  crl.crl_der = ReadBytes(found[0][kCrlColumns]);
  if (crl.delta.has_value()) {
    crl.delta->crl_der = ReadBytes(found[0][kCrlColumns + 1]);
  }
  return crl;
}

}  // namespace

absl::StatusOr<StatusStore::Statuses> PgStatusStore::Find(
    absl::Span<const std::string> serials) {
  Statuses statuses;
  BIRTHMARK_RETURN_IF_ERROR(database_.Read([&](Session& session) {
    statuses = {};
    for (const auto& row : session.Exec(kFind, BytesArray(serials).Take())) {
      statuses.revision = ReadInt(row[0]);
      if (row[1].is_null()) {
        continue;
      }
      CertificateStatus status = {.serial = ReadBytes(row[1]),
                                  .issuer_id = ReadText(row[2]),
                                  .not_after = ReadTime(row[3])};
      if (!row[4].is_null()) {
        status.revocation = ReadRevocation(row, 4);
      }
      statuses.certificates.push_back(std::move(status));
    }
    return absl::OkStatus();
  }));
  return statuses;
}

absl::StatusOr<std::vector<ShardStatus>> PgStatusStore::ListShards(
    absl::Time now) {
  std::vector<ShardStatus> shards;
  BIRTHMARK_RETURN_IF_ERROR(database_.Read([&](Session& session) {
    shards.clear();
    for (const auto& row : session.Exec(kListShards, At(now))) {
      ShardStatus shard = {.issuer_id = ReadText(row[0]),
                           .crl_shard = static_cast<int>(ReadInt(row[1])),
                           .live_until = ReadTime(row[2]),
                           .number = ReadInt(row[3]),
                           .revision = ReadInt(row[4]),
                           .entries = static_cast<int>(ReadInt(row[7])),
                           .latest_revision = ReadInt(row[8])};
      if (shard.number != 0) {
        shard.this_update = ReadTime(row[5]);
        shard.next_update = ReadTime(row[6]);
      }
      shards.push_back(std::move(shard));
    }
    return absl::OkStatus();
  }));
  return shards;
}

absl::StatusOr<CrlRow> PgStatusStore::ReadCrl(absl::string_view issuer_id,
                                              int crl_shard) {
  CrlRow crl;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(
            crl, ReadWithOctets(session, issuer_id, crl_shard));
        return absl::OkStatus();
      }));
  return crl;
}

absl::StatusOr<StatusStore::ShardTruth> PgStatusStore::ReadTruth(
    absl::string_view issuer_id, int crl_shard) {
  ShardTruth truth;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        truth = {};
        BIRTHMARK_ASSIGN_OR_RETURN(
            truth.crl, ReadWithOctets(session, issuer_id, crl_shard));
        const auto found = session.Exec(kReadTruth, Text(issuer_id),
                                        Int(crl_shard), Int(truth.crl.number));
        if (found.empty()) {
          return session.Rerun();  // it was replaced meanwhile
        }
        for (const auto& row : found) {
          switch (ReadInt(row[0])) {
            case 1:
              truth.revoked.push_back(ReadBytes(row[1]));
              break;
            case 2:
              truth.changed.push_back(ReadBytes(row[1]));
          }
        }
        std::sort(truth.revoked.begin(), truth.revoked.end());
        std::sort(truth.changed.begin(), truth.changed.end());
        truth.changed.erase(
            std::unique(truth.changed.begin(), truth.changed.end()),
            truth.changed.end());
        return absl::OkStatus();
      }));
  return truth;
}

}  // namespace birthmark::storage
