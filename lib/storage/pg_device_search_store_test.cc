// Searches on PostgreSQL against a model that looks at every device.

#include "lib/storage/pg_device_search_store.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/hash.h"
#include "lib/storage/database.h"
#include "lib/storage/device_search_cursor.h"
#include "lib/storage/session.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using tests::PostgresCluster;

constexpr int kDevices = 1500;
// So small that walks end early and sets are too large, now and then.
constexpr PgDeviceSearchStore::Limits kLimits = {.budget = 200, .few = 60};

constexpr DeviceOrder kOrders[] = {
    DeviceOrder::kOldestFirst, DeviceOrder::kNewestFirst,
    DeviceOrder::kSerialNumber, DeviceOrder::kLastContact};

const absl::Time kStart = absl::FromUnixSeconds(1795000000);

struct Device {
  DeviceRow row;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> firmware;
  std::string key;     // hash of its SPKI
  std::string serial;  // of its certificate
};

std::string Quote(absl::string_view text) {
  return absl::StrCat("'", text, "'");
}
std::string Quote(const std::optional<absl::Time>& time) {
  return time.has_value() ? Quote(absl::FormatTime("%E4Y-%m-%d %H:%M:%E6S+00",
                                                   *time, absl::UTCTimeZone()))
                          : "NULL";
}
std::string Octets(absl::string_view bytes) {
  return absl::StrCat("'\\x", HexEncode(bytes), "'");
}
std::string DayOf(const std::optional<absl::Time>& time) {
  return time.has_value()
             ? absl::FormatTime("%E4Y-%m-%d", *time, absl::UTCTimeZone())
             : "";
}

// World is a database with random devices and the model of it.
class World {
 public:
  World()
      : name_(PostgresCluster::Shared().CreateDatabase()),
        owner_(Open(PostgresCluster::kOwner)),
        inventory_(Open(PostgresCluster::kInventory)) {
    Script(
        "INSERT INTO fleets (fleet_id, display_name, idevid_profile, "
        "ldevid_profile, create_time, update_time) SELECT f, f, 'p', 'p', "
        "current_timestamp, current_timestamp FROM unnest('{a,b,c}'::text[]) "
        "f; "
        "INSERT INTO lines (fleet_id, line_id, state, models, quota, "
        "create_time) SELECT f, l, 1, '{m}', 0, current_timestamp "
        "FROM unnest('{a,b,c}'::text[]) f, unnest('{l1,l2}'::text[]) l; "
        "INSERT INTO batches (fleet_id, line_id, batch_id, profile, state, "
        "create_time) SELECT f, l, b, 'p', 1, current_timestamp "
        "FROM unnest('{a,b,c}'::text[]) f, unnest('{l1,l2}'::text[]) l, "
        "unnest('{b1,b2,b3}'::text[]) b");
    for (int i = 0; i < kDevices; ++i) {
      devices_.push_back(Random(i));
    }
    Load(devices_);
  }

  void Script(const std::string& sql) {
    EXPECT_OK(owner_->Transact([&](Session& session) {
      session.ExecScript(sql);
      return absl::OkStatus();
    }));
  }

