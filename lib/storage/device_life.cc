#include "lib/storage/device_life.h"

#include <functional>
#include <iostream>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/ids.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/random.h"
#include "tests/support/herd.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using tests::PostgresCluster;

const std::string& DatabaseName() {
  static const std::string& name =
      *new std::string(PostgresCluster::Shared().CreateDatabase());
  return name;
}

std::unique_ptr<Database> OpenAs(absl::string_view role) {
  auto database =
      Database::Open(PostgresCluster::Shared().Dsn(DatabaseName(), role), 16);
  if (!database.ok()) {
    std::cerr << database.status() << std::endl;
    abort();
  }
  return *std::move(database);
}

// Each returns a row for what is wrong.
const std::pair<const char*, const char*> kInvariants[] = {
    {"counts are not what they count", R"(
      SELECT fleet_id, state, sum(n) FROM (
        SELECT fleet_id, state, devices AS n FROM device_counts
        WHERE component = ''
        UNION ALL SELECT fleet_id, state, devices FROM device_count_changes
        WHERE component = ''
        UNION ALL SELECT fleet_id, state, -1 FROM devices) c
      GROUP BY fleet_id, state HAVING sum(n) <> 0)"},
    // Not the newest: who waits for a device has its number already.
    {"a state without its event", R"(
      SELECT d.device_uid, d.state FROM devices d
      WHERE (SELECT NOT bool_or(e.to_state = d.state) FROM device_events e
             WHERE e.device_uid = d.device_uid))"},
    {"a certificate of a decommissioned device that is not revoked", R"(
      SELECT c.serial FROM devices d JOIN certificates c USING (device_uid)
      LEFT JOIN revocations r USING (serial)
      WHERE d.state >= 4 AND r.state IS DISTINCT FROM 2)"},
    {"a key of a decommissioned device in use", R"(
      SELECT k.spki_sha256 FROM devices d JOIN keys k USING (device_uid)
      WHERE d.state >= 4 AND k.state = 1)"},
    {"a good certificate of a quarantined device", R"(
      SELECT c.serial FROM devices d JOIN certificates c USING (device_uid)
      LEFT JOIN revocations r USING (serial)
      WHERE d.state = 3 AND (r.state IS NULL OR r.state = 3))"},
    {"a quarantine that does not go with the state", R"(
      SELECT d.device_uid FROM devices d
      LEFT JOIN quarantines q ON q.device_uid = d.device_uid
                                 AND q.release_time IS NULL
      WHERE (d.state = 3) <> (q.device_uid IS NOT NULL))"},
    {"a decommission that does not go with the state", R"(
      SELECT d.device_uid FROM devices d
      LEFT JOIN decommissions x USING (device_uid)
      WHERE (d.state >= 4) <> (x.device_uid IS NOT NULL)
         OR (d.state = 5) <> (x.end_time IS NOT NULL))"},
    {"what is personal of a decommissioned device", R"(
      SELECT d.device_uid FROM devices d
      LEFT JOIN device_labels l ON l.device_uid = d.device_uid AND l.personal
      WHERE d.state = 5 AND (d.display_name <> '' OR l.label_key IS NOT NULL))"},
    {"labels or firmware in another fleet than their device", R"(
      SELECT d.device_uid FROM devices d JOIN device_labels l USING (device_uid)
      WHERE l.fleet_id <> d.fleet_id
      UNION ALL
      SELECT d.device_uid FROM devices d
      JOIN device_firmware f USING (device_uid) WHERE f.fleet_id <> d.fleet_id)"},
    {"a note about a key that has its certificate", R"(
      SELECT serial FROM keys_stopped_uncertified
      JOIN certificates USING (serial))"},
};

}  // namespace

const char* OperationName(Operation operation) {
  static constexpr const char* kNames[kOperations] = {
      "Enroll",  "Touch",  "Report", "Quarantine", "Release", "Decommission",
      "Confirm", "End",    "Offer",  "Accept",     "Cancel",  "Request",
      "Approve", "Reject", "Update", "Erase",      "BlockKey"};
  return kNames[static_cast<int>(operation)];
}

