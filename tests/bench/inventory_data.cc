#include "tests/bench/inventory_data.h"

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "lib/base/clock.h"
#include "lib/storage/database.h"
#include "lib/storage/migrator.h"
#include "nlohmann/json.hpp"
#include "tests/bench/inventory_history.h"
#include "tests/bench/inventory_tables.h"
#include "tests/support/postgres_cluster.h"
#include "tests/support/process.h"

namespace birthmark::bench {
namespace {

// Counts up when what is loaded changes.
constexpr int kLoader = 1;
constexpr absl::Duration kPatience = absl::Hours(3);

// Those that take longest first.
using Writer = void (*)(const std::string& host, const InventoryPast& past);
constexpr Writer kWriters[] = {
    WriteCertificates, WriteKeys, WriteEvents, WriteFirmware,   WriteDevices,
    WriteLabels,       WriteActs, WriteCounts, WriteRevocations};

// Without a write-ahead log for what is new, and without waiting for the disk:
// it is asked for once, in the end.
constexpr const char* kLoadSettings[] = {"wal_level = minimal",
                                         "max_wal_senders = 0",
                                         "fsync = off",
                                         "full_page_writes = off",
                                         "autovacuum = off",
                                         "max_parallel_maintenance_workers = 1",
                                         "maintenance_work_mem = '512MB'",
                                         "statement_timeout = 0"};

constexpr char kFleets[] = R"(
    INSERT INTO fleets
      (fleet_id, display_name, idevid_profile, ldevid_profile, create_time,
       update_time)
    VALUES ('home', 'Most devices', 'idevid', 'ldevid', $now, $now),
           ('city', 'Some', 'idevid', 'ldevid', $now, $now),
           ('lab', 'Some', 'idevid', 'ldevid', $now, $now))";

constexpr char kRest[] = R"(
    SET session_replication_role = replica;
    INSERT INTO revocation_changes
      (revision, serial, issuer_id, crl_shard, not_after, state, reason,
       revoke_time, update_time)
    SELECT nextval('revocation_revisions'), serial, issuer_id, crl_shard,
           not_after, state, reason, revoke_time, update_time
    FROM (SELECT * FROM revocations ORDER BY update_time, serial) r;
    INSERT INTO crl_shards
      (issuer_id, crl_shard, assigned, live_until, create_time)
    SELECT i, s, 2147483647, timestamptz '9999-12-31 23:59:59Z', $now
    FROM unnest('{idevid,ldevid}'::text[]) i, generate_series(1, $shards) s)";

constexpr char kLeaves[] = R"(
    SELECT c.oid::regclass FROM pg_class c
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
      AND EXISTS (SELECT FROM pg_index
                  WHERE indrelid = c.oid AND NOT indisready)
    ORDER BY pg_relation_size(c.oid) DESC)";

[[noreturn]] void Die(const std::string& what) {
  std::cerr << what << std::endl;
  exit(1);
}

void Say(const std::string& text) { std::cerr << text << std::flush; }

std::string MarkerPath(const std::string& folder) {
  return folder + "/inventory.json";
}

// InTwos does all parts, in order, two at a time.
void InTwos(const std::vector<std::function<void()>>& parts) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t mine = next++; mine < parts.size(); mine = next++) {
      parts[mine]();
    }
  };
  std::thread other(work);
  work();
  other.join();
}

class Loader {
 public:
  Loader(tests::PostgresCluster& postgres, const InventoryPast& past)
      : postgres_(postgres), past_(past) {}

  void Load() {
    for (const char* setting : kLoadSettings) {
      Sql(absl::StrCat("ALTER SYSTEM SET ", setting));
    }
    postgres_.Restart();
    MakeLines();
    std::vector<std::function<void()>> parts;
    for (const Writer write : kWriters) {
      parts.push_back([this, write] { write(postgres_.host(), past_); });
    }
    InTwos(parts);
    Step("rows");
    MakeIndexes();
    Step("indexes");
    Sql(Fill(kRest));
    // Rows of a table with partitions could not be written for good.
    InTwos({[this] { Sql("VACUUM keys"); }, [this] { Sql("ANALYZE"); }});
    Sql("VACUUM revocation_changes");
    Step("statistics");
    Sql("ALTER SYSTEM RESET ALL");
    Sql("CHECKPOINT");
    tests::RunProgram({"sync"}, {}, kPatience);
    postgres_.Restart();
    tests::RunProgram({"sync"}, {}, kPatience);
    Step("disk");
  }

