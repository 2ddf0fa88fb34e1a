#include "lib/storage/fake_revocation_store.h"

#include <algorithm>
#include <optional>

#include "lib/base/ids.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/random.h"
#include "lib/storage/revocation_act.h"

namespace birthmark::storage {
namespace {

absl::StatusOr<RevocationRow> Perform(
    FakeDatabase::Tables& tables, const RevocationAct& act,
    const RevocationStore::MutationMaker& mutation_for) {
  const auto certificate = tables.certificates.find(act.row.serial);
  if (certificate == tables.certificates.end() ||
      certificate->second.issuer_id != act.row.issuer_id) {
    return CertificateNotFound(act.row);
  }
  std::optional<RevocationRow> before;
  const auto found = tables.revocations.find(act.row.serial);
  if (found != tables.revocations.end()) {
    before = found->second;
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const std::optional<RevocationRow> after,
                             Apply(act, before));
  if (BlocksKey(act)) {
    FakeBlockKey(tables, certificate->second.spki_sha256, act.row.update_time);
  }
  if (!after.has_value()) {
    return *before;
  }
  RevocationRow& stored = tables.revocations[act.row.serial];
  stored = *after;
  stored.crl_shard = certificate->second.crl_shard;
  stored.not_after = certificate->second.not_after;
  const auto device = tables.devices.find(certificate->second.device_uid);
  if (device != tables.devices.end()) {
    tables.events.push_back(EventOf(
        stored, device->second.fleet_id, device->first, device->second.state,
        FormatUid(act.row.update_time, crypto::RandomBytes(kUidRandomBytes))));
  }
  BIRTHMARK_RETURN_IF_ERROR(FakeRecord(tables, mutation_for(stored)));
  return stored;
}

}  // namespace

absl::StatusOr<RevocationRow> FakeRevocationStore::Do(
    const RevocationAct& act, const MutationMaker& mutation_for) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  BIRTHMARK_ASSIGN_OR_RETURN(RevocationRow stored,
                             Perform(transaction.tables(), act, mutation_for));
  transaction.Commit();
  return stored;
}

absl::StatusOr<RevocationRow> FakeRevocationStore::Revoke(
    const RevocationRow& row, int64_t version,
    const MutationMaker& mutation_for) {
  return Do({RevocationActKind::kRevoke, row, version}, mutation_for);
}

absl::StatusOr<RevocationRow> FakeRevocationStore::Hold(
    const RevocationRow& row, int64_t version,
    const MutationMaker& mutation_for) {
  return Do({RevocationActKind::kHold, row, version}, mutation_for);
}

absl::StatusOr<RevocationRow> FakeRevocationStore::Release(
    const RevocationRow& row, int64_t version,
    const MutationMaker& mutation_for) {
  return Do({RevocationActKind::kRelease, row, version}, mutation_for);
}

absl::StatusOr<RevocationRow> FakeRevocationStore::RevokeKey(
    absl::string_view spki_sha256, const RevocationRow& row,
    const MutationMaker& mutation_for) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  // A ceremony certifies keys that nobody enrolled.
  const auto certificate =
      std::find_if(transaction->certificates.begin(),
                   transaction->certificates.end(), [&](const auto& entry) {
                     return entry.second.spki_sha256 == spki_sha256;
                   });
  if (certificate == transaction->certificates.end()) {
    return KeyNotFound(spki_sha256);
  }
  RevocationAct act = {RevocationActKind::kReportKey, row};
  act.row.serial = certificate->first;
  act.row.issuer_id = certificate->second.issuer_id;
  act.row.reason = kKeyCompromise;
  BIRTHMARK_ASSIGN_OR_RETURN(RevocationRow stored,
                             Perform(transaction.tables(), act, mutation_for));
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
