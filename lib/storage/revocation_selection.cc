#include "lib/storage/revocation_selection.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/big_endian.h"
#include "lib/storage/param.h"
#include "lib/storage/revocation_job_store.h"
#include "lib/storage/revoke_sql.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

// Rows that a part reads at most, besides those that it returns.
constexpr int kChunk = 1000;

#define SELECTED_COLUMNS                                             \
  "c.serial, c.issuer_id, c.crl_shard, c.not_after, c.spki_sha256, " \
  "c.device_uid, coalesce((SELECT r.state = 2 FROM revocations r "   \
  "WHERE r.serial = c.serial), false) "
// What devices must have, as the statements below say it: model, line, batch,
// firmware component and version. The firmware is looked up for each device:
// EXISTS would have the planner read that of all devices for every part.
#define DEVICE_MATCHES(model, line, batch, component, version)           \
  "(" model "::text IS NULL OR d.model = " model "::text) AND (" line    \
  "::text IS NULL OR d.line_id = " line "::text) AND (" batch            \
  "::text IS NULL OR d.batch_id = " batch "::text) AND (" component      \
  "::text IS NULL OR coalesce((SELECT w.firmware_version = " version     \
  "::text FROM device_firmware w WHERE w.device_uid = d.device_uid AND " \
  "w.component = " component "::text), false))"
// What the certificates themselves must have: issuer and age.
#define CERTIFICATE_MATCHES(issuer, before)            \
  "(" issuer "::text IS NULL OR c.issuer_id = " issuer \
  "::text) AND c.create_time < " before "::timestamptz "

constexpr Statement kOfKey = {
    "selected_of_key", "SELECT " SELECTED_COLUMNS R"(
    FROM certificates c LEFT JOIN devices d ON d.device_uid = c.device_uid
    WHERE c.serial = )" BIRTHMARK_SERIAL_OF_KEY
                       R"( AND ($9::text IS NULL OR c.fleet_id = $9::text)
      AND )" DEVICE_MATCHES("$4", "$5", "$6", "$7",
                            "$8") " AND " CERTIFICATE_MATCHES("$2", "$3")};
// OFFSET 0 keeps the condition on the serial number out of the choice of the
// index: a fleet has few such certificates, and reads them all each time.
constexpr Statement kOfLines = {"selected_of_lines",
                                "SELECT " SELECTED_COLUMNS R"(
    FROM (SELECT * FROM certificates
          WHERE device_uid IS NULL AND fleet_id = $3 OFFSET 0) c
    WHERE c.serial > $4 AND )" CERTIFICATE_MATCHES("$1", "$2") R"(
    ORDER BY c.serial LIMIT $5)"};
constexpr Statement kDevices = {"selected_devices",
                                R"(
    SELECT d.fleet_id, d.create_time, d.device_uid, )" DEVICE_MATCHES(
                                    "$4", "$5", "$6", "$7", "$8") R"(
    FROM devices d
    WHERE (d.fleet_id, d.create_time, d.device_uid) >=
          ($1::text, $2::timestamptz, $3::uuid)
    ORDER BY d.fleet_id, d.create_time, d.device_uid LIMIT $9)"};
constexpr Statement kDevicesOfFleet = {"selected_devices_of_fleet",
                                       R"(
    SELECT d.fleet_id, d.create_time, d.device_uid, )" DEVICE_MATCHES(
                                           "$4", "$5", "$6", "$7", "$8") R"(
    FROM devices d
    WHERE d.fleet_id = $1
      AND (d.create_time, d.device_uid) >= ($2::timestamptz, $3::uuid)
    ORDER BY d.create_time, d.device_uid LIMIT $9)"};
constexpr Statement kOfDevices = {"selected_of_devices",
                                  "SELECT " SELECTED_COLUMNS R"(
    FROM unnest($3::uuid[], $4::bytea[]) WITH ORDINALITY
      AS u (device_uid, after, place)
    CROSS JOIN LATERAL (SELECT * FROM certificates
                        WHERE device_uid = u.device_uid OFFSET 0) c
    WHERE c.serial > u.after AND )" CERTIFICATE_MATCHES("$1", "$2") R"(
    ORDER BY u.place, c.serial LIMIT $5)"};
constexpr Statement kOfAll = {"selected_of_all", "SELECT " SELECTED_COLUMNS R"(,
           )" CERTIFICATE_MATCHES("$1", "$2") R"(
    FROM (SELECT * FROM certificates
          WHERE serial > $3 ORDER BY serial LIMIT $4) c
    ORDER BY c.serial)"};