DeviceLife::DeviceLife(int wipe_timeout_seconds)
    : wipe_timeout_seconds_(wipe_timeout_seconds),
      seconds_(absl::ToUnixSeconds(Clock::Real().Now())),
      inventory_(OpenAs(PostgresCluster::kInventory)),
      registration_database_(OpenAs(PostgresCluster::kRegistration)),
      ca_(OpenAs(PostgresCluster::kCa)),
      devices_(*inventory_),
      decommissions_(*inventory_),
      transfers_(*inventory_),
      registration_(*registration_database_),
      revocations_(*registration_database_),
      certificates_(*ca_) {
  PostgresCluster::Shared().Empty(DatabaseName());
  Sql(tests::HerdSql({.fleet = kOther,
                      .name = "elsewhere",
                      .devices = 1,
                      .wipe_timeout_seconds = wipe_timeout_seconds}));
}

std::vector<std::string> DeviceLife::Add(const std::string& herd, int devices,
                                         DeviceState state) {
  const tests::Herd all = {.fleet = kFleet,
                           .name = herd,
                           .devices = devices,
                           .state = static_cast<int>(state),
                           .wipe_timeout_seconds = wipe_timeout_seconds_};
  Sql(tests::HerdSql(all));
  std::vector<std::string> uids;
  for (int i = 1; i <= devices; ++i) {
    uids.push_back(HerdUid(all, i));
  }
  return uids;
}

absl::Status DeviceLife::Do(Operation operation, const std::string& uid,
                            const std::string& board) {
  switch (operation) {
    case Operation::kEnroll: {
      const KeyRow key = NewKey(uid);
      BIRTHMARK_RETURN_IF_ERROR(Enroll(uid, key));
      return Record(key, Get(uid).fleet_id);
    }
    case Operation::kTouch:
      return registration_
          .Touch({.device_uid = uid,
                  .serial = CurrentSerial(uid),
                  .actor = "device",
                  .time = Now()})
          .status();
    case Operation::kReport:
      return Report(uid);
    case Operation::kQuarantine:
      return Act(uid, DeviceActKind::kQuarantine);
    case Operation::kRelease:
      return Act(uid, DeviceActKind::kRelease);
    case Operation::kDecommission:
      return Act(uid, DeviceActKind::kDecommission);
    case Operation::kConfirmWipe:
      return ConfirmWipe(uid);
    case Operation::kEnd:
      return End(uid);
    case Operation::kOffer:
    case Operation::kAccept:
    case Operation::kCancel:
      return Transfer(operation, uid);
    case Operation::kRequest:
    case Operation::kApprove:
    case Operation::kReject:
      return Replace(operation, uid, board);
    case Operation::kUpdate:
    case Operation::kErase:
    case Operation::kBlockKey:
      return Change(operation, uid);
  }
  return absl::OkStatus();
}

DeviceRow DeviceLife::Get(const std::string& uid) {
  return *devices_.Get("", uid);
}

std::string DeviceLife::Sql(const std::string& statement) const {
  return PostgresCluster::Shared().Sql(DatabaseName(), statement);
}

std::string DeviceLife::Broken() const {
  std::string all;
  for (const auto& [what, query] : kInvariants) {
    absl::StrAppend(&all, all.empty() ? "" : " UNION ALL ", "SELECT '", what,
                    "', t::text FROM (", query, ") AS t");
  }
  return Sql(all);
}

absl::Time DeviceLife::Now() { return absl::FromUnixSeconds(++seconds_); }

std::string DeviceLife::Uid() {
  return FormatUid(Now(), crypto::RandomBytes(kUidRandomBytes));
}

