#include "lib/storage/device_search_sql.h"

#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/base/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/storage/rows.h"

namespace birthmark::storage {
namespace {

// The parameters and their types.
constexpr struct {
  absl::string_view name;
  absl::string_view type;
} kParameters[] = {
    {"fleet", "text"},
    {"state", "smallint"},
    {"model", "text"},
    {"hardware_revision", "text"},
    {"line", "text"},
    {"batch", "text"},
    {"birth_fleet", "text"},
    {"serial_number", "text"},
    {"prefix", "text"},
    {"prefix_end", "text"},
    {"components", "text[]"},
    {"versions", "text[]"},
    {"label_keys", "text[]"},
    {"label_values", "text[]"},
    {"from", "timestamptz"},
    {"until", "timestamptz"},
    {"contact_from", "timestamptz"},
    {"contact_until", "timestamptz"},
    {"from_day", "date"},
    {"until_day", "date"},
    {"spki_sha256", "bytea"},
    {"certificate", "bytea"},
    {"driver_key", "text"},
    {"driver_value", "text"},
    {"after_time", "timestamptz"},
    {"after_uid", "uuid"},
    {"after_text", "text"},
    {"after_day", "date"},
    {"try", "text"},
    {"few", "bigint"},
    {"budget", "bigint"},
    {"limit", "bigint"},
};

// Whether d is what the filter asks for. Sub-selects that yield a value: one of
// EXISTS might be read whole into a hash table.
constexpr char kMatches[] = R"(
      ({fleet} = '' OR d.fleet_id = {fleet})
      AND ({state} IS NULL OR d.state = {state})
      AND ({model} IS NULL OR d.model = {model})
      AND ({hardware_revision} IS NULL
           OR d.hardware_revision = {hardware_revision})
      AND ({line} IS NULL OR d.line_id = {line})
      AND ({batch} IS NULL OR d.batch_id = {batch})
      AND ({birth_fleet} IS NULL
           OR coalesce(d.birth_fleet_id, d.fleet_id) = {birth_fleet})
      AND ({serial_number} IS NULL OR d.serial_number = {serial_number})
      AND ({prefix} IS NULL OR starts_with(d.serial_number, {prefix}))
      AND d.create_time >= {from} AND d.create_time < {until}
      AND ({contact_from} IS NULL OR d.last_contact_time >= {contact_from})
      AND ({contact_until} IS NULL OR d.last_contact_time < {contact_until})
      AND ({components} IS NULL OR (
        SELECT bool_and(coalesce(
          (SELECT f.firmware_version = u.version FROM device_firmware f
           WHERE f.device_uid = d.device_uid AND f.component = u.component),
          false))
        FROM unnest({components}, {versions}) AS u (component, version)))
      AND ({label_keys} IS NULL OR (
        SELECT bool_and(coalesce(
          (SELECT u.value IS NULL OR b.value = u.value FROM device_labels b
           WHERE b.device_uid = d.device_uid AND b.label_key = u.key),
          false))
        FROM unnest({label_keys}, {label_values}) AS u (key, value))))";

#define FLEETS                                      \
  "(SELECT {fleet} COLLATE \"C\" AS fleet_id "      \
  " WHERE {fleet} <> '' "                           \
  " UNION ALL "                                     \
  " SELECT g.fleet_id COLLATE \"C\" FROM fleets g " \
  " WHERE {fleet} = '') AS g"

// A driver's range in each of its lanes: `table`, called x in the statement,
// where `range`; in the order of `time` and uid there. The lanes are called l.
struct Driver {
  SearchDriver driver;
  const char* lanes;
  const char* table;
  const char* time;
  const char* range;
  // The index's order where it is not that of age: what is asked for in it is
  // read through it, and not through one that the planner takes for shorter.
  const char* keys = nullptr;
};

constexpr Driver kDrivers[] = {
    {SearchDriver::kAge, "SELECT 0 AS ordinal, g.fleet_id FROM " FLEETS,
     "devices", "create_time", "x.fleet_id = l.fleet_id"},
    {SearchDriver::kModel,
     "SELECT 0 AS ordinal, g.fleet_id, c.model, c.hardware_revision "
     "FROM " FLEETS R"(
      CROSS JOIN LATERAL (
        SELECT model, hardware_revision FROM device_counts
        WHERE fleet_id = g.fleet_id AND component = ''
        UNION
        SELECT model, hardware_revision FROM device_count_changes
        WHERE fleet_id = g.fleet_id AND component = '') c
      WHERE ({model} IS NULL OR c.model = {model})
        AND ({hardware_revision} IS NULL
             OR c.hardware_revision = {hardware_revision}))",
     "devices", "create_time",
     "x.fleet_id = l.fleet_id AND x.model = l.model "
     "AND x.hardware_revision = l.hardware_revision"},
    {SearchDriver::kLine, "SELECT 0 AS ordinal, g.fleet_id FROM " FLEETS,
     "devices", "create_time",
     "x.fleet_id = l.fleet_id AND x.line_id = {line}"},
    {SearchDriver::kBatch,
     "SELECT 0 AS ordinal, g.fleet_id, c.line_id FROM " FLEETS R"(
      CROSS JOIN (
        SELECT {line} COLLATE "C" AS line_id WHERE {line} IS NOT NULL
        UNION
        SELECT n.line_id COLLATE "C" FROM lines n
        WHERE {line} IS NULL AND EXISTS (
          SELECT FROM batches b
          WHERE b.fleet_id = n.fleet_id AND b.line_id = n.line_id
            AND b.batch_id = {batch})) c)",
     "devices", "create_time",
     "x.fleet_id = l.fleet_id AND x.line_id = l.line_id "
     "AND x.batch_id = {batch}"},
    // The index has no devices of state 2.
    {SearchDriver::kState, "SELECT 0 AS ordinal, g.fleet_id FROM " FLEETS,
     "devices", "create_time",
     "x.fleet_id = l.fleet_id AND x.state = {state} AND x.state <> 2"},
    {SearchDriver::kLabel,
     "SELECT 0 AS ordinal, g.fleet_id, {driver_key} AS key, "
     "{driver_value} AS value FROM " FLEETS,
     "device_labels", "create_time",
     "x.fleet_id = l.fleet_id AND x.label_key = l.key AND x.value = l.value"},
    {SearchDriver::kFirmware,
     "SELECT 0 AS ordinal, g.fleet_id, {driver_key} AS key, "
     "{driver_value} AS value FROM " FLEETS,
     "device_firmware", "device_time",
     "x.fleet_id = l.fleet_id AND x.component = l.key "
     "AND x.firmware_version = l.value"},
    {SearchDriver::kSerialNumber,
     "SELECT 0 AS ordinal, g.fleet_id FROM " FLEETS, "devices", "create_time",
     "x.fleet_id = l.fleet_id AND x.serial_number = {serial_number}",
     "x.serial_number, x.device_uid"},
    {SearchDriver::kSerialPrefix,
     "SELECT 0 AS ordinal, g.fleet_id FROM " FLEETS, "devices", "create_time",
     "x.fleet_id = l.fleet_id AND x.serial_number >= {prefix} "
     "AND x.serial_number < {prefix_end}",
     "x.serial_number, x.device_uid"},
    {SearchDriver::kLabelKey,
     "SELECT 0 AS ordinal, g.fleet_id, {driver_key} AS key FROM " FLEETS,
     "device_labels", "create_time",
     "x.fleet_id = l.fleet_id AND x.label_key = l.key",
     "x.value, x.create_time, x.device_uid"},
    {SearchDriver::kContact, "SELECT 0 AS ordinal, g.fleet_id FROM " FLEETS,
     "devices", "create_time",
     "x.fleet_id = l.fleet_id AND x.contact_day >= {from_day} "
     "AND x.contact_day <= {until_day}",
     "x.contact_day, x.create_time, x.device_uid"},
};

