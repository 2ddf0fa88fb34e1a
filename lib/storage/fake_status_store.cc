#include "lib/storage/fake_status_store.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"

namespace birthmark::storage {
namespace {

absl::StatusOr<CrlRow> Current(const FakeDatabase::Tables& tables,
                               const FakeDatabase::ShardKey& shard) {
  const auto found = tables.crls.find(shard);
  if (found == tables.crls.end()) {
    return MakeError(absl::StatusCode::kNotFound, reasons::kCrlShardNotFound,
                     "fake", {{"resource", shard.first}});
  }
  return found->second;
}

}  // namespace

absl::StatusOr<StatusStore::Statuses> FakeStatusStore::Find(
    absl::Span<const std::string> serials) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  Statuses statuses;
  if (!transaction->changes.empty()) {
    statuses.revision = transaction->changes.back().revision;
  }
  for (const std::string& serial : serials) {
    const auto certificate = transaction->certificates.find(serial);
    const auto revocation = transaction->revocations.find(serial);
    CertificateStatus status = {.serial = serial};
    if (revocation != transaction->revocations.end()) {
      status.issuer_id = revocation->second.issuer_id;
      status.not_after = revocation->second.not_after;
      status.revocation = revocation->second;
    }
    if (certificate != transaction->certificates.end()) {
      status.issuer_id = certificate->second.issuer_id;
      status.not_after = certificate->second.not_after;
    }
    if (!status.issuer_id.empty()) {
      statuses.certificates.push_back(std::move(status));
    }
  }
  return statuses;
}

absl::StatusOr<std::vector<ShardStatus>> FakeStatusStore::ListShards(
    absl::Time now) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<ShardStatus> shards;
  for (const auto& [key, shard] : transaction->crl_shards) {
    if (!FakeIsLive(transaction.tables(), key, shard, now)) {
      continue;
    }
    ShardStatus status = {
        .issuer_id = key.first,
        .crl_shard = key.second,
        .live_until = shard.live_until,
        .latest_revision = FakeLatestRevision(transaction.tables(), key)};
    const auto crl = transaction->crls.find(key);
    if (crl != transaction->crls.end()) {
      status.number = crl->second.number;
      status.revision = crl->second.revision;
      status.this_update = crl->second.this_update;
      status.next_update = crl->second.next_update;
      status.entries = crl->second.entries;
    }
    shards.push_back(std::move(status));
  }
  return shards;
}

absl::StatusOr<CrlRow> FakeStatusStore::ReadCrl(absl::string_view issuer_id,
                                                int crl_shard) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  return Current(transaction.tables(), {std::string(issuer_id), crl_shard});
}

absl::StatusOr<StatusStore::ShardTruth> FakeStatusStore::ReadTruth(
    absl::string_view issuer_id, int crl_shard) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const FakeDatabase::ShardKey shard = {std::string(issuer_id), crl_shard};
  ShardTruth truth;
  BIRTHMARK_ASSIGN_OR_RETURN(truth.crl, Current(transaction.tables(), shard));
  const absl::Time expired_before =
      std::min(truth.crl.expired_before, truth.crl.this_update);
  for (const auto& [serial, row] : transaction->revocations) {
    if (row.issuer_id == shard.first && row.crl_shard == shard.second &&
        row.state != RevocationState::kReleased &&
        row.not_after >= expired_before) {
      truth.revoked.push_back(serial);
    }
  }
  std::set<std::string> changed;
  for (const RevocationChange& change : transaction->changes) {
    if (change.issuer_id == shard.first && change.crl_shard == shard.second &&
        change.revision > truth.crl.revision) {
      changed.insert(change.serial);
    }
  }
  truth.changed.assign(changed.begin(), changed.end());
  return truth;
}

}  // namespace birthmark::storage