  // Random is the i-th device.
  Device Random(int i) {
    const auto pick = [this](std::vector<std::string> of) {
      return of[random_() % of.size()];
    };
    Device device;
    DeviceRow& row = device.row;
    // Many in the same second.
    row.create_time = kStart + absl::Seconds(random_() % 200);
    row.device_uid = FormatUid(row.create_time,
                               crypto::Sha256(absl::StrCat(i)).substr(0, 10));
    row.fleet_id = pick({"a", "a", "a", "b", "c"});
    row.state = static_cast<DeviceState>(
        std::vector<int>{1, 2, 2, 2, 2, 2, 3, 4, 5}[random_() % 9]);
    row.model = pick({"m1", "m1", "m2", "m3"});
    row.hardware_revision = pick({"", "r1", "r2"});
    row.line_id = pick({"l1", "l2"});
    row.batch_id = pick({"b1", "b1", "b2", "b3"});
    row.serial_number = row.state == DeviceState::kDecommissioned
                            ? absl::StrFormat("S-%04d", random_() % 100)
                            : absl::StrFormat("%s%04d", pick({"S-", "T"}), i);
    if (random_() % 10 == 0) {
      row.birth_fleet_id = row.fleet_id == "a" ? "b" : "a";
    }
    if (random_() % 3 != 0) {
      row.last_contact_time = kStart + absl::Hours(random_() % 240);
    }
    if (row.state == DeviceState::kDecommissioned) {
      row.decommission_time = row.create_time;
    }
    row.update_time = row.create_time;
    for (const auto& [key, values] :
         std::map<std::string, std::vector<std::string>>{
             {"site", {"berlin", "paris"}}, {"size", {"1", "2", "3"}}}) {
      if (random_() % 3 != 0) {
        device.labels[key] = pick(values);
      }
    }
    if (i % 100 == 0) {
      device.labels["rare"] = "yes";
    }
    if (random_() % 4 != 0) {
      device.firmware["app"] = pick({"1.0", "1.0", "1.1", "2.0"});
    }
    if (random_() % 2 == 0) {
      device.firmware["boot"] = "7";
    }
    device.key = crypto::Sha256(absl::StrCat("key ", i));
    // Its first six octets are milliseconds since 1970.
    AppendUint64(static_cast<uint64_t>(absl::ToUnixMillis(kStart)) << 16,
                 device.serial);
    AppendUint64(i, device.serial);
    return device;
  }

  void Load(const std::vector<Device>& devices) {
    std::string sql;
    for (const Device& device : devices) {
      const DeviceRow& row = device.row;
      const std::string uid = Quote(row.device_uid);
      const std::string created = Quote(row.create_time);
      absl::StrAppend(
          &sql,
          "INSERT INTO devices (device_uid, fleet_id, state, model, "
          "serial_number, hardware_revision, line_id, batch_id, create_time, "
          "update_time, last_contact_time, contact_day, decommission_time, "
          "birth_fleet_id) VALUES (",
          absl::StrJoin(
              {uid, Quote(row.fleet_id),
               absl::StrCat(static_cast<int>(row.state)), Quote(row.model),
               Quote(row.serial_number), Quote(row.hardware_revision),
               Quote(row.line_id), Quote(row.batch_id), created,
               Quote(row.update_time), Quote(row.last_contact_time),
               row.last_contact_time.has_value()
                   ? Quote(DayOf(row.last_contact_time))
                   : "NULL",
               Quote(row.decommission_time),
               row.birth_fleet_id.empty() ? "NULL" : Quote(row.birth_fleet_id)},
              ", "),
          ");");
      for (const auto& [key, value] : device.labels) {
        absl::StrAppend(
            &sql,
            "INSERT INTO device_labels (device_uid, label_key, label_type, "
            "value, personal, fleet_id, create_time) VALUES (",
            uid, ", '", key, "', 1, '", value, "', false, '", row.fleet_id,
            "', ", created, ");");
      }
      for (const auto& [component, version] : device.firmware) {
        absl::StrAppend(
            &sql,
            "INSERT INTO device_firmware (device_uid, component, "
            "firmware_version, digest, security_version, report_time, "
            "fleet_id, device_time, highest_security_version) VALUES (",
            uid, ", '", component, "', '", version, "', ",
            Octets(crypto::Sha256(version)), ", 1, current_timestamp, '",
            row.fleet_id, "', ", created, ", 2);");
      }
      absl::StrAppend(
          &sql,
          "INSERT INTO keys (spki_sha256, device_uid, owner, usage, state, "
          "algorithm, bits, serial, profile, create_time) VALUES (",
          Octets(device.key), ", ", uid, ", 'x', 1, 1, 1, 256, ",
          Octets(device.serial), ", 'p', ", created,
          "); INSERT INTO certificates (serial, issuer_id, profile, "
          "profile_version, spki_sha256, device_uid, fleet_id, crl_shard, "
          "not_before, not_after, certificate_der, create_time) VALUES (",
          Octets(device.serial), ", 'i', 'p', 1, ", Octets(device.key), ", ",
          uid,
          ", 'a', 1, current_timestamp, current_timestamp + interval '1 day', "
          "'x', ",
          created, ");");
    }
    Script(sql);
  }

  std::unique_ptr<Database> Open(absl::string_view role) {
    auto database =
        Database::Open(PostgresCluster::Shared().Dsn(name_, role), 4);
    EXPECT_OK(database);
    return *std::move(database);
  }