// In a probe the lanes are of all labels or components at once.
constexpr char kLabelLanes[] =
    "SELECT u.ordinal - 1 AS ordinal, g.fleet_id, u.key, u.value FROM " FLEETS
    " CROSS JOIN unnest({label_keys}, {label_values}) WITH ORDINALITY "
    "AS u (key, value, ordinal) WHERE u.value IS NOT NULL";
constexpr char kLabelKeyLanes[] =
    "SELECT u.ordinal - 1 AS ordinal, g.fleet_id, u.key FROM " FLEETS
    " CROSS JOIN unnest({label_keys}, {label_values}) WITH ORDINALITY "
    "AS u (key, value, ordinal) WHERE u.value IS NULL";
constexpr char kFirmwareLanes[] =
    "SELECT u.ordinal - 1 AS ordinal, g.fleet_id, u.key, u.value FROM " FLEETS
    " CROSS JOIN unnest({components}, {versions}) WITH ORDINALITY "
    "AS u (key, value, ordinal)";

// The range of a driver, as far as its index knows the time: a condition on
// what it has not would cost a look at each row.
std::string RangeOf(const Driver& one) {
  if (one.driver == SearchDriver::kSerialNumber ||
      one.driver == SearchDriver::kSerialPrefix) {
    return one.range;
  }
  return absl::StrCat(one.range, " AND x.", one.time, " >= {from} AND x.",
                      one.time, " < {until}");
}