  std::string Sql(const std::string& statement) {
    return postgres_.Sql("birthmark", statement, kPatience);
  }

 private:
  void Step(const char* what) {
    const absl::Duration now = Clock::Real().MonotonicNow();
    Say(absl::StrFormat("%s: %.0f s\n", what,
                        absl::ToDoubleSeconds(now - step_)));
    step_ = now;
  }

  std::string Fill(const char* statement) const {
    return absl::StrReplaceAll(
        statement,
        {{"$now", absl::StrCat("to_timestamp(", past_.CreateTime(0), ")")},
         {"$shards",
          absl::StrCat((past_.devices() - 1) / InventoryPast::kShardSize +
                       1)}});
  }

  void MakeLines() {
    Sql(Fill(kFleets));
    const int64_t batches =
        (past_.devices() / static_cast<int64_t>(InventoryPast::Lines().size()) +
         InventoryPast::kBatchSize) /
        InventoryPast::kBatchSize;
    for (const PastLine& line : InventoryPast::Lines()) {
      Sql(Fill(
          absl::StrCat("INSERT INTO lines (fleet_id, line_id, state, models, "
                       "quota, issued, create_time) VALUES ('",
                       line.fleet, "', '", line.line, "', 1, '{",
                       absl::StrJoin(line.models, ","), "}', 0, 0, $now)")
              .c_str()));
      Sql(Fill(absl::StrCat(
                   "INSERT INTO batches (fleet_id, line_id, batch_id, "
                   "profile, state, create_time) SELECT '",
                   line.fleet, "', '", line.line,
                   "', 'b-' || lpad(b::text, 5, '0'), 'idevid', 2, $now FROM "
                   "generate_series(0, ",
                   batches - 1, ") b")
                   .c_str()));
    }
  }

  void MakeIndexes() {
    std::vector<std::function<void()>> parts;
    const std::string tables = Sql(kLeaves);
    for (const auto table : absl::StrSplit(tables, '\n', absl::SkipEmpty())) {
      parts.push_back([this, table = std::string(table)] {
        Sql(absl::StrCat("REINDEX TABLE ", table));
      });
    }
    InTwos(parts);
    if (Sql("SELECT count(*) FROM pg_index WHERE NOT (indisready AND "
            "indisvalid)") != "0\n") {
      Die("there are indexes that are not good");
    }
  }

  tests::PostgresCluster& postgres_;
  const InventoryPast& past_;
  absl::Duration step_ = Clock::Real().MonotonicNow();
};

void Migrate(tests::PostgresCluster& postgres) {
  auto database = storage::Database::Open(
      postgres.Dsn("birthmark", tests::PostgresCluster::kOwner), 1);
  if (!database.ok()) {
    Die(database.status().ToString());
  }
  const auto applied = storage::Migrate(**database, Clock::Real());
  if (!applied.ok()) {
    Die(absl::StrCat(applied.status().ToString(),
                     "\nremove the folder to have it loaded again"));
  }
}

}  // namespace

InventoryPast ReadInventoryPast(const std::string& folder) {
  const auto marker =
      nlohmann::json::parse(tests::ReadAll(MarkerPath(folder)), nullptr,
                            /*allow_exceptions=*/false);
  if (!marker.is_object() || marker.value("loader", 0) != kLoader) {
    Die(absl::StrCat(folder, " has no inventory, or another program's"));
  }
  return InventoryPast(marker.value("devices", int64_t{0}),
                       marker.value("now", int64_t{0}));
}

InventoryLoad LoadInventory(const std::string& folder, int64_t devices) {
  const absl::Duration start = Clock::Real().MonotonicNow();
  tests::PostgresCluster postgres({.durable = true, .folder = folder});
  Migrate(postgres);
  InventoryLoad load;
  if (tests::ReadAll(MarkerPath(folder)).empty()) {
    const InventoryPast past(devices, absl::ToUnixSeconds(Clock::Real().Now()));
    Loader(postgres, past).Load();
    std::ofstream(MarkerPath(folder)) << nlohmann::json{
        {"devices", past.devices()}, {"now", past.now()}, {"loader", kLoader}};
    load.loaded = true;
  } else if (ReadInventoryPast(folder).devices() != devices) {
    Die(absl::StrCat(folder, " has another number of devices"));
  }
  load.time = Clock::Real().MonotonicNow() - start;
  (void)absl::SimpleAtoi(
      postgres.Sql("birthmark", "SELECT pg_database_size('birthmark')"),
      &load.database_bytes);
  return load;
}

}  // namespace birthmark::bench
