#include "lib/storage/pg_crl_shard_store.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/status_macros.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

// The lock makes those who take places on a shard wait for each other. Who was
// second when the shard was full, and so a newer one has come, sees the old one
// still: the INSERT tells it.
constexpr Statement kNewest = {"crl_shard_newest", R"(
    SELECT crl_shard, assigned FROM crl_shards
    WHERE issuer_id = $1 ORDER BY crl_shard DESC LIMIT 1 FOR UPDATE)"};
constexpr Statement kAssign = {"crl_shard_assign", R"(
    UPDATE crl_shards
    SET assigned = assigned + $3, live_until = greatest(live_until, $4)
    WHERE issuer_id = $1 AND crl_shard = $2)"};
constexpr Statement kInsert = {"crl_shard_insert", R"(
    INSERT INTO crl_shards
      (issuer_id, crl_shard, assigned, live_until, create_time)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING)"};
constexpr Statement kRecord = {"crl_shard_record", R"(
    INSERT INTO crl_shards AS s
      (issuer_id, crl_shard, assigned, live_until, create_time)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (issuer_id, crl_shard) DO UPDATE
    SET assigned = least(s.assigned::bigint + excluded.assigned, 2147483647),
        live_until = greatest(s.live_until, excluded.live_until))"};
constexpr Statement kList = {"crl_shard_list", R"(
    SELECT s.crl_shard
    FROM crl_shards s
    LEFT JOIN LATERAL (SELECT this_update FROM crls
                       WHERE issuer_id = s.issuer_id
                         AND crl_shard = s.crl_shard LIMIT 1) c ON true
    WHERE s.issuer_id = $1
      AND (s.live_until >= $2 OR c.this_update <= s.live_until)
    ORDER BY s.crl_shard)"};

}  // namespace

absl::StatusOr<ShardLease> PgCrlShardStore::Lease(absl::string_view issuer_id,
                                                  int needed, int wanted,
                                                  int capacity,
                                                  absl::Time live_until,
                                                  absl::Time now) {
  if (needed < 1 || needed > capacity) {
    return absl::InvalidArgumentError("so many places are on no shard");
  }
  wanted = std::max(wanted, needed);
  ShardLease lease;
  // One whose outcome nobody knows is lost, like one that is not used.
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        lease = {};
        const auto newest = session.Exec(kNewest, Text(issuer_id));
        if (!newest.empty()) {
          lease.crl_shard = static_cast<int>(ReadInt(newest[0][0]));
          const int64_t left = capacity - ReadInt(newest[0][1]);
          if (left >= needed) {
            lease.places = static_cast<int>(std::min<int64_t>(wanted, left));
            session.Exec(kAssign, Text(issuer_id), Int(lease.crl_shard),
                         Int(lease.places), At(live_until));
            return absl::OkStatus();
          }
          ++lease.crl_shard;
        }
        lease.places = std::min(wanted, capacity);
        const auto inserted =
            session.Exec(kInsert, Text(issuer_id), Int(lease.crl_shard),
                         Int(lease.places), At(live_until), At(now));
        return inserted.affected_rows() == 1 ? absl::OkStatus()
                                             : session.Rerun();
      },
      Database::InDoubt::kRerun));
  return lease;
}

absl::Status PgCrlShardStore::Record(absl::string_view issuer_id, int crl_shard,
                                     int places, absl::Time live_until,
                                     absl::Time now) {
  return database_.TransactInOne(
      [&](Session& session) {
        session.Exec(kRecord, Text(issuer_id), Int(crl_shard), Int(places),
                     At(live_until), At(now));
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun);
}

absl::StatusOr<std::vector<int>> PgCrlShardStore::List(
    absl::string_view issuer_id, absl::Time now) {
  std::vector<int> shards;
  BIRTHMARK_RETURN_IF_ERROR(database_.Read([&](Session& session) {
    shards.clear();
    for (const auto& row : session.Exec(kList, Text(issuer_id), At(now))) {
      shards.push_back(static_cast<int>(ReadInt(row[0])));
    }
    return absl::OkStatus();
  }));
  return shards;
}

}  // namespace birthmark::storage