// Counts by shard first: that needs no order.
#define COUNT_PICKED(picked)                                                  \
  "WITH picked AS (" picked                                                   \
  ") "                                                                        \
  "SELECT coalesce(sum(n), 0), coalesce(sum(fresh) FILTER (WHERE crl_shard "  \
  ">= 0), 0), count(*) FILTER (WHERE crl_shard >= 0) "                        \
  "FROM (SELECT p.issuer_id, p.crl_shard, count(*) AS n, "                    \
  "             count(*) FILTER (WHERE r.state IS DISTINCT FROM 1) AS fresh " \
  "      FROM picked p LEFT JOIN revocations r ON r.serial = p.serial "       \
  "      WHERE r.state IS DISTINCT FROM 2 "                                   \
  "      GROUP BY p.issuer_id, p.crl_shard) AS shards"
#define PICKED_COLUMNS "c.serial, c.issuer_id, c.crl_shard"

constexpr Statement kCountOfKey = {
    "count_of_key",
    COUNT_PICKED("SELECT " PICKED_COLUMNS R"(
    FROM certificates c LEFT JOIN devices d ON d.device_uid = c.device_uid
    WHERE c.serial = )" BIRTHMARK_SERIAL_OF_KEY
                 R"( AND ($9::text IS NULL OR c.fleet_id = $9::text)
      AND c.not_after > $3::timestamptz AND )" DEVICE_MATCHES(
                     "$4", "$5", "$6", "$7",
                     "$8") " AND " CERTIFICATE_MATCHES("$2", "$3"))};
constexpr Statement kCountOfDevices = {
    "count_of_devices", COUNT_PICKED("SELECT " PICKED_COLUMNS R"(
    FROM devices d JOIN certificates c ON c.device_uid = d.device_uid
    WHERE ($3::text IS NULL OR d.fleet_id = $3::text)
      AND c.not_after > $2::timestamptz AND )" DEVICE_MATCHES(
                            "$4", "$5", "$6", "$7",
                            "$8") " AND " CERTIFICATE_MATCHES("$1", "$2") R"(
    UNION ALL
    SELECT )" PICKED_COLUMNS R"(
    FROM certificates c
    WHERE $9::boolean AND c.device_uid IS NULL AND c.fleet_id = $3::text
      AND c.not_after > $2::timestamptz AND )" CERTIFICATE_MATCHES("$1",
                                                                   "$2"))};
constexpr Statement kCountOfAll = {"count_of_all",
                                   COUNT_PICKED("SELECT " PICKED_COLUMNS R"(
    FROM certificates c
    WHERE c.not_after > $2::timestamptz AND )" CERTIFICATE_MATCHES("$1",
                                                                   "$2"))};

// What the stores rely on is for look-ups; this reads much, once in a while.
constexpr char kReadMuch[] = R"(
    SET LOCAL statement_timeout = '10min';
    SET LOCAL plan_cache_mode = force_custom_plan;
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_hashjoin = on;
    SET LOCAL enable_mergejoin = on;
    SET LOCAL enable_material = on)";

constexpr char kLowestUuid[] = "00000000-0000-0000-0000-000000000000";

SelectedCertificate Read(const pqxx::row& row) {
  return {.serial = ReadBytes(row[0]),
          .issuer_id = ReadText(row[1]),
          .crl_shard = static_cast<int>(ReadInt(row[2])),
          .not_after = ReadTime(row[3]),
          .spki_sha256 = ReadBytes(row[4]),
          .device_uid = ReadText(row[5]),
          .revoked = ReadBool(row[6])};
}

std::vector<SelectedCertificate> ReadAll(const pqxx::result& result) {
  std::vector<SelectedCertificate> certificates;
  certificates.reserve(result.size());
  for (const auto& row : result) {
    certificates.push_back(Read(row));
  }
  return certificates;
}

// What is the selector's driver: what there are the fewest of.
bool ByDevice(const CertificateSelector& selector) {
  return !selector.fleet_id.empty() || !selector.model.empty() ||
         !selector.line_id.empty() || !selector.batch_id.empty() ||
         !selector.firmware_component.empty();
}

// A fleet has certificates that are no device's, if nothing asks for devices.
bool WithLines(const CertificateSelector& selector) {
  return !selector.fleet_id.empty() && selector.model.empty() &&
         selector.line_id.empty() && selector.batch_id.empty() &&
         selector.firmware_component.empty();
}

