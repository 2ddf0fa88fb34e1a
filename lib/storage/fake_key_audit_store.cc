#include "lib/storage/fake_key_audit_store.h"

#include <algorithm>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"

namespace birthmark::storage {
namespace {

absl::Status NotFound(absl::string_view audit_id) {
  return MakeError(absl::StatusCode::kNotFound, reasons::kKeyAuditNotFound,
                   "fake",
                   {{"resource", absl::StrCat("keyAudits/", audit_id)}});
}

bool Runs(const KeyAuditRow& row) {
  return row.state == KeyAuditState::kRunning;
}

// What Note and End store of `from`.
void CopyWork(const KeyAuditRow& from, KeyAuditRow& to) {
  to.progress = from.progress;
  to.key_count = from.key_count;
  to.shared_count = from.shared_count;
  to.finding_count = from.finding_count;
  to.last_error = from.last_error;
}

}  // namespace

absl::Status FakeKeyAuditStore::Create(const KeyAuditRow& row,
                                       const Mutation& mutation) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  for (const auto& [id, audit] : transaction->key_audits) {
    if (Runs(audit)) {
      return MakeError(absl::StatusCode::kFailedPrecondition,
                       reasons::kKeyAuditRunning, "fake",
                       {{"resource", "keyAudits/-"}});
    }
  }
  KeyAuditRow& stored = transaction->key_audits[row.audit_id];
  stored.audit_id = row.audit_id;
  stored.actor = row.actor;
  stored.create_time = row.create_time;
  BIRTHMARK_RETURN_IF_ERROR(FakeRecord(transaction.tables(), mutation));
  transaction.Commit();
  return absl::OkStatus();
}

absl::StatusOr<KeyAuditRow> FakeKeyAuditStore::Get(absl::string_view audit_id) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto found = transaction->key_audits.find(std::string(audit_id));
  if (found == transaction->key_audits.end()) {
    return NotFound(audit_id);
  }
  return found->second;
}

absl::StatusOr<std::vector<KeyAuditRow>> FakeKeyAuditStore::List(
    const std::optional<KeyAuditCursor>& after, int limit) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<KeyAuditRow> rows;
  for (const auto& [id, row] : transaction->key_audits) {
    if (!after.has_value() ||
        std::tie(row.create_time, id) >
            std::tie(after->create_time, after->audit_id)) {
      rows.push_back(row);
    }
  }
  std::sort(rows.begin(), rows.end(),
            [](const KeyAuditRow& a, const KeyAuditRow& b) {
              return std::tie(a.create_time, a.audit_id) <
                     std::tie(b.create_time, b.audit_id);
            });
  rows.resize(std::min(rows.size(), static_cast<size_t>(limit)));
  return rows;
}

absl::StatusOr<std::optional<KeyAuditRow>> FakeKeyAuditStore::Running() {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::optional<KeyAuditRow> running;
  for (const auto& [id, row] : transaction->key_audits) {
    if (Runs(row)) {
      running = row;
    }
  }
  return running;
}

absl::StatusOr<bool> FakeKeyAuditStore::Note(const KeyAuditRow& row) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto found = transaction->key_audits.find(row.audit_id);
  if (found == transaction->key_audits.end() || !Runs(found->second)) {
    return false;
  }
  CopyWork(row, found->second);
  transaction.Commit();
  return true;
}

absl::StatusOr<KeyAuditRow> FakeKeyAuditStore::End(
    const KeyAuditRow& row, KeyAuditState state, absl::Time now,
    const MutationMaker& mutation_for) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto found = transaction->key_audits.find(row.audit_id);
  if (found == transaction->key_audits.end()) {
    return NotFound(row.audit_id);
  }
  KeyAuditRow& audit = found->second;
  if (!Runs(audit)) {
    return audit;
  }
  CopyWork(row, audit);
  audit.state = state;
  audit.end_time = now;
  BIRTHMARK_RETURN_IF_ERROR(
      FakeRecord(transaction.tables(), mutation_for(audit)));
  transaction.Commit();
  return audit;
}

absl::StatusOr<std::vector<RsaKeyRow>> FakeKeyAuditStore::ListRsaKeys(
    absl::string_view after, int limit) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<RsaKeyRow> rows;
  for (const auto& [spki_sha256, key] : transaction->keys) {
    const auto certificate = transaction->certificates.find(key.serial);
    if (static_cast<int>(rows.size()) == limit || spki_sha256 <= after ||
        key.algorithm != KeyAlgorithm::kRsa ||
        certificate == transaction->certificates.end()) {
      continue;
    }
    const auto device = transaction->devices.find(key.device_uid);
    rows.push_back({.spki_sha256 = spki_sha256,
                    .device_uid = key.device_uid,
                    .fleet_id = device == transaction->devices.end()
                                    ? ""
                                    : device->second.fleet_id,
                    .certificate_der = certificate->second.certificate_der});
  }
  return rows;
}

}  // namespace birthmark::storage