KeyRow DeviceLife::NewKey(const std::string& uid) {
  const absl::Time now = Now();
  std::string serial;
  AppendUint64(static_cast<uint64_t>(absl::ToUnixMillis(now)) << 16, serial);
  AppendUint64(++count_, serial);
  return {.spki_sha256 = crypto::Sha256(crypto::RandomBytes(32)),
          .device_uid = uid,
          .owner = absl::StrCat("fleets/", Get(uid).fleet_id, "/devices/", uid),
          .usage = KeyUsage::kLdevid,
          .serial = serial,
          .profile = "ldevid",
          .create_time = now};
}

absl::Status DeviceLife::Enroll(const std::string& uid, const KeyRow& key) {
  const DeviceRow device = Get(uid);
  DeviceEventRow event = Event("registered");
  event.fleet_id = device.fleet_id;
  event.from_state = static_cast<int>(device.state);
  return registration_
      .Enroll(
          {.device_uid = uid,
           .serial = CurrentSerial(uid),
           .actor = "device",
           .time = Now()},
          {.key = key, .event = event, .mutation = Change("device.register")})
      .status();
}

absl::Status DeviceLife::Record(const KeyRow& key,
                                const std::string& fleet_id) {
  return certificates_
      .Insert({{.serial = key.serial,
                .issuer_id = "ldevid",
                .profile = "ldevid",
                .profile_version = 1,
                .spki_sha256 = key.spki_sha256,
                .device_uid = key.device_uid,
                .fleet_id = fleet_id,
                .crl_shard = 1,
                .not_before = key.create_time,
                .not_after = key.create_time + absl::Hours(24),
                .certificate_der = absl::StrCat("c", HexEncode(key.serial)),
                .create_time = key.create_time}},
              {Change("certificate.issue").audit[0]})
      .status();
}

Mutation DeviceLife::Change(absl::string_view action) {
  return {.audit = {{.id = Uid(),
                     .time = Now(),
                     .actor = kAda,
                     .action = std::string(action),
                     .resource = "things/1"}}};
}

DeviceAct DeviceLife::ActOf(DeviceActKind kind) {
  return {.kind = kind, .reason = "test", .actor = kAda, .time = Now()};
}

absl::Status DeviceLife::Act(const std::string& uid, DeviceActKind kind) {
  return devices_
      .Act(
          "", uid, 0, ActOf(kind), [this] { return Uid(); },
          [this](const DeviceActResult& result) {
            return Change(absl::StrCat("device.", result.event.kind));
          })
      .status();
}

absl::Status DeviceLife::Report(const std::string& uid) {
  FirmwareAttempt attempt;
  attempt.contact = {.device_uid = uid,
                     .serial = CurrentSerial(uid),
                     .actor = "device",
                     .time = Now()};
  attempt.reports = {{.report_id = Uid(),
                      .component = "os",
                      .firmware_version = absl::StrCat("1.", ++count_),
                      .digest = crypto::Sha256(absl::StrCat(count_.load())),
                      .security_version = count_,
                      .report_time = Now()}};
  attempt.event = Event("firmware_reported");
  attempt.mutation = Change("firmware.report");
  return registration_.ReportFirmware({&attempt})[0];
}

// What a receipt does, without one.
absl::Status DeviceLife::ConfirmWipe(const std::string& uid) {
  const std::string done = Sql(absl::StrCat(
      "UPDATE decommissions SET wipe_outcome = 2, wipe_receipt = 'receipt', "
      "wipe_key = sha256(''), wipe_time = create_time WHERE device_uid = '",
      uid, "' AND wipe_outcome = 1 AND end_time IS NULL RETURNING 'done'"));
  return absl::StrContains(done, "done")
             ? absl::OkStatus()
             : absl::FailedPreconditionError("no wipe was asked for");
}

