#include "lib/storage/device_job_count.h"

#include <optional>
#include <string>
#include <vector>

#include "lib/storage/param.h"

namespace birthmark::storage {
namespace {

// What the stores rely on is for look-ups; this reads much, once in a while.
// Conditions on NULL vanish when the plan is made for the parameters.
constexpr char kReadMuch[] = R"(
    SET LOCAL statement_timeout = '10min';
    SET LOCAL plan_cache_mode = force_custom_plan;
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_hashjoin = on;
    SET LOCAL enable_mergejoin = on;
    SET LOCAL enable_material = on)";

// The devices of a DeviceFilter, parameters $1 to $19.
#define PICKED_DEVICES                                                         \
  "WITH picked AS MATERIALIZED ( "                                             \
  "SELECT d.device_uid, d.state FROM devices d "                               \
  "WHERE ($1::text IS NULL OR d.fleet_id = $1::text) "                         \
  "AND ($2::smallint IS NULL OR d.state = $2::smallint) "                      \
  "AND ($3::text IS NULL OR d.model = $3::text) "                              \
  "AND ($4::text IS NULL OR d.hardware_revision = $4::text) "                  \
  "AND ($5::text IS NULL OR d.line_id = $5::text) "                            \
  "AND ($6::text IS NULL OR d.batch_id = $6::text) "                           \
  "AND ($19::text IS NULL OR "                                                 \
  "coalesce(d.birth_fleet_id, d.fleet_id) = $19::text) "                       \
  "AND ($7::text IS NULL OR d.serial_number = $7::text) "                      \
  "AND ($8::text IS NULL OR starts_with(d.serial_number, $8::text)) "          \
  "AND ($9::bytea IS NULL OR d.device_uid IN ( "                               \
  "SELECT k.device_uid FROM keys k WHERE k.spki_sha256 = $9::bytea)) "         \
  "AND ($10::bytea IS NULL OR d.device_uid IN ( "                              \
  "SELECT c.device_uid FROM certificates c WHERE c.serial = $10::bytea)) "     \
  "AND ($11::timestamptz IS NULL OR d.create_time >= $11::timestamptz) "       \
  "AND ($12::timestamptz IS NULL OR d.create_time < $12::timestamptz) "        \
  "AND ($13::timestamptz IS NULL OR d.last_contact_time >= $13::timestamptz) " \
  "AND ($14::timestamptz IS NULL OR d.last_contact_time < $14::timestamptz) "  \
  "AND ($15::text[] = '{}' OR NOT EXISTS ( "                                   \
  "SELECT FROM unnest($15::text[], $16::text[]) AS u (component, version) "    \
  "WHERE NOT EXISTS (SELECT FROM device_firmware w "                           \
  "WHERE w.device_uid = d.device_uid AND w.component = u.component "           \
  "AND w.firmware_version = u.version))) "                                     \
  "AND ($17::text[] = '{}' OR NOT EXISTS ( "                                   \
  "SELECT FROM unnest($17::text[], $18::text[]) AS u (label_key, value) "      \
  "WHERE NOT EXISTS (SELECT FROM device_labels l "                             \
  "WHERE l.device_uid = d.device_uid AND l.label_key = u.label_key "           \
  "AND (u.value IS NULL OR l.value = u.value))))) "
#define COUNT_PICKED(certificates)                                        \
  PICKED_DEVICES                                                          \
  "SELECT 0 AS what, state::bigint, count(*) FROM picked GROUP BY 2 "     \
  "UNION ALL "                                                            \
  "SELECT 1, count(*) FILTER (WHERE fresh), count(*) FROM (" certificates \
  ") AS c "

// Of those that it may be done to, as device_acts.cc has it.
constexpr Statement kQuarantine = {"device_job_count_quarantine",
                                   COUNT_PICKED(R"(
    SELECT c.crl_shard >= 0 AS fresh
    FROM picked p JOIN keys k ON k.device_uid = p.device_uid
    JOIN certificates c ON c.serial = k.serial
    LEFT JOIN revocations r ON r.serial = c.serial
    WHERE p.state = 2 AND (r.state IS NULL OR r.state = 3))")};
constexpr Statement kRelease = {"device_job_count_release", COUNT_PICKED(R"(
    SELECT false AS fresh
    FROM picked p
    JOIN quarantines q ON q.device_uid = p.device_uid
                          AND q.release_time IS NULL
    CROSS JOIN LATERAL unnest(q.held) AS h (serial)
    JOIN revocations r ON r.serial = h.serial
    WHERE p.state = 3 AND r.state = 1)")};
constexpr Statement kDecommission = {"device_job_count_decommission",
                                     COUNT_PICKED(R"(
    SELECT c.crl_shard >= 0 AND r.state IS DISTINCT FROM 1 AS fresh
    FROM picked p JOIN keys k ON k.device_uid = p.device_uid
    JOIN certificates c ON c.serial = k.serial
    LEFT JOIN revocations r ON r.serial = c.serial
    WHERE p.state <= 3 AND r.state IS DISTINCT FROM 2)")};

const Statement& CountOf(DeviceActKind action) {
  switch (action) {
    case DeviceActKind::kQuarantine:
      return kQuarantine;
    case DeviceActKind::kRelease:
      return kRelease;
    case DeviceActKind::kDecommission:
      break;
  }
  return kDecommission;
}

Param TextIfAny(const std::optional<std::string>& text) {
  return text.has_value() ? Text(*text) : Param();
}

}  // namespace

DeviceJobStore::Preview CountForJob(Session& session,
                                    const DeviceFilter& filter,
                                    DeviceActKind action) {
  TextArray components;
  TextArray versions;
  for (const DeviceFilter::Firmware& firmware : filter.firmware) {
    components.Add(firmware.component);
    versions.Add(firmware.version);
  }
  TextArray labels;
  TextArray values;
  for (const DeviceFilter::Label& label : filter.labels) {
    labels.Add(label.key);
    if (label.value.has_value()) {
      values.Add(*label.value);
    } else {
      values.AddNull();
    }
  }
  session.ExecScript(kReadMuch);
  DeviceJobStore::Preview preview;
  for (const auto& row : session.Exec(
           CountOf(action), TextOrNull(filter.fleet_id),
           filter.state.has_value() ? Int(static_cast<int>(*filter.state))
                                    : Param(),
           TextIfAny(filter.model), TextIfAny(filter.hardware_revision),
           TextIfAny(filter.line_id), TextIfAny(filter.batch_id),
           TextIfAny(filter.serial_number),
           TextIfAny(filter.serial_number_prefix),
           BytesOrNull(filter.spki_sha256),
           BytesOrNull(filter.certificate_serial),
           AtOrNull(filter.created.from), AtOrNull(filter.created.until),
           AtOrNull(filter.last_contact.from),
           AtOrNull(filter.last_contact.until), components.Take(),
           versions.Take(), labels.Take(), values.Take(),
           TextOrNull(filter.birth_fleet_id))) {
    if (ReadInt(row[0]) == 0) {
      preview.devices[static_cast<DeviceState>(ReadInt(row[1]))] =
          ReadInt(row[2]);
    } else {
      preview.crl_entries = ReadInt(row[1]);
      preview.certificates = ReadInt(row[2]);
    }
  }
  return preview;
}

}  // namespace birthmark::storage