const Driver* FindDriver(SearchDriver driver) {
  for (const Driver& one : kDrivers) {
    if (one.driver == driver) {
      return &one;
    }
  }
  return nullptr;
}

// How a walk reads: from `table` (x) where `range`, ordered by `keys`.
struct Path {
  std::string lanes;
  std::string table;
  std::string range;
  std::string keys;
};

constexpr char kFleetLanes[] = "SELECT g.fleet_id FROM " FLEETS;

Path PathOf(SearchDriver driver, DeviceOrder order) {
  switch (driver) {
    case SearchDriver::kSerialOrder:
    case SearchDriver::kSerialPrefixOrder:
      return {kFleetLanes, "devices",
              absl::StrCat("x.fleet_id = l.fleet_id "
                           "AND (x.serial_number, x.device_uid) "
                           "> ({after_text}, {after_uid})",
                           driver == SearchDriver::kSerialPrefixOrder
                               ? " AND x.serial_number < {prefix_end}"
                               : ""),
              "x.serial_number, x.device_uid"};
    case SearchDriver::kNeverOrder:
      return {kFleetLanes, "devices",
              "x.fleet_id = l.fleet_id AND x.contact_day IS NULL "
              "AND (x.create_time, x.device_uid) > ({after_time}, {after_uid})",
              "x.contact_day, x.create_time, x.device_uid"};
    case SearchDriver::kContactOrder:
      return {kFleetLanes, "devices",
              "x.fleet_id = l.fleet_id "
              "AND (x.contact_day, x.create_time, x.device_uid) "
              "> ({after_day}, {after_time}, {after_uid}) "
              "AND x.contact_day <= {until_day}",
              "x.contact_day, x.create_time, x.device_uid"};
    default:
      break;
  }
  const Driver& one = *FindDriver(driver);
  const std::string time = absl::StrCat("x.", one.time);
  // One bound on each side: of two the scan might begin at the farther one.
  if (order == DeviceOrder::kNewestFirst) {
    return {one.lanes, one.table,
            absl::StrCat(one.range, " AND (", time,
                         ", x.device_uid) < ({after_time}, {after_uid}) AND ",
                         time, " >= {from}"),
            absl::StrCat(time, " DESC, x.device_uid DESC")};
  }
  return {one.lanes, one.table,
          absl::StrCat(one.range, " AND (", time,
                       ", x.device_uid) > ({after_time}, {after_uid}) AND ",
                       time, " < {until}"),
          absl::StrCat(time, ", x.device_uid")};
}

// The same key under the names that it has further out.
std::string Outer(const std::string& keys, absl::string_view alias) {
  return absl::StrReplaceAll(
      keys, {{"x.create_time", absl::StrCat(alias, ".key_time")},
             {"x.device_time", absl::StrCat(alias, ".key_time")},
             {"x.device_uid", absl::StrCat(alias, ".key_uid")},
             {"x.", absl::StrCat(alias, ".")}});
}

std::string Walk(SearchDriver driver, DeviceOrder order) {
  const Path path = PathOf(driver, order);
  const std::string time =
      path.table == "device_firmware" ? "x.device_time" : "x.create_time";
  const bool of_devices = path.table == "devices";
  const std::string read = absl::StrCat(
      "SELECT ", of_devices ? "x.*, " : "", time,
      " AS key_time, x.device_uid AS key_uid FROM ", path.table, " x WHERE ",
      path.range, " ORDER BY ", path.keys, " LIMIT (SELECT rows FROM share)");
  const std::string with_device =
      of_devices
          ? absl::StrCat("(", read, ") AS d")
          : absl::StrCat("(SELECT d.*, x.key_time, x.key_uid FROM (", read,
                         ") AS x CROSS JOIN LATERAL (SELECT * FROM devices "
                         "WHERE device_uid = x.key_uid OFFSET 0) AS d) AS d");
  return absl::StrCat(
      "WITH lanes AS MATERIALIZED (", path.lanes,
      "), share AS MATERIALIZED (SELECT greatest({budget} / "
      "greatest(count(*), 1), 16) AS rows FROM lanes) "
      "SELECT " BIRTHMARK_DEVICE_COLUMNS
      ", d.contact_day, d.matches, d.ends FROM lanes AS l CROSS JOIN LATERAL ("
      // Over the order that the rows have, so that it is known further out, and
      // nobody reads on to sort them.
      "SELECT w.* FROM (SELECT d.*, row_number() OVER (ORDER BY ",
      Outer(path.keys, "d"), ") = (SELECT rows FROM share) AS ends, (",
      kMatches, ") AS matches FROM ", with_device,
      ") AS w WHERE w.matches OR w.ends ORDER BY ", Outer(path.keys, "w"),
      " LIMIT {limit}) AS d ORDER BY ", Outer(path.keys, "d"),
      " LIMIT {limit}");
}

