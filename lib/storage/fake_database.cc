#include "lib/storage/fake_database.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/audit/entry.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"

namespace birthmark::storage {
namespace {

bool Differ(const RevocationRow& a, const RevocationRow& b) {
  return std::tie(a.state, a.reason, a.version, a.revoke_time,
                  a.invalidity_time, a.update_time) !=
         std::tie(b.state, b.reason, b.version, b.revoke_time,
                  b.invalidity_time, b.update_time);
}

RevocationChange ChangeOf(const RevocationRow& row, int64_t revision) {
  return {.revision = revision,
          .serial = row.serial,
          .issuer_id = row.issuer_id,
          .crl_shard = row.crl_shard,
          .not_after = row.not_after,
          .state = row.state,
          .reason = row.reason,
          .revoke_time = row.revoke_time,
          .invalidity_time = row.invalidity_time,
          .update_time = row.update_time};
}

// A revocation of a certificate that the shard's row does not account for makes
// the shard known, so that its CRL is made.
void KnowShard(FakeDatabase::Tables& tables, const RevocationRow& row) {
  if (row.crl_shard >= 0) {
    const auto [place, fresh] =
        tables.crl_shards.try_emplace({row.issuer_id, row.crl_shard});
    FakeDatabase::Shard& shard = place->second;
    if (fresh) {
      shard.assigned = std::numeric_limits<int>::max();
    }
    shard.live_until = std::max(shard.live_until, row.not_after);
  }
}

}  // namespace

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

void FakeDatabase::Transaction::Commit() {
  committed_ = true;
  Tables& tables = database_.tables_;
  for (const auto& [serial, row] : tables.revocations) {
    const auto before = before_.revocations.find(serial);
    if (before == before_.revocations.end() || Differ(before->second, row)) {
      tables.changes.push_back(ChangeOf(row, ++database_.last_revision_));
      KnowShard(tables, row);
    }
  }
}

void FakeDatabase::Transaction::SkipTo(int64_t revision) {
  database_.last_revision_ = std::max(database_.last_revision_, revision);
  for (auto& [key, shard] : database_.tables_.crl_shards) {
    shard.assigned = std::numeric_limits<int>::max();
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

int64_t FakeLatestRevision(const FakeDatabase::Tables& tables,
                           const FakeDatabase::ShardKey& shard) {
  for (auto change = tables.changes.rbegin(); change != tables.changes.rend();
       ++change) {
    if (change->issuer_id == shard.first && change->crl_shard == shard.second) {
      return change->revision;
    }
  }
  return 0;
}

bool FakeIsLive(const FakeDatabase::Tables& tables,
                const FakeDatabase::ShardKey& key,
                const FakeDatabase::Shard& shard, absl::Time now) {
  const auto crl = tables.crls.find(key);
  return shard.live_until >= now ||
         (crl != tables.crls.end() &&
          crl->second.this_update <= shard.live_until);
}

}  // namespace birthmark::storage