  Database& inventory() { return *inventory_; }
  std::vector<Device>& devices() { return devices_; }
  std::mt19937& random() { return random_; }

 private:
  std::mt19937 random_{20261122};
  const std::string name_;
  const std::unique_ptr<Database> owner_;
  const std::unique_ptr<Database> inventory_;
  std::vector<Device> devices_;
};

World& TheWorld() {
  static World& world = *new World;
  return world;
}

bool In(const TimeRange& range, const std::optional<absl::Time>& time) {
  if (!range.from.has_value() && !range.until.has_value()) {
    return true;
  }
  return time.has_value() &&
         (!range.from.has_value() || *time >= *range.from) &&
         (!range.until.has_value() || *time < *range.until);
}

bool Matches(const DeviceFilter& f, const Device& d) {
  const DeviceRow& row = d.row;
  const std::string birth =
      row.birth_fleet_id.empty() ? row.fleet_id : row.birth_fleet_id;
  const auto has = [](const std::map<std::string, std::string>& of,
                      const std::string& key,
                      const std::optional<std::string>& value) {
    const auto found = of.find(key);
    return found != of.end() && (!value.has_value() || found->second == *value);
  };
  return (f.fleet_id.empty() || f.fleet_id == row.fleet_id) &&
         (!f.state.has_value() || *f.state == row.state) &&
         f.model.value_or(row.model) == row.model &&
         f.hardware_revision.value_or(row.hardware_revision) ==
             row.hardware_revision &&
         f.line_id.value_or(row.line_id) == row.line_id &&
         f.batch_id.value_or(row.batch_id) == row.batch_id &&
         (f.birth_fleet_id.empty() || f.birth_fleet_id == birth) &&
         f.serial_number.value_or(row.serial_number) == row.serial_number &&
         absl::StartsWith(row.serial_number,
                          f.serial_number_prefix.value_or("")) &&
         std::all_of(f.firmware.begin(), f.firmware.end(),
                     [&](const auto& one) {
                       return has(d.firmware, one.component, one.version);
                     }) &&
         std::all_of(f.labels.begin(), f.labels.end(),
                     [&](const auto& one) {
                       return has(d.labels, one.key, one.value);
                     }) &&
         (f.spki_sha256.empty() || f.spki_sha256 == d.key) &&
         (f.certificate_serial.empty() || f.certificate_serial == d.serial) &&
         In(f.created, row.create_time) &&
         In(f.last_contact, row.last_contact_time);
}

std::vector<std::string> Expected(const DeviceFilter& filter,
                                  DeviceOrder order) {
  using Key = std::tuple<std::string, absl::Time, std::string>;
  std::vector<Key> keys;
  for (const Device& device : TheWorld().devices()) {
    if (Matches(filter, device)) {
      const DeviceRow& row = device.row;
      keys.emplace_back(
          order == DeviceOrder::kSerialNumber  ? row.serial_number
          : order == DeviceOrder::kLastContact ? DayOf(row.last_contact_time)
                                               : "",
          order == DeviceOrder::kSerialNumber ? kStart : row.create_time,
          row.device_uid);
    }
  }
  std::sort(keys.begin(), keys.end());
  if (order == DeviceOrder::kNewestFirst) {
    std::reverse(keys.begin(), keys.end());
  }
  std::vector<std::string> uids;
  for (const Key& key : keys) {
    uids.push_back(std::get<2>(key));
  }
  return uids;
}

struct Found {
  std::vector<std::string> uids;
  int pages = 0;
};

Found SearchAll(DeviceSearchStore& store, const DeviceFilter& filter,
                DeviceOrder order, int limit) {
  Found found;
  std::string cursor;
  do {
    auto page = store.Search(filter, order, cursor, limit);
    if (!page.ok()) {
      ADD_FAILURE() << page.status();
      return found;
    }
    EXPECT_LE(static_cast<int>(page->devices.size()), limit);
    for (const DeviceRow& row : page->devices) {
      found.uids.push_back(row.device_uid);
    }
    EXPECT_NE(page->next_cursor, cursor.empty() ? "x" : cursor);
    cursor = page->next_cursor;
    ++found.pages;
  } while (!cursor.empty() && found.pages < 10000);
  return found;
}

class DeviceSearchTest : public testing::Test {
 protected:
  World& world_ = TheWorld();
  PgDeviceSearchStore store_{world_.inventory(), kLimits};
};