constexpr size_t kSerialSize = 16;
constexpr size_t kUuidSize = 36;
const std::string& LowestSerial() {
  static const std::string& serial = *new std::string(kSerialSize, '\0');
  return serial;
}
const std::string& HighestSerial() {
  static const std::string& serial = *new std::string(kSerialSize, '\xff');
  return serial;
}

// Position is after a certificate, in the order in which they are gone through:
// those of lines by serial number, then those of devices, device by device.
// Encoded: the phase, the serial number, and for devices time, id and fleet.
struct Position {
  enum Phase : char { kLines = 'L', kDevices = 'D', kAll = 'A' };
  Phase phase = kAll;
  std::string serial = LowestSerial();
  absl::Time create_time = absl::FromUnixSeconds(0);
  std::string device_uid = kLowestUuid;
  std::string fleet_id;
};

std::string Encode(const Position& position) {
  std::string bytes(1, position.phase);
  bytes += position.serial;
  if (position.phase == Position::kDevices) {
    AppendBigEndian(absl::ToUnixMicros(position.create_time), bytes);
    bytes += position.device_uid;
    bytes += position.fleet_id;
  }
  return bytes;
}

Position Begin(const CertificateSelector& selector) {
  Position position;
  position.phase = WithLines(selector)  ? Position::kLines
                   : ByDevice(selector) ? Position::kDevices
                                        : Position::kAll;
  position.fleet_id = selector.fleet_id;
  return position;
}

Position Decode(const CertificateSelector& selector, absl::string_view bytes) {
  if (bytes.empty()) {
    return Begin(selector);
  }
  Position position;
  position.phase = static_cast<Position::Phase>(bytes[0]);
  bytes.remove_prefix(1);
  constexpr size_t kDeviceSize = sizeof(int64_t) + kUuidSize;
  const bool of_device = position.phase == Position::kDevices;
  if (bytes.size() < kSerialSize + (of_device ? kDeviceSize : 0)) {
    throw std::logic_error("a position of a mass revocation is too short");
  }
  position.serial = std::string(bytes.substr(0, kSerialSize));
  bytes.remove_prefix(kSerialSize);
  if (of_device) {
    position.create_time =
        absl::FromUnixMicros(ReadBigEndian<int64_t>(bytes.data()));
    position.device_uid = std::string(bytes.substr(sizeof(int64_t), kUuidSize));
    position.fleet_id = std::string(bytes.substr(kDeviceSize));
  }
  return position;
}

SelectedPart PartOfKey(Session& session, const CertificateSelector& selector,
                       absl::Time issued_before) {
  SelectedPart part;
  part.certificates = ReadAll(session.Exec(
      kOfKey, Bytes(selector.spki_sha256), TextOrNull(selector.issuer_id),
      At(issued_before), TextOrNull(selector.model),
      TextOrNull(selector.line_id), TextOrNull(selector.batch_id),
      TextOrNull(selector.firmware_component),
      TextOrNull(selector.firmware_version), TextOrNull(selector.fleet_id)));
  part.last = true;
  return part;
}

SelectedPart PartOfLines(Session& session, const CertificateSelector& selector,
                         absl::Time issued_before, Position position,
                         int limit) {
  SelectedPart part;
  part.certificates = ReadAll(session.Exec(
      kOfLines, TextOrNull(selector.issuer_id), At(issued_before),
      Text(selector.fleet_id), Bytes(position.serial), Int(limit)));
  if (static_cast<int>(part.certificates.size()) == limit) {
    position.serial = part.certificates.back().serial;
  } else {
    position.phase = Position::kDevices;
    position.serial = LowestSerial();
    position.fleet_id = selector.fleet_id;
  }
  part.position = Encode(position);
  return part;
}

// Devices from a position on, the first of them perhaps half done.
struct Devices {
  // Up to each device, all of its certificates included.
  std::vector<Position> matching;
  Position end;
  bool last = false;
};

Devices ReadDevices(Session& session, const CertificateSelector& selector,
                    const Position& position, int limit) {
  const auto chunk =
      session.Exec(selector.fleet_id.empty() ? kDevices : kDevicesOfFleet,
                   Text(position.fleet_id), At(position.create_time),
                   Text(position.device_uid), TextOrNull(selector.model),
                   TextOrNull(selector.line_id), TextOrNull(selector.batch_id),
                   TextOrNull(selector.firmware_component),
                   TextOrNull(selector.firmware_version), Int(kChunk));
  Devices devices = {.end = position, .last = chunk.size() < kChunk};
  for (const auto& row : chunk) {
    // A device has a certificate at least, so as many devices are enough.
    if (static_cast<int>(devices.matching.size()) == limit) {
      devices.last = false;
      break;
    }
    devices.end = {.phase = Position::kDevices,
                   .serial = HighestSerial(),
                   .create_time = ReadTime(row[1]),
                   .device_uid = ReadText(row[2]),
                   .fleet_id = ReadText(row[0])};
    const bool finished = devices.end.device_uid == position.device_uid &&
                          position.serial == HighestSerial();
    if (ReadBool(row[3]) && !finished) {
      devices.matching.push_back(devices.end);
    }
  }
  return devices;
}

