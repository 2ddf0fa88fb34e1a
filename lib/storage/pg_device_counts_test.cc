// Counts on PostgreSQL stay exact while devices are made, move, report and are
// folded, all at once.

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "lib/base/ids.h"
#include "lib/base/testing.h"
#include "lib/crypto/hash.h"
#include "lib/storage/database.h"
#include "lib/storage/pg_device_search_store.h"
#include "lib/storage/session.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using tests::PostgresCluster;

class DeviceCountsTest : public testing::Test {
 protected:
  DeviceCountsTest() { PostgresCluster::Shared().Empty(Name()); }

  static const std::string& Name() {
    static const auto& name =
        *new std::string(PostgresCluster::Shared().CreateDatabase());
    return name;
  }
  static std::unique_ptr<Database> Open(absl::string_view role,
                                        int connections) {
    auto database = Database::Open(PostgresCluster::Shared().Dsn(Name(), role),
                                   connections);
    EXPECT_OK(database);
    return *std::move(database);
  }

  void Script(const std::string& sql) {
    EXPECT_OK(owner_->Transact([&](Session& session) {
      session.ExecScript(sql);
      return absl::OkStatus();
    }));
  }
  void GivenFleets() {
    Script(
        "INSERT INTO fleets (fleet_id, display_name, idevid_profile, "
        "ldevid_profile, create_time, update_time) SELECT f, f, 'p', 'p', "
        "current_timestamp, current_timestamp FROM unnest('{a,b}'::text[]) f");
  }
  static std::string Uid(int i) {
    return FormatUid(absl::FromUnixSeconds(1795000000 + i),
                     crypto::Sha256(absl::StrCat(i)).substr(0, 10));
  }
  static std::string Insert(int first, int count) {
    std::vector<std::string> rows;
    for (int i = first; i < first + count; ++i) {
      rows.push_back(
          absl::StrCat("('", Uid(i), "', '", i % 2 == 0 ? "a" : "b", "', 1, 'm",
                       i % 3, "', 'S", i, "', 'r", i % 2,
                       "', 'l', 'b', current_timestamp, current_timestamp)"));
    }
    return absl::StrCat(
        "INSERT INTO devices (device_uid, fleet_id, state, model, "
        "serial_number, hardware_revision, line_id, batch_id, create_time, "
        "update_time) VALUES ",
        absl::StrJoin(rows, ", "));
  }
  static std::string Report(int i, absl::string_view component, int version) {
    return absl::StrCat(
        "INSERT INTO device_firmware AS f (device_uid, component, "
        "firmware_version, digest, security_version, report_time, fleet_id, "
        "device_time, highest_security_version) SELECT device_uid, '",
        component, "', '", version,
        "', '\\x00', 1, current_timestamp, fleet_id, create_time, 1 FROM "
        "devices "
        "WHERE device_uid = '",
        Uid(i),
        "' FOR UPDATE ON CONFLICT (device_uid, component) DO UPDATE SET "
        "firmware_version = excluded.firmware_version");
  }

  // What `query` yields, a line each.
  std::vector<std::string> Count(const CountQuery& query) {
    std::vector<std::string> lines;
    const auto counts = store_.Count(query);
    EXPECT_OK(counts);
    for (const CountRow& row : *counts) {
      lines.push_back(absl::StrJoin(
          {row.key.fleet_id, row.key.model, row.key.hardware_revision,
           absl::StrCat(row.key.state.has_value()
                            ? static_cast<int>(*row.key.state)
                            : 0),
           row.key.firmware_version, absl::StrCat(row.devices)},
          "|"));
    }
    return lines;
  }

  // The same, counted from the devices themselves.
  void ExpectExact() {
    const CountQuery query = {.component = "app",
                              .by_fleet = true,
                              .by_model = true,
                              .by_hardware_revision = true,
                              .by_state = true,
                              .by_firmware_version = true};
    const std::string truth = PostgresCluster::Shared().Sql(
        Name(),
        "SELECT d.fleet_id, d.model, d.hardware_revision, d.state, "
        "coalesce(f.firmware_version, '') COLLATE \"C\" AS v, count(*) "
        "FROM devices d LEFT JOIN device_firmware f "
        "ON f.device_uid = d.device_uid AND f.component = 'app' "
        "GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5");
    EXPECT_EQ(absl::StrJoin(Count(query), "\n"),
              absl::StripSuffix(truth, "\n"));
  }

  const std::unique_ptr<Database> owner_ = Open(PostgresCluster::kOwner, 8);
  const std::unique_ptr<Database> inventory_ =
      Open(PostgresCluster::kInventory, 4);
  PgDeviceSearchStore store_{*inventory_};
};