using Change = std::function<void(DeviceFilter&, std::mt19937&)>;

const std::vector<Change>& Conditions() {
  static const auto& conditions = *new std::vector<Change>{
      [](DeviceFilter& f, std::mt19937& r) {
        f.state = static_cast<DeviceState>(1 + r() % 5);
      },
      [](DeviceFilter& f, std::mt19937& r) {
        f.model = absl::StrCat("m", 1 + r() % 4);
      },
      [](DeviceFilter& f, std::mt19937& r) {
        f.hardware_revision = std::vector<std::string>{"", "r1", "rx"}[r() % 3];
      },
      [](DeviceFilter& f, std::mt19937& r) {
        f.line_id = absl::StrCat("l", 1 + r() % 3);
      },
      [](DeviceFilter& f, std::mt19937& r) {
        f.batch_id = absl::StrCat("b", 1 + r() % 4);
      },
      [](DeviceFilter& f, std::mt19937& r) {
        f.birth_fleet_id = r() % 2 == 0 ? "a" : "b";
      },
      [](DeviceFilter& f, std::mt19937& r) {
        f.serial_number = absl::StrFormat("S-%04d", r() % 100);
      },
      [](DeviceFilter& f, std::mt19937& r) {
        f.serial_number_prefix =
            std::vector<std::string>{"S", "S-00", "T", "T1", "U"}[r() % 5];
      },
      [](DeviceFilter& f, std::mt19937& r) {
        f.firmware.push_back(
            {"app", std::vector<std::string>{"1.0", "1.1", "9"}[r() % 3]});
      },
      [](DeviceFilter& f, std::mt19937&) {
        f.firmware.push_back({"boot", "7"});
      },
      [](DeviceFilter& f, std::mt19937& r) {
        f.labels.push_back({"site", r() % 2 == 0 ? "berlin" : "rome"});
      },
      [](DeviceFilter& f, std::mt19937& r) {
        f.labels.push_back({"size", absl::StrCat(1 + r() % 3)});
      },
      [](DeviceFilter& f, std::mt19937& r) {
        f.labels.push_back({r() % 2 == 0 ? "rare" : "size", std::nullopt});
      },
      [](DeviceFilter& f, std::mt19937& r) {
        f.created.from = kStart + absl::Seconds(r() % 200);
      },
      [](DeviceFilter& f, std::mt19937& r) {
        f.created.until = kStart + absl::Seconds(r() % 200);
      },
      [](DeviceFilter& f, std::mt19937& r) {
        f.last_contact.from = kStart + absl::Hours(r() % 240);
      },
      [](DeviceFilter& f, std::mt19937& r) {
        f.last_contact.until = kStart + absl::Hours(r() % 240);
      },
  };
  return conditions;
}

TEST_F(DeviceSearchTest, EachConditionAloneInEveryOrderAndFleet) {
  for (size_t i = 0; i < Conditions().size(); ++i) {
    for (const DeviceOrder order : kOrders) {
      for (const char* fleet : {"a", "c", "", "none"}) {
        SCOPED_TRACE(absl::StrCat(i, " ", static_cast<int>(order), " ", fleet));
        DeviceFilter filter = {.fleet_id = fleet};
        Conditions()[i](filter, world_.random());
        EXPECT_EQ(SearchAll(store_, filter, order, 37).uids,
                  Expected(filter, order));
      }
    }
  }
}

TEST_F(DeviceSearchTest, AnyCombinationIsWhatTheModelSays) {
  std::mt19937& random = world_.random();
  for (int i = 0; i < 300; ++i) {
    DeviceFilter filter = {
        .fleet_id = std::vector<std::string>{"a", "b", ""}[random() % 3]};
    std::string which;
    for (size_t n = random() % 5; n > 0; --n) {
      const size_t condition = random() % Conditions().size();
      absl::StrAppend(&which, condition, " ");
      Conditions()[condition](filter, random);
    }
    const DeviceOrder order = kOrders[random() % 4];
    const int limit = static_cast<int>(1 + random() % 100);
    SCOPED_TRACE(absl::StrCat(which, "order ", static_cast<int>(order),
                              " fleet ", filter.fleet_id, " limit ", limit));
    const Found found = SearchAll(store_, filter, order, limit);
    const std::vector<std::string> expected = Expected(filter, order);
    ASSERT_EQ(found.uids, expected);
    // Bounded: a page that is not full has read its share, a fleet's at least
    // 16 rows.
    EXPECT_LE(found.pages,
              static_cast<int>(expected.size()) / limit + kDevices / 16 + 2);
  }
}

