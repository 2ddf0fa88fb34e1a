// Searches, counts and the feed with 100,000 devices: how each statement is
// executed there, and what it reads.

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/testing.h"
#include "lib/storage/database.h"
#include "lib/storage/pg_device_feed.h"
#include "lib/storage/pg_device_search_store.h"
#include "lib/storage/plan_log.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using tests::PostgresCluster;

// What one statement may read: the budget of a walk and the sets of a probe.
constexpr int64_t kMaxRows = 6000;
constexpr int64_t kMaxBuffers = 40000;

// A fleet of 90,000, ten of 1,000 each. Quarantined are 1 in 100, models and
// versions have a long tail, labels are of two in three.
constexpr char kLoad[] = R"(
    SET synchronous_commit = off;
    INSERT INTO fleets (fleet_id, display_name, idevid_profile, ldevid_profile,
                        create_time, update_time)
    SELECT f, f, 'p', 'p', current_timestamp, current_timestamp
    FROM (SELECT 'big' UNION ALL SELECT 'f' || i FROM generate_series(0, 9) i)
         AS g (f);
    INSERT INTO lines (fleet_id, line_id, state, models, quota, create_time)
    SELECT fleet_id, 'l' || i, 1, '{m}', 0, current_timestamp
    FROM fleets, generate_series(0, 3) i;
    INSERT INTO batches (fleet_id, line_id, batch_id, profile, state,
                         create_time)
    SELECT fleet_id, line_id, 'b' || i, 'p', 1, current_timestamp
    FROM lines, generate_series(0, 99) i;
    INSERT INTO devices (device_uid, fleet_id, state, model, serial_number,
                         hardware_revision, line_id, batch_id, create_time,
                         update_time, last_contact_time, contact_day)
    SELECT format('0193%s-%s-7000-8000-%s', lpad(to_hex(i / 65536), 4, '0'),
                  lpad(to_hex(i % 65536), 4, '0'),
                  substr(md5(i::text), 1, 12))::uuid,
           CASE WHEN i % 10 = 0 THEN 'f' || (i / 10) % 10 ELSE 'big' END,
           CASE WHEN i % 100 = 1 THEN 3 WHEN i % 50 = 2 THEN 1 ELSE 2 END,
           'm' || floor(ln(1 + i % 1000)), 'SN-' || lpad(i::text, 8, '0'),
           'r' || i % 3, 'l' || i % 4, 'b' || (i / 1000),
           t, t, c, (c AT TIME ZONE 'UTC')::date
    FROM (SELECT i, timestamptz '2026-10-01' + i * interval '30 s' AS t,
                 CASE WHEN i % 20 <> 3
                      THEN timestamptz '2026-11-01' + i % 21 * interval '1 day'
                 END AS c
          FROM generate_series(1, 100000) i) AS s;
    INSERT INTO device_labels (device_uid, label_key, label_type, value,
                               personal, fleet_id, create_time)
    SELECT device_uid, k, 1, CASE k WHEN 'site' THEN
             'site-' || substr(device_uid::text, 36, 1) ELSE
             substr(device_uid::text, 33, 4) END, false, fleet_id, create_time
    FROM devices, unnest('{site,room}'::text[]) k
    WHERE substr(device_uid::text, 34, 1) < 'b';
    INSERT INTO device_firmware (device_uid, component, firmware_version,
                                 digest, security_version, report_time,
                                 fleet_id, device_time,
                                 highest_security_version)
    SELECT device_uid, c, '1.' || floor(ln(1 + ascii(substr(
             device_uid::text, 35, 1)) - 48)), '\x00', 1, current_timestamp, fleet_id,
           create_time, 1
    FROM devices, unnest('{app,boot}'::text[]) c;
    INSERT INTO keys (spki_sha256, device_uid, owner, usage, state, algorithm,
                      bits, serial, profile, create_time)
    SELECT sha256(device_uid::text::bytea), device_uid, 'x', 1, 1, 1, 256,
           substring(sha256(device_uid::text::bytea) FROM 1 FOR 16), 'p',
           create_time FROM devices;
    INSERT INTO device_events (device_uid, fleet_id, event_id, kind, from_state,
                               to_state, actor, reason, create_time)
    SELECT device_uid, fleet_id, device_uid, 'registered', 1, 2, 'x', '',
           create_time FROM devices;
    SELECT fold_device_counts();
    VACUUM ANALYZE;
)";