TEST_F(DeviceCountsTest, CountsByWhatIsAskedFor) {
  GivenFleets();
  EXPECT_THAT(Count({}), IsEmpty());
  Script(Insert(0, 12));
  Script(Report(0, "app", 1));
  Script(Report(2, "app", 2));
  Script(Report(3, "boot", 1));
  for (const bool folded : {false, true}) {
    if (folded) {
      EXPECT_OK(store_.FoldCounts());
    }
    EXPECT_THAT(Count({}), ElementsAre("|||0||12"));
    EXPECT_THAT(Count({.fleet_id = "none"}), IsEmpty());
    EXPECT_THAT(Count({.by_fleet = true}), ElementsAre("a|||0||6", "b|||0||6"));
    EXPECT_THAT(Count({.fleet_id = "a", .by_model = true}),
                ElementsAre("|m0||0||2", "|m1||0||2", "|m2||0||2"));
    EXPECT_THAT(Count({.model = "m0", .by_hardware_revision = true}),
                ElementsAre("||r0|0||2", "||r1|0||2"));
    EXPECT_THAT(Count({.by_state = true}), ElementsAre("|||1||12"));
    EXPECT_THAT(Count({.state = DeviceState::kActive}), IsEmpty());
    EXPECT_THAT(Count({.component = "app", .by_firmware_version = true}),
                ElementsAre("|||0||10", "|||0|1|1", "|||0|2|1"));
    EXPECT_THAT(Count({.component = "app"}), ElementsAre("|||0||2"));
    EXPECT_THAT(Count({.component = "app", .firmware_version = "1"}),
                ElementsAre("|||0||1"));
    EXPECT_THAT(Count({.component = "app", .firmware_version = "9"}),
                IsEmpty());
    ExpectExact();
  }
  EXPECT_THAT(store_.FoldCounts(), IsOkAndHolds(0));
}

TEST_F(DeviceCountsTest, StayExactWhateverHappensAtOnce) {
  GivenFleets();
  constexpr int kMakers = 2;
  constexpr int kChangers = 3;
  constexpr int kRounds = 40;
  std::atomic<int> made{0};
  for (int pass = 0; pass < 3; ++pass) {
    std::atomic<int> working{kMakers + kChangers};
    std::vector<std::thread> threads;
    for (int t = 0; t < kMakers; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 random(100 * pass + t);
        for (int i = 0; i < kRounds; ++i) {
          const int count = 1 + static_cast<int>(random() % 8);
          const int first = made.fetch_add(count);
          Script(Insert(first, count));
        }
        --working;
      });
    }
    for (int t = 0; t < kChangers; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 random(100 * pass + 50 + t);
        for (int i = 0; i < kRounds; ++i) {
          const int n = static_cast<int>(random() % (made + 1));
          const std::string where =
              absl::StrCat(" WHERE device_uid = '", Uid(n), "'");
          // Registration, quarantine, release and transfer move them; some of
          // it is undone.
          std::string sql;
          switch (random() % 4) {
            case 0:
              sql = absl::StrCat(
                  "UPDATE devices SET state = ", 1 + random() % 4, where);
              break;
            case 1:
              sql = absl::StrCat("SELECT FROM devices", where, " FOR UPDATE; ",
                                 "UPDATE device_firmware SET fleet_id = 'a'",
                                 where, "; UPDATE devices SET fleet_id = 'a'",
                                 where);
              break;
            default:
              sql = Report(n, random() % 2 == 0 ? "app" : "boot",
                           static_cast<int>(random() % 3));
          }
          const bool undo = random() % 8 == 0;
          const absl::Status status = owner_->Transact([&](Session& session) {
            session.ExecScript(sql);
            return undo ? absl::NotFoundError("undone") : absl::OkStatus();
          });
          EXPECT_EQ(status.ok(), !undo) << status;
        }
        --working;
      });
    }
    threads.emplace_back([&] {
      while (working > 0) {
        EXPECT_OK(store_.FoldCounts());
        // What is counted in one moment is never more than there is.
        const auto all = store_.Count({});
        EXPECT_OK(all);
        if (!all->empty()) {
          EXPECT_GE((*all)[0].devices, 0);
          EXPECT_LE((*all)[0].devices, made.load());
        }
      }
    });
    for (std::thread& thread : threads) {
      thread.join();
    }
    ExpectExact();
    EXPECT_OK(store_.FoldCounts());
    ExpectExact();
    EXPECT_THAT(Count({}), ElementsAre(absl::StrCat("|||0||", made.load())));
  }
}

}  // namespace
}  // namespace birthmark::storage