TEST_F(DeviceSearchTest, PagesOfEverySizeAreTheSameList) {
  const DeviceFilter filter = {.fleet_id = "a", .model = "m1"};
  for (const DeviceOrder order : kOrders) {
    const std::vector<std::string> expected = Expected(filter, order);
    for (const int limit : {1, 2, 7, 50, 999, 1000}) {
      EXPECT_EQ(SearchAll(store_, filter, order, limit).uids, expected);
    }
  }
}

TEST_F(DeviceSearchTest, ConditionsThatExcludeEachOtherEndInBoundedPages) {
  // Each holds for many, both for none.
  world_.Script(
      "INSERT INTO devices (device_uid, fleet_id, state, model, serial_number, "
      "hardware_revision, line_id, batch_id, create_time, update_time) "
      "SELECT gen_random_uuid(), 'anti', 2, 'm' || i % 2, 'X' || i, '', "
      "'l' || i % 2, 'b', current_timestamp + i * interval '1 second', "
      "current_timestamp "
      "FROM generate_series(1, 3000) i");
  const DeviceFilter filter = {
      .fleet_id = "anti", .model = "m0", .line_id = "l1"};
  for (const DeviceOrder order : kOrders) {
    const Found found = SearchAll(store_, filter, order, 50);
    EXPECT_THAT(found.uids, IsEmpty());
    EXPECT_GT(found.pages, 1500 / kLimits.budget);
    EXPECT_LE(found.pages, 3000 / kLimits.budget + 2);
  }
}

TEST_F(DeviceSearchTest, LooksUpByKeyAndCertificate) {
  const Device& device = world_.devices()[17];
  const Device& other = world_.devices()[18];
  for (const DeviceOrder order : kOrders) {
    const auto find = [&](const DeviceFilter& filter) {
      return SearchAll(store_, filter, order, 1).uids;
    };
    EXPECT_THAT(find({.spki_sha256 = device.key}),
                ElementsAre(device.row.device_uid));
    EXPECT_THAT(find({.certificate_serial = device.serial}),
                ElementsAre(device.row.device_uid));
    EXPECT_THAT(
        find({.spki_sha256 = device.key, .certificate_serial = device.serial}),
        ElementsAre(device.row.device_uid));
    EXPECT_THAT(
        find({.spki_sha256 = device.key, .certificate_serial = other.serial}),
        IsEmpty());
    EXPECT_THAT(find({.fleet_id = "none", .spki_sha256 = device.key}),
                IsEmpty());
    EXPECT_THAT(find({.spki_sha256 = std::string(32, 'x')}), IsEmpty());
    EXPECT_THAT(find({.certificate_serial = std::string(16, 'x')}), IsEmpty());
  }
}

TEST_F(DeviceSearchTest, WhatIsInsertedMeanwhileMovesNothing) {
  DeviceFilter filter = {.fleet_id = "a", .line_id = "l1"};
  for (const DeviceOrder order : kOrders) {
    const std::vector<std::string> before = Expected(filter, order);
    std::vector<std::string> seen;
    std::string cursor;
    do {
      ASSERT_OK_AND_ASSIGN(const DevicePage page,
                           store_.Search(filter, order, cursor, 40));
      for (const DeviceRow& row : page.devices) {
        seen.push_back(row.device_uid);
      }
      cursor = page.next_cursor;
      std::vector<Device> more;
      for (int i = 0; i < 5; ++i) {
        more.push_back(
            world_.Random(static_cast<int>(world_.devices().size())));
        world_.devices().push_back(more.back());
      }
      world_.Load(more);
    } while (!cursor.empty());
    // All that were there are there, once, in order.
    std::vector<std::string> of_before;
    std::set<std::string> known(before.begin(), before.end());
    for (const std::string& uid : seen) {
      if (known.count(uid) > 0) {
        of_before.push_back(uid);
      }
    }
    EXPECT_EQ(of_before, before);
    EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(),
              seen.size());
  }
}