struct SetOrder {
  const char* after;
  const char* keys;
};

SetOrder SetOrderOf(DeviceOrder order) {
  switch (order) {
    case DeviceOrder::kOldestFirst:
      return {"(d.create_time, d.device_uid) > ({after_time}, {after_uid})",
              "d.create_time, d.device_uid"};
    case DeviceOrder::kNewestFirst:
      return {"(d.create_time, d.device_uid) < ({after_time}, {after_uid})",
              "d.create_time DESC, d.device_uid DESC"};
    case DeviceOrder::kSerialNumber:
      return {"(d.serial_number, d.device_uid) > ({after_text}, {after_uid})",
              "d.serial_number, d.device_uid"};
    case DeviceOrder::kLastContact:
      break;
  }
  return {
      "(coalesce(d.contact_day, '-infinity'), d.create_time, d.device_uid) "
      "> ({after_day}, {after_time}, {after_uid})",
      "d.contact_day NULLS FIRST, d.create_time, d.device_uid"};
}

// One device at most: that of a key or of a certificate.
constexpr char kLook[] = R"(
    SELECT u.device_uid
    FROM (SELECT CASE WHEN {spki_sha256} IS NULL
                 THEN (SELECT c.device_uid FROM certificates c
                       WHERE c.serial = {certificate})
                 ELSE (SELECT k.device_uid FROM keys k
                       WHERE k.spki_sha256 = {spki_sha256}) END
          AS device_uid OFFSET 0) u
    WHERE u.device_uid IS NOT NULL
      AND ({spki_sha256} IS NULL OR {certificate} IS NULL
           OR u.device_uid = (SELECT c.device_uid FROM certificates c
                              WHERE c.serial = {certificate})))";

std::string Set(SearchDriver driver, DeviceOrder order) {
  std::string few = kLook;
  if (driver != SearchDriver::kLook) {
    const Driver& one = *FindDriver(driver);
    few = absl::StrCat(
        "SELECT x.device_uid FROM (", one.lanes,
        ") AS l CROSS JOIN LATERAL (SELECT x.device_uid FROM ", one.table,
        " x WHERE ", RangeOf(one),
        one.keys == nullptr ? "" : absl::StrCat(" ORDER BY ", one.keys),
        " LIMIT {few}) AS x LIMIT {few}");
  }
  const SetOrder of = SetOrderOf(order);
  return absl::StrCat(
      "WITH few AS MATERIALIZED (", few,
      ") SELECT " BIRTHMARK_DEVICE_COLUMNS
      ", d.contact_day, true, false, n.n "
      "FROM (SELECT count(*) AS n FROM few) AS n LEFT JOIN LATERAL ("
      "SELECT d.* FROM few CROSS JOIN LATERAL (SELECT * FROM devices "
      "WHERE device_uid = few.device_uid OFFSET 0) AS d "
      "WHERE n.n < {few} AND ",
      kMatches, " AND ", of.after, " ORDER BY ", of.keys,
      " LIMIT {limit}) AS d ON true ORDER BY ", of.keys);
}