class SearchPlansTest : public testing::Test {
 protected:
  SearchPlansTest() : database_(Loaded()) {}

  static Database& Loaded() {
    static Database& database = *[] {
      PostgresCluster& cluster = PostgresCluster::Shared();
      const std::string name = cluster.CreateDatabase();
      for (const absl::string_view statement : absl::StrSplit(
               absl::string_view(kLoad), ';', absl::SkipWhitespace())) {
        cluster.Sql(name, std::string(statement));
      }
      Log();
      auto opened =
          Database::Open(cluster.Dsn(name, PostgresCluster::kInventory), 1);
      EXPECT_OK(opened);
      return opened->release();
    }();
    return database;
  }
  static PlanLog& Log() {
    static PlanLog& log = *new PlanLog(
        PostgresCluster::Shared().host(), [](const std::string& sql) {
          PostgresCluster::Shared().Sql("postgres", sql);
        });
    return log;
  }

  // What was executed since the last call is as it should be.
  static void ExpectGoodPlans(const std::string& what) {
    std::vector<LoggedPlan> plans = Log().Plans();
    EXPECT_FALSE(plans.empty()) << what;
    for (const LoggedPlan& plan : plans) {
      EXPECT_TRUE(plan.seq_scans.empty()) << what << "\n" << plan.text;
      EXPECT_LE(plan.rows_read, kMaxRows) << what << "\n" << plan.text;
      EXPECT_LE(plan.buffers, kMaxBuffers) << what << "\n" << plan.text;
      slowest_ = std::max(slowest_, plan.milliseconds);
    }
  }

  static inline double slowest_ = 0;
  Database& database_;
  PgDeviceSearchStore store_{database_};
  PgDeviceFeed feed_{database_};
};

struct Case {
  const char* name;
  DeviceFilter filter;
};

absl::Time Day(int day) {
  return absl::FromUnixSeconds(1793491200) + day * absl::Hours(24);
}

// Each field alone, and combinations that exclude each other or nearly.
std::vector<Case> Cases() {
  return {
      {"all", {}},
      {"state", {.state = DeviceState::kQuarantined}},
      {"common state", {.state = DeviceState::kActive}},
      {"no state", {.state = DeviceState::kDecommissioned}},
      {"model", {.model = "m6"}},
      {"rare model", {.model = "m1"}},
      {"no model", {.model = "x"}},
      {"revision", {.hardware_revision = "r1"}},
      {"model and revision", {.model = "m5", .hardware_revision = "r1"}},
      {"line", {.line_id = "l1"}},
      {"batch", {.line_id = "l1", .batch_id = "b7"}},
      {"batch of any line", {.batch_id = "b7"}},
      {"serial number", {.serial_number = "SN-00000007"}},
      {"narrow prefix", {.serial_number_prefix = "SN-000123"}},
      {"wide prefix", {.serial_number_prefix = "SN-00"}},
      {"firmware", {.firmware = {{"app", "1.2"}}}},
      {"no firmware", {.firmware = {{"app", "9"}}}},
      {"label", {.labels = {{"site", "site-a"}}}},
      {"rare label", {.labels = {{"room", "1a2b"}}}},
      {"any label", {.labels = {{"site", std::nullopt}}}},
      {"key", {.spki_sha256 = std::string(32, 'k')}},
      {"certificate", {.certificate_serial = std::string(16, 's')}},
      {"created", {.created = {Day(3), Day(4)}}},
      {"silent", {.last_contact = {std::nullopt, Day(5)}}},
      {"recent", {.last_contact = {Day(19), std::nullopt}}},
      {"state and model", {.state = DeviceState::kQuarantined, .model = "m6"}},
      {"line and serial numbers",
       {.line_id = "l1", .serial_number_prefix = "SN-0000"}},
      {"two labels", {.labels = {{"site", "site-a"}, {"site", "site-b"}}}},
      {"much of everything",
       {.state = DeviceState::kActive,
        .model = "m6",
        .line_id = "l2",
        .firmware = {{"app", "1.2"}, {"boot", "1.3"}},
        .labels = {{"site", "site-a"}, {"room", std::nullopt}},
        .created = {Day(0), Day(30)},
        .last_contact = {Day(2), Day(20)}}},
  };
}

