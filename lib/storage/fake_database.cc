#include "lib/storage/fake_database.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/audit/entry.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"

namespace birthmark::storage {

void FakeDatabase::FailNext(absl::Status status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  next_ = std::move(status);
}

std::vector<audit::Entry> FakeDatabase::audit() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return tables_.audit;
}

FakeDatabase::Transaction::Transaction(FakeDatabase& database)
    : lock_(database.mutex_),
      database_(database),
      failure_(std::exchange(database.next_, absl::OkStatus())),
      before_(database.tables_) {}

FakeDatabase::Transaction::~Transaction() {
  if (!committed_) {
    database_.tables_ = std::move(before_);
  }
}

absl::Status FakeRecord(FakeDatabase::Tables& tables,
                        const Mutation& mutation) {
  if (mutation.audit.empty()) {
    return absl::InternalError("a mutation without an audit entry");
  }
  tables.audit.insert(tables.audit.end(), mutation.audit.begin(),
                      mutation.audit.end());
  if (!mutation.request.has_value()) {
    return absl::OkStatus();
  }
  const RequestRecord& request = *mutation.request;
  const bool fresh =
      tables.requests
          .emplace(FakeDatabase::RequestKey{request.caller, request.method,
                                            request.request_id},
                   request)
          .second;
  if (!fresh) {
    return MakeError(absl::StatusCode::kAborted, reasons::kTransactionConflict,
                     "another request with the same request_id was faster");
  }
  return absl::OkStatus();
}

KeyRow FakeKey(const FakeDatabase::Tables& tables, const KeyRow& key) {
  KeyRow full = key;
  const auto certificate = tables.certificates.find(key.serial);
  if (certificate != tables.certificates.end()) {
    full.issuer_id = certificate->second.issuer_id;
  }
  return full;
}

CertificateRow FakeCertificate(const FakeDatabase::Tables& tables,
                               const CertificateRow& certificate) {
  CertificateRow full = certificate;
  full.revocation.reset();
  const auto revocation = tables.revocations.find(certificate.serial);
  if (revocation != tables.revocations.end()) {
    full.revocation = revocation->second;
  }
  return full;
}

bool FakeRevoke(FakeDatabase::Tables& tables, const CertificateRow& certificate,
                int reason, absl::string_view actor, absl::Time time) {
  const auto [place, fresh] =
      tables.revocations.try_emplace(certificate.serial);
  RevocationRow& row = place->second;
  if (!fresh && row.state == RevocationState::kRevoked) {
    return false;
  }
  row = {.serial = certificate.serial,
         .issuer_id = certificate.issuer_id,
         .crl_shard = certificate.crl_shard,
         .not_after = certificate.not_after,
         .reason = reason,
         .actor = std::string(actor),
         .version = fresh ? 2 : row.version + 1,
         .revoke_time = time,
         .update_time = time};
  return true;
}

void FakeBlockKey(FakeDatabase::Tables& tables, const std::string& spki_sha256,
                  absl::Time time) {
  const auto key = tables.keys.find(spki_sha256);
  if (key != tables.keys.end()) {
    key->second.state = KeyState::kBlocked;
    if (!key->second.retire_time.has_value()) {
      key->second.retire_time = time;
    }
  }
}

}  // namespace birthmark::storage
