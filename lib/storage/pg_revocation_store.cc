#include "lib/storage/pg_revocation_store.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/device_row.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/revocation_reason.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr Statement kCertificate = {"revocation_certificate", R"(
    SELECT c.crl_shard, c.not_after, c.device_uid, d.state
    FROM certificates c LEFT JOIN devices d ON d.device_uid = c.device_uid
    WHERE c.serial = $1 AND c.issuer_id = $2)"};
constexpr Statement kLock = {"revocation_lock",
                             "SELECT " BIRTHMARK_REVOCATION_COLUMNS R"(
    FROM revocations r WHERE r.serial = $1 FOR UPDATE)"};
constexpr Statement kInsert = {"revocation_insert", R"(
    INSERT INTO revocations AS r
      (serial, issuer_id, crl_shard, not_after, state, reason, actor, version,
       revoke_time, invalidity_time, update_time)
    VALUES ($1, $2, $3, $4, 2, $5, $6, 2, $7, $8, $9)
    ON CONFLICT DO NOTHING
    RETURNING )" BIRTHMARK_REVOCATION_COLUMNS};
constexpr Statement kUpdate = {"revocation_update", R"(
    UPDATE revocations AS r
    SET state = 2, reason = $2, actor = $3, version = r.version + 1,
        revoke_time = $4, invalidity_time = $5, update_time = $6
    WHERE r.serial = $1
    RETURNING )" BIRTHMARK_REVOCATION_COLUMNS};
constexpr Statement kList = {"revocation_list",
                             "SELECT " BIRTHMARK_REVOCATION_COLUMNS R"(
    FROM revocations r
    WHERE r.serial > $1 AND ($2::text = '' OR r.issuer_id = $2::text)
    ORDER BY r.serial LIMIT $3)"};

// OneRevocation is one run of the transaction.
class OneRevocation {
 public:
  OneRevocation(Session& session, const RevocationRow& row, int64_t version)
      : session_(session), row_(row), version_(version) {}

  absl::StatusOr<RevocationRow> Run(
      const RevocationStore::MutationMaker& mutation_for);

 private:
  std::string Name() const {
    return absl::StrCat("issuers/", row_.issuer_id, "/certificates/",
                        HexEncode(row_.serial));
  }
  absl::Status EtagMismatch() const {
    return MakeError(absl::StatusCode::kAborted, reasons::kEtagMismatch,
                     "the certificate's status has changed",
                     {{"resource", Name()}});
  }
  // The event shares its id with the audit entry: one act, in time order.
  void RecordEvent(absl::string_view device_uid, int64_t state,
                   const std::string& event_id);

  Session& session_;
  const RevocationRow& row_;
  const int64_t version_;
};

void OneRevocation::RecordEvent(absl::string_view device_uid, int64_t state,
                                const std::string& event_id) {
  const DeviceEventRow event = {
      .device_uid = std::string(device_uid),
      .event_id = event_id,
      .kind = "certificate_revoked",
      .from_state = static_cast<int>(state),
      .to_state = static_cast<DeviceState>(state),
      .actor = row_.actor,
      .reason = std::string(RevocationReasonName(row_.reason)),
      .details = {{"issuer", row_.issuer_id},
                  {"serial", HexEncode(row_.serial)}},
      .create_time = row_.update_time};
  RecordEvents(session_, {&event});
}

absl::StatusOr<RevocationRow> OneRevocation::Run(
    const RevocationStore::MutationMaker& mutation_for) {
  const auto certificate =
      session_.Exec(kCertificate, Bytes(row_.serial), Text(row_.issuer_id));
  if (certificate.empty()) {
    return MakeError(absl::StatusCode::kNotFound, reasons::kCertificateNotFound,
                     "there is no such certificate", {{"resource", Name()}});
  }
  const auto before = session_.Exec(kLock, Bytes(row_.serial));
  pqxx::result after;
  if (before.empty()) {
    if (version_ != 1) {
      return EtagMismatch();
    }
    after = session_.Exec(kInsert, Bytes(row_.serial), Text(row_.issuer_id),
                          Int(ReadInt(certificate[0][0])),
                          At(ReadTime(certificate[0][1])), Int(row_.reason),
                          Text(row_.actor), At(row_.revoke_time),
                          AtOrNull(row_.invalidity_time), At(row_.update_time));
    if (after.empty()) {
      return session_.Rerun();
    }
  } else {
    const RevocationRow existing = ReadRevocation(before[0]);
    if (existing.state == RevocationState::kRevoked) {
      if (existing.reason == row_.reason) {
        return existing;
      }
      return MakeError(absl::StatusCode::kFailedPrecondition,
                       reasons::kCertificateRevoked,
                       "the certificate is revoked for another reason",
                       {{"resource", Name()}, {"state", "REVOKED"}});
    }
    if (existing.version != version_) {
      return EtagMismatch();
    }
    after = session_.Exec(kUpdate, Bytes(row_.serial), Int(row_.reason),
                          Text(row_.actor), At(row_.revoke_time),
                          AtOrNull(row_.invalidity_time), At(row_.update_time));
  }
  const RevocationRow stored = ReadRevocation(after[0]);
  const Mutation mutation = mutation_for(stored);
  if (!certificate[0][3].is_null()) {
    RecordEvent(ReadText(certificate[0][2]), ReadInt(certificate[0][3]),
                mutation.audit.at(0).id);
  }
  BIRTHMARK_RETURN_IF_ERROR(RecordMutation(session_, mutation));
  return stored;
}

}  // namespace

absl::StatusOr<RevocationRow> PgRevocationStore::Revoke(
    const RevocationRow& row, int64_t version,
    const MutationMaker& mutation_for) {
  RevocationRow stored;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(
            stored, OneRevocation(session, row, version).Run(mutation_for));
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