TEST_F(SearchPlansTest, EveryFilterAndOrderReadsABoundedNumberOfRows) {
  for (const char* fleet : {"big", "f1", ""}) {
    for (const DeviceOrder order :
         {DeviceOrder::kOldestFirst, DeviceOrder::kNewestFirst,
          DeviceOrder::kSerialNumber, DeviceOrder::kLastContact}) {
      for (Case one : Cases()) {
        one.filter.fleet_id = fleet;
        const std::string what = absl::StrCat(
            one.name, ", fleet ", fleet, ", order ", static_cast<int>(order));
        std::string cursor;
        // Some pages, the second of which goes on.
        for (int page = 0; page < 3; ++page) {
          const auto found = store_.Search(one.filter, order, cursor, 50);
          ASSERT_OK(found) << what;
          cursor = found->next_cursor;
          if (cursor.empty()) {
            break;
          }
        }
        ExpectGoodPlans(what);
      }
    }
  }
  std::cout << "slowest statement: " << slowest_ << " ms" << std::endl;
}

TEST_F(SearchPlansTest, DetailsCountsAndFeedLookUp) {
  ASSERT_OK_AND_ASSIGN(
      const DevicePage page,
      store_.Search({.fleet_id = "big"}, DeviceOrder::kOldestFirst, "", 1000));
  std::vector<std::string> uids;
  for (const DeviceRow& row : page.devices) {
    uids.push_back(row.device_uid);
  }
  EXPECT_OK(store_.Details(uids));
  ExpectGoodPlans("details");
  for (const char* fleet : {"big", ""}) {
    EXPECT_OK(store_.Count({.fleet_id = fleet}));
    EXPECT_OK(store_.Count({.fleet_id = fleet,
                            .model = "m6",
                            .component = "app",
                            .by_fleet = true,
                            .by_hardware_revision = true,
                            .by_state = true,
                            .by_firmware_version = true}));
  }
  EXPECT_OK(store_.FoldCounts());
  ExpectGoodPlans("counts");
  ASSERT_OK_AND_ASSIGN(const FeedPosition head, feed_.Head());
  EXPECT_OK(feed_.Check(head));
  ASSERT_OK_AND_ASSIGN(const auto events, feed_.Read({}, 500));
  ASSERT_EQ(events.size(), 500);
  EXPECT_OK(feed_.Read(events.back().position, 500));
  EXPECT_OK(feed_.Read(head, 500));
  ExpectGoodPlans("feed");
}

// The medians that docs/lifecycle.md promises, with room for a busy machine.
TEST_F(SearchPlansTest, PagesComeSoon) {
  Clock& clock = Clock::Real();
  for (Case one : Cases()) {
    one.filter.fleet_id = "big";
    std::vector<absl::Duration> took;
    std::string cursor;
    for (int i = 0; i < 15; ++i) {
      const absl::Duration begin = clock.MonotonicNow();
      const auto page =
          store_.Search(one.filter, DeviceOrder::kOldestFirst, cursor, 50);
      took.push_back(clock.MonotonicNow() - begin);
      ASSERT_OK(page);
      cursor = page->next_cursor;
    }
    std::sort(took.begin(), took.end());
    std::cout << one.name << ": median " << took[took.size() / 2] << ", worst "
              << took.back() << std::endl;
    EXPECT_LT(took[took.size() / 2], absl::Milliseconds(100)) << one.name;
  }
  Log().Plans();
}

}  // namespace
}  // namespace birthmark::storage