std::string Probe(DeviceOrder order) {
  const bool newest = order == DeviceOrder::kNewestFirst;
  const bool of_age = newest || order == DeviceOrder::kOldestFirst;
  std::vector<std::string> parts;
  for (const Driver& one : kDrivers) {
    std::string lanes = one.lanes;
    if (one.driver == SearchDriver::kLabel) {
      lanes = kLabelLanes;
    } else if (one.driver == SearchDriver::kLabelKey) {
      lanes = kLabelKeyLanes;
    } else if (one.driver == SearchDriver::kFirmware) {
      lanes = kFirmwareLanes;
    }
    // Asked for only where it tells something.
    std::string time = "NULL::timestamptz";
    std::string range = RangeOf(one);
    std::string keys =
        one.keys == nullptr ? "" : absl::StrCat(" ORDER BY ", one.keys);
    if (of_age && IsInOrderOfAge(one.driver)) {
      const Path path = PathOf(one.driver, order);
      range = path.range;
      time = absl::StrCat("x.", one.time);
      keys = absl::StrCat(" ORDER BY ", path.keys);
    }
    const std::string letter(1, static_cast<char>(one.driver));
    parts.push_back(absl::StrCat(
        "SELECT '", letter,
        "' AS driver, q.ordinal, sum(q.n) AS n, "
        "bool_and(q.n < q.rows) AS complete, ",
        newest ? "max" : "min",
        "(q.last) FILTER (WHERE q.n >= q.rows) AS reached FROM ("
        "SELECT l.ordinal, s.rows, p.n, p.last FROM (SELECT l.*, greatest("
        "{few} / greatest(count(*) OVER (PARTITION BY l.ordinal), 1), 16) "
        "AS rows FROM (",
        lanes, ") AS l WHERE strpos({try}, '", letter,
        "') > 0) AS l CROSS JOIN LATERAL (SELECT l.rows) AS s "
        "CROSS JOIN LATERAL (SELECT count(*) AS n, ",
        newest ? "min" : "max", "(t) AS last FROM (SELECT ", time,
        " AS t FROM ", one.table, " x WHERE ", range, keys,
        " LIMIT l.rows) AS t) AS p) AS q GROUP BY q.ordinal"));
  }
  std::string sql;
  for (const std::string& part : parts) {
    absl::StrAppend(&sql, sql.empty() ? "" : " UNION ALL ", part);
  }
  return sql;
}

// Kept is each statement that was ever asked for: as many as there are shapes.
template <typename Make>
const SearchStatement& Kept(char kind, SearchDriver driver, DeviceOrder order,
                            const Make& make) {
  static std::mutex& mutex = *new std::mutex;
  static auto& kept =
      *new std::map<std::pair<char, std::pair<SearchDriver, DeviceOrder>>,
                    std::unique_ptr<SearchStatement>>;
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<SearchStatement>& one = kept[{kind, {driver, order}}];
  if (one == nullptr) {
    one = std::make_unique<SearchStatement>(make());
  }
  return *one;
}

}  // namespace

SearchStatement::SearchStatement(absl::string_view sql) {
  while (!sql.empty()) {
    const size_t open = sql.find('{');
    absl::StrAppend(&sql_, sql.substr(0, open));
    if (open == absl::string_view::npos) {
      break;
    }
    const size_t close = sql.find('}', open);
    const absl::string_view name = sql.substr(open + 1, close - open - 1);
    sql.remove_prefix(close + 1);
    absl::string_view type;
    for (const auto& known : kParameters) {
      type = known.name == name ? known.type : type;
    }
    if (type.empty()) {
      std::cerr << "a statement has no parameter " << name << std::endl;
      abort();
    }
    size_t place = 0;
    while (place < parameters_.size() && parameters_[place] != name) {
      ++place;
    }
    if (place == parameters_.size()) {
      parameters_.emplace_back(name);
    }
    absl::StrAppend(&sql_, "$", place + 1, "::", type);
  }
  name_ =
      absl::StrCat("search_", HexEncode(crypto::Sha256(sql_)).substr(0, 32));
}

pqxx::result SearchStatement::Exec(Session& session,
                                   const SearchValues& values) const {
  std::vector<Param> params;
  params.reserve(parameters_.size());
  for (const std::string& parameter : parameters_) {
    const auto found = values.find(parameter);
    params.push_back(found == values.end() ? Param() : found->second);
  }
  return session.ExecWith({name_.c_str(), sql_.c_str()}, std::move(params));
}

bool IsInOrderOfAge(SearchDriver driver) {
  switch (driver) {
    case SearchDriver::kAge:
    case SearchDriver::kModel:
    case SearchDriver::kLine:
    case SearchDriver::kBatch:
    case SearchDriver::kState:
    case SearchDriver::kLabel:
    case SearchDriver::kFirmware:
      return true;
    default:
      return false;
  }
}

const SearchStatement& WalkStatement(SearchDriver driver, DeviceOrder order) {
  return Kept('w', driver, order, [&] { return Walk(driver, order); });
}

const SearchStatement& SetStatement(SearchDriver driver, DeviceOrder order) {
  return Kept('s', driver, order, [&] { return Set(driver, order); });
}

const SearchStatement& ProbeStatement(DeviceOrder order) {
  return Kept('p', SearchDriver::kNone, order, [&] { return Probe(order); });
}

}  // namespace birthmark::storage