SelectedPart PartOfDevices(Session& session,
                           const CertificateSelector& selector,
                           absl::Time issued_before, const Position& position,
                           int limit) {
  const Devices devices = ReadDevices(session, selector, position, limit);
  SelectedPart part;
  part.position = Encode(devices.end);
  part.last = devices.last;
  if (devices.matching.empty()) {
    return part;
  }
  UuidArray device_uids;
  BytesArray after;
  for (const Position& device : devices.matching) {
    device_uids.Add(device.device_uid);
    after.Add(device.device_uid == position.device_uid ? position.serial
                                                       : LowestSerial());
  }
  part.certificates = ReadAll(session.Exec(
      kOfDevices, TextOrNull(selector.issuer_id), At(issued_before),
      device_uids.Take(), after.Take(), Int(limit)));
  if (static_cast<int>(part.certificates.size()) == limit) {
    const SelectedCertificate& at = part.certificates.back();
    Position middle = *std::find_if(
        devices.matching.begin(), devices.matching.end(),
        [&at](const Position& p) { return p.device_uid == at.device_uid; });
    middle.serial = at.serial;
    part.position = Encode(middle);
    part.last = false;
  }
  return part;
}

SelectedPart PartOfAll(Session& session, const CertificateSelector& selector,
                       absl::Time issued_before, Position position, int limit) {
  const auto chunk =
      session.Exec(kOfAll, TextOrNull(selector.issuer_id), At(issued_before),
                   Bytes(position.serial), Int(kChunk));
  SelectedPart part;
  part.last = chunk.size() < kChunk;
  for (const auto& row : chunk) {
    if (static_cast<int>(part.certificates.size()) == limit) {
      part.last = false;
      break;
    }
    position.serial = ReadBytes(row[0]);
    if (ReadBool(row[7])) {
      part.certificates.push_back(Read(row));
    }
  }
  part.position = Encode(position);
  return part;
}

}  // namespace

SelectedPart SelectPart(Session& session, const CertificateSelector& selector,
                        absl::Time issued_before, absl::string_view position,
                        int limit) {
  if (!selector.spki_sha256.empty()) {
    return PartOfKey(session, selector, issued_before);
  }
  const Position from = Decode(selector, position);
  switch (from.phase) {
    case Position::kLines:
      return PartOfLines(session, selector, issued_before, from, limit);
    case Position::kDevices:
      return PartOfDevices(session, selector, issued_before, from, limit);
    default:
      return PartOfAll(session, selector, issued_before, from, limit);
  }
}

RevocationJobStore::Preview CountSelected(Session& session,
                                          const CertificateSelector& selector,
                                          absl::Time issued_before) {
  session.ExecScript(kReadMuch);
  const auto count = [&]() -> pqxx::result {
    if (!selector.spki_sha256.empty()) {
      return session.Exec(
          kCountOfKey, Bytes(selector.spki_sha256),
          TextOrNull(selector.issuer_id), At(issued_before),
          TextOrNull(selector.model), TextOrNull(selector.line_id),
          TextOrNull(selector.batch_id),
          TextOrNull(selector.firmware_component),
          TextOrNull(selector.firmware_version), TextOrNull(selector.fleet_id));
    }
    if (ByDevice(selector)) {
      return session.Exec(
          kCountOfDevices, TextOrNull(selector.issuer_id), At(issued_before),
          TextOrNull(selector.fleet_id), TextOrNull(selector.model),
          TextOrNull(selector.line_id), TextOrNull(selector.batch_id),
          TextOrNull(selector.firmware_component),
          TextOrNull(selector.firmware_version),
          Text(WithLines(selector) ? "true" : "false"));
    }
    return session.Exec(kCountOfAll, TextOrNull(selector.issuer_id),
                        At(issued_before));
  }();
  return {.certificates = ReadInt(count[0][0]),
          .crl_entries = ReadInt(count[0][1]),
          .shards = static_cast<int>(ReadInt(count[0][2]))};
}

}  // namespace birthmark::storage
