#include "lib/storage/pg_revocation_store.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/device_row.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/revocation_act.h"
#include "lib/storage/revoke_sql.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr Statement kCertificate = {"revocation_certificate", R"(
    SELECT c.crl_shard, c.not_after, c.spki_sha256, c.device_uid, d.state,
           c.issuer_id, d.fleet_id
    FROM certificates c LEFT JOIN devices d ON d.device_uid = c.device_uid
    WHERE c.serial = $1)"};
constexpr Statement kSerialOfKey = {"revocation_serial_of_key",
                                    "SELECT " BIRTHMARK_SERIAL_OF_KEY};
constexpr Statement kLock = {"revocation_lock",
                             "SELECT " BIRTHMARK_REVOCATION_COLUMNS R"(
    FROM revocations r WHERE r.serial = $1 FOR UPDATE)"};
constexpr Statement kInsert = {"revocation_insert", R"(
    INSERT INTO revocations AS r
      (serial, issuer_id, crl_shard, not_after, state, reason, actor, version,
       revoke_time, invalidity_time, update_time)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 2, $8, $9, $10)
    ON CONFLICT DO NOTHING
    RETURNING )" BIRTHMARK_REVOCATION_COLUMNS};
constexpr Statement kUpdate = {"revocation_update", R"(
    UPDATE revocations AS r
    SET state = $2, reason = $3, actor = $4, version = r.version + 1,
        revoke_time = $5, invalidity_time = $6, update_time = $7
    WHERE r.serial = $1
    RETURNING )" BIRTHMARK_REVOCATION_COLUMNS};
constexpr Statement kList = {"revocation_list",
                             "SELECT " BIRTHMARK_REVOCATION_COLUMNS R"(
    FROM revocations r
    WHERE r.serial > $1 AND ($2::text = '' OR r.issuer_id = $2::text)
    ORDER BY r.serial LIMIT $3)"};

// Perform is one run of the transaction of `act`.
absl::StatusOr<RevocationRow> Perform(
    Session& session, const RevocationAct& act,
    const RevocationStore::MutationMaker& mutation_for) {
  const auto found = session.Exec(kCertificate, Bytes(act.row.serial));
  if (found.empty() || ReadText(found[0][5]) != act.row.issuer_id) {
    return CertificateNotFound(act.row);
  }
  const auto& certificate = found[0];
  if (act.kind == RevocationActKind::kRelease && !certificate[4].is_null() &&
      static_cast<DeviceState>(ReadInt(certificate[4])) ==
          DeviceState::kQuarantined) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, reasons::kDeviceState,
        "the certificate's device is quarantined: release the device",
        {{"resource", absl::StrCat("fleets/", ReadText(certificate[6]),
                                   "/devices/", ReadText(certificate[3]))},
         {"state", "QUARANTINED"}});
  }
  if (BlocksKey(act)) {
    // Keys before revocations, as everybody.
    BlockKeys(session, {ReadBytes(certificate[2])}, act.row.update_time);
  }
  std::optional<RevocationRow> before;
  const auto locked = session.Exec(kLock, Bytes(act.row.serial));
  if (!locked.empty()) {
    before = ReadRevocation(locked[0]);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const std::optional<RevocationRow> after,
                             Apply(act, before));
  if (!after.has_value()) {
    return *before;
  }
  const auto changed =
      before.has_value()
          ? session.Exec(
                kUpdate, Bytes(after->serial),
                Int(static_cast<int>(after->state)), Int(after->reason),
                Text(after->actor), At(after->revoke_time),
                AtOrNull(after->invalidity_time), At(after->update_time))
          : session.Exec(
                kInsert, Bytes(after->serial), Text(after->issuer_id),
                Int(ReadInt(certificate[0])), At(ReadTime(certificate[1])),
                Int(static_cast<int>(after->state)), Int(after->reason),
                Text(after->actor), At(after->revoke_time),
                AtOrNull(after->invalidity_time), At(after->update_time));
  if (changed.empty()) {
    return session.Rerun();
  }
  RevocationRow stored = ReadRevocation(changed[0]);
  const Mutation mutation = mutation_for(stored);
  if (!certificate[4].is_null()) {
    const DeviceEventRow event =
        EventOf(stored, ReadText(certificate[6]), ReadText(certificate[3]),
                static_cast<DeviceState>(ReadInt(certificate[4])),
                mutation.audit.at(0).id);
    RecordEvents(session, {&event});
  }
  BIRTHMARK_RETURN_IF_ERROR(RecordMutation(session, mutation));
  return stored;
}

}  // namespace

absl::StatusOr<RevocationRow> PgRevocationStore::Do(
    const RevocationAct& act, const MutationMaker& mutation_for) {
  RevocationRow stored;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(stored, Perform(session, act, mutation_for));
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun));
  return stored;
}

absl::StatusOr<RevocationRow> PgRevocationStore::Revoke(
    const RevocationRow& row, int64_t version,
    const MutationMaker& mutation_for) {
  return Do({RevocationActKind::kRevoke, row, version}, mutation_for);
}

absl::StatusOr<RevocationRow> PgRevocationStore::Hold(
    const RevocationRow& row, int64_t version,
    const MutationMaker& mutation_for) {
  return Do({RevocationActKind::kHold, row, version}, mutation_for);
}

absl::StatusOr<RevocationRow> PgRevocationStore::Release(
    const RevocationRow& row, int64_t version,
    const MutationMaker& mutation_for) {
  return Do({RevocationActKind::kRelease, row, version}, mutation_for);
}

absl::StatusOr<RevocationRow> PgRevocationStore::RevokeKey(
    absl::string_view spki_sha256, const RevocationRow& row,
    const MutationMaker& mutation_for) {
  RevocationRow stored;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        const auto key = session.Exec(kSerialOfKey, Bytes(spki_sha256));
        if (key[0][0].is_null()) {
          return KeyNotFound(spki_sha256);
        }
        RevocationAct act = {RevocationActKind::kReportKey, row};
        act.row.serial = ReadBytes(key[0][0]);
        act.row.reason = kKeyCompromise;
        const auto certificate =
            session.Exec(kCertificate, Bytes(act.row.serial));
        if (certificate.empty()) {
          return KeyNotFound(spki_sha256);
        }
        act.row.issuer_id = ReadText(certificate[0][5]);
        BIRTHMARK_ASSIGN_OR_RETURN(stored, Perform(session, act, mutation_for));
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun));
  return stored;
}

absl::StatusOr<std::vector<RevocationRow>> PgRevocationStore::List(
    absl::string_view issuer_id, absl::string_view after, int limit) {
  std::vector<RevocationRow> rows;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        rows.clear();
        for (const auto& row :
             session.Exec(kList, Bytes(after), Text(issuer_id), Int(limit))) {
          rows.push_back(ReadRevocation(row));
        }
        return absl::OkStatus();
      }));
  return rows;
}

}  // namespace birthmark::storage