TEST_F(DeviceSearchTest, RefusesACursorThatItDidNotMake) {
  const DeviceFilter filter = {.fleet_id = "a"};
  ASSERT_OK_AND_ASSIGN(const DevicePage page,
                       store_.Search(filter, DeviceOrder::kOldestFirst, "", 3));
  const std::string cursor = page.next_cursor;
  EXPECT_THAT(store_.Search(filter, DeviceOrder::kSerialNumber, cursor, 3),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       reasons::kPageTokenMismatch));
  for (size_t length = 1; length < cursor.size(); ++length) {
    EXPECT_THAT(store_.Search(filter, DeviceOrder::kOldestFirst,
                              cursor.substr(0, length), 3),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         reasons::kPageTokenMismatch));
  }
  EXPECT_THAT(store_.Search(filter, DeviceOrder::kOldestFirst,
                            cursor + std::string(2000, 'x'), 3),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(store_.Search(filter, DeviceOrder::kOldestFirst, "", 0),
              StatusIs(absl::StatusCode::kInvalidArgument));
  // A driver that the filter does not offer is chosen anew.
  DeviceSearchCursor odd;
  odd.plan = {SearchDriver::kLabel, 7, false};
  EXPECT_OK(store_.Search(filter, DeviceOrder::kOldestFirst,
                          EncodeCursor(DeviceOrder::kOldestFirst, odd), 3));
}

TEST_F(DeviceSearchTest, TextOfTheFilterIsNeverSql) {
  for (const char* text : {"'; DROP TABLE devices; --", "$1", "%", "_", "\\",
                           "{fleet}", "\xF4\x8F\xBF\xBF"}) {
    DeviceFilter filter = {.fleet_id = text,
                           .model = text,
                           .serial_number_prefix = text,
                           .firmware = {{text, text}},
                           .labels = {{text, text}, {text, std::nullopt}}};
    EXPECT_THAT(SearchAll(store_, filter, DeviceOrder::kOldestFirst, 10).uids,
                IsEmpty());
  }
}

TEST_F(DeviceSearchTest, TellsWhatBelongsToDevices) {
  const Device& device = world_.devices()[100];
  const std::string uid = device.row.device_uid;
  world_.Script(absl::StrCat(
      "INSERT INTO revocations (serial, issuer_id, crl_shard, not_after, state,"
      " reason, actor, revoke_time, update_time) VALUES (",
      Octets(device.serial),
      ", 'i', -1, current_timestamp, 1, 6, 'x', current_timestamp, "
      "current_timestamp); "
      "INSERT INTO quarantines (device_uid, quarantine_id, reason, playbook, "
      "actor, held, create_time) VALUES ('",
      uid, "', gen_random_uuid(), 'why', 'book', 'ada', ARRAY[",
      Octets(device.serial), "::bytea], current_timestamp)"));
  ASSERT_OK_AND_ASSIGN(
      auto details,
      store_.Details({uid, world_.devices()[101].row.device_uid}));
  const DeviceDetails& one = details[uid];
  ASSERT_THAT(one.labels, SizeIs(device.labels.size()));
  auto label = device.labels.begin();
  for (const LabelRow& row : one.labels) {
    EXPECT_EQ(row.key, label->first);
    EXPECT_EQ(row.value, label->second);
    EXPECT_EQ(row.type, LabelType::kText);
    ++label;
  }
  ASSERT_THAT(one.firmware, SizeIs(device.firmware.size()));
  auto component = device.firmware.begin();
  for (const FirmwareRow& row : one.firmware) {
    EXPECT_EQ(row.component, component->first);
    EXPECT_EQ(row.firmware_version, component->second);
    EXPECT_EQ(row.digest, crypto::Sha256(component->second));
    EXPECT_EQ(row.highest_security_version, 2);
    ++component;
  }
  ASSERT_TRUE(one.quarantine.has_value());
  EXPECT_EQ(one.quarantine->reason, "why");
  EXPECT_EQ(one.quarantine->playbook, "book");
  EXPECT_EQ(one.quarantine->actor, "ada");
  ASSERT_THAT(one.quarantine->held, SizeIs(1));
  EXPECT_EQ(one.quarantine->held[0].issuer_id, "i");
  EXPECT_EQ(one.quarantine->held[0].serial, device.serial);
  EXPECT_FALSE(
      details[world_.devices()[101].row.device_uid].quarantine.has_value());
}

}  // namespace
}  // namespace birthmark::storage