absl::Status DeviceLife::End(const std::string& uid) {
  const bool waits = Get(uid).state == DeviceState::kDecommissioning;
  BIRTHMARK_RETURN_IF_ERROR(
      decommissions_
          .End(
              Now() + absl::Hours(24 * 366), 1000, [this] { return Uid(); },
              [this](const DecommissionRow&, const DeviceEventRow&) {
                return Change("device.decommissioned").audit[0];
              })
          .status());
  return waits ? absl::OkStatus()
               : absl::FailedPreconditionError("there is nothing to end");
}

absl::Status DeviceLife::Transfer(Operation operation, const std::string& uid) {
  const auto new_id = [this] { return Uid(); };
  const auto mutation = [this](const TransferRow&) {
    return Change("transfer.change");
  };
  if (operation == Operation::kOffer) {
    const std::string from = Get(uid).fleet_id;
    return transfers_
        .Offer({.transfer_id = Uid(),
                .device_uid = uid,
                .from_fleet_id = from,
                .to_fleet_id = from == kFleet ? kOther : kFleet,
                .reason = "sold",
                .offer_actor = kAda,
                .create_time = Now()},
               new_id, mutation)
        .status();
  }
  std::string id = Sql(absl::StrCat(
      "SELECT transfer_id FROM device_transfers WHERE device_uid = '", uid,
      "' AND state = 1"));
  id = id.substr(0, id.find('\n'));
  return operation == Operation::kAccept
             ? transfers_.Accept(id, kBob, Now(), new_id, mutation).status()
             : transfers_.Cancel(id, kBob, Now(), new_id, mutation).status();
}

absl::Status DeviceLife::Replace(Operation operation, const std::string& uid,
                                 const std::string& board) {
  const auto new_id = [this] { return Uid(); };
  const auto mutation = [this](const ReplacementRow&) {
    return Change("replacement.change");
  };
  if (operation == Operation::kRequest) {
    return transfers_
        .Request({.replacement_id = Uid(),
                  .fleet_id = Get(uid).fleet_id,
                  .old_uid = uid,
                  .new_uid = board,
                  .reason = "broken",
                  .create_actor = kAda,
                  .create_time = Now()},
                 new_id, mutation)
        .status();
  }
  std::string id = Sql(absl::StrCat(
      "SELECT replacement_id FROM device_replacements WHERE old_uid = '", uid,
      "' AND state = 1"));
  id = id.substr(0, id.find('\n'));
  return operation == Operation::kApprove
             ? transfers_.Approve("", id, kBob, Now(), new_id, mutation)
                   .status()
             : transfers_.Reject("", id, kBob, Now(), mutation).status();
}

absl::Status DeviceLife::Change(Operation operation, const std::string& uid) {
  if (operation == Operation::kErase) {
    return devices_
        .Erase(
            "", uid, 0, Event("personal_data_erased"),
            [this](const ErasedData&) { return Change("personal_data.erase"); })
        .status();
  }
  if (operation == Operation::kBlockKey) {
    return devices_
        .BlockKey("", uid, devices_.ListKeys(uid, "", 10)->back().spki_sha256,
                  Event("key_blocked"),
                  [this](const KeyRow&) { return Change("key.block"); })
        .status();
  }
  DeviceUpdate update;
  update.display_name = absl::StrCat("name ", ++count_);
  update.display_name_salt = crypto::RandomBytes(32);
  update.set_labels = {
      {.key = "site", .value = absl::StrCat("s", count_.load())},
      {.key = "owner",
       .value = "Ada",
       .personal = true,
       .salt = crypto::RandomBytes(32)}};
  return devices_
      .Update("", uid, 0, update, Event("updated"),
              [this](const DeviceUpdated&) { return Change("device.update"); })
      .status();
}

DeviceEventRow DeviceLife::Event(absl::string_view kind) {
  return {.event_id = Uid(),
          .kind = std::string(kind),
          .actor = kAda,
          .reason = "test",
          .create_time = Now()};
}

std::string DeviceLife::CurrentSerial(const std::string& uid) {
  return devices_.ListKeys(uid, "", 1000)->back().serial;
}

}  // namespace birthmark::storage
