#include "lib/storage/fake_revocation_store.h"

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/random.h"
#include "lib/storage/revocation_reason.h"

namespace birthmark::storage {
namespace {

absl::Status Fail(absl::StatusCode code, absl::string_view reason,
                  const RevocationRow& row) {
  return MakeError(
      code, reason, "fake",
      {{"resource", absl::StrCat("issuers/", row.issuer_id, "/certificates/",
                                 HexEncode(row.serial))}});
}

}  // namespace

absl::StatusOr<RevocationRow> FakeRevocationStore::Revoke(
    const RevocationRow& row, int64_t version,
    const MutationMaker& mutation_for) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto certificate = transaction->certificates.find(row.serial);
  if (certificate == transaction->certificates.end() ||
      certificate->second.issuer_id != row.issuer_id) {
    return Fail(absl::StatusCode::kNotFound, reasons::kCertificateNotFound,
                row);
  }
  const auto found = transaction->revocations.find(row.serial);
  const bool known = found != transaction->revocations.end();
  if (known && found->second.state == RevocationState::kRevoked) {
    if (found->second.reason != row.reason) {
      return Fail(absl::StatusCode::kFailedPrecondition,
                  reasons::kCertificateRevoked, row);
    }
    return found->second;
  }
  if (version != (known ? found->second.version : 1)) {
    return Fail(absl::StatusCode::kAborted, reasons::kEtagMismatch, row);
  }
  FakeRevoke(transaction.tables(), certificate->second, row.reason, row.actor,
             row.revoke_time);
  RevocationRow& stored = transaction->revocations[row.serial];
  stored.invalidity_time = row.invalidity_time;
  stored.update_time = row.update_time;
  const auto device = transaction->devices.find(certificate->second.device_uid);
  if (device != transaction->devices.end()) {
    transaction->events.push_back(
        {.device_uid = device->first,
         .event_id =
             FormatUid(row.update_time, crypto::RandomBytes(kUidRandomBytes)),
         .kind = "certificate_revoked",
         .from_state = static_cast<int>(device->second.state),
         .to_state = device->second.state,
         .actor = row.actor,
         .reason = std::string(RevocationReasonName(row.reason)),
         .details = {{"issuer", row.issuer_id},
                     {"serial", HexEncode(row.serial)}},
         .create_time = row.update_time});
  }
  BIRTHMARK_RETURN_IF_ERROR(
      FakeRecord(transaction.tables(), mutation_for(stored)));
  transaction.Commit();
  return stored;
}

absl::StatusOr<std::vector<RevocationRow>> FakeRevocationStore::List(
    absl::string_view issuer_id, absl::string_view after, int limit) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<RevocationRow> rows;
  for (const auto& [serial, row] : transaction->revocations) {
    if (serial > after && static_cast<int>(rows.size()) < limit &&
        (issuer_id.empty() || row.issuer_id == issuer_id)) {
      rows.push_back(row);
    }
  }
  return rows;
}

}  // namespace birthmark::storage
