#include "lib/storage/fake_crl_store.h"

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/certificate_store.h"

namespace birthmark::storage {
namespace {

// ChangedAfter returns the present state of what changed after `revision`.
std::vector<RevocationRow> ChangedAfter(const FakeDatabase::Tables& tables,
                                        const FakeDatabase::ShardKey& shard,
                                        int64_t revision,
                                        absl::Time expired_before) {
  std::set<std::string> serials;
  for (const RevocationChange& change : tables.changes) {
    if (change.revision > revision && change.issuer_id == shard.first &&
        change.crl_shard == shard.second &&
        change.not_after >= expired_before) {
      serials.insert(change.serial);
    }
  }
  std::vector<RevocationRow> rows;
  for (const std::string& serial : serials) {
    rows.push_back(tables.revocations.at(serial));
  }
  return rows;
}

CrlStore::Changes ReadChanges(const FakeDatabase::Tables& tables,
                              const FakeDatabase::ShardKey& shard,
                              const CrlStore::Request& request,
                              const std::optional<CrlRow>& newest,
                              int64_t latest) {
  CrlStore::Changes changes;
  changes.newest = newest;
  changes.revision = latest;
  changes.whole = request.whole || !newest.has_value();
  if (!changes.whole) {
    changes.changed =
        ChangedAfter(tables, shard, newest->revision, request.expired_before);
  }
  for (const auto& [serial, row] : tables.revocations) {
    if (row.issuer_id != shard.first || row.crl_shard != shard.second) {
      continue;
    }
    const bool expired = row.not_after < request.expired_before;
    if (changes.whole && !expired && row.state != RevocationState::kReleased) {
      changes.changed.push_back(row);
    }
    if (!changes.whole && expired && row.not_after >= newest->expired_before) {
      changes.expired.push_back(serial);
    }
  }
  if (request.base_revision.has_value()) {
    changes.since_base = ChangedAfter(tables, shard, *request.base_revision,
                                      request.expired_before);
  }
  return changes;
}

}  // namespace

absl::StatusOr<CrlRow> FakeCrlStore::Refresh(absl::string_view issuer_id,
                                             int crl_shard, const Plan& plan,
                                             const Maker& maker) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const FakeDatabase::ShardKey shard = {std::string(issuer_id), crl_shard};
  std::optional<CrlRow> newest;
  const auto found = transaction->crls.find(shard);
  if (found != transaction->crls.end()) {
    newest = found->second;
  }
  const int64_t latest = FakeLatestRevision(transaction.tables(), shard);
  if (crl_shard < 0 || (!newest.has_value() && latest == 0 &&
                        transaction->crl_shards.count(shard) == 0)) {
    return MakeError(absl::StatusCode::kNotFound, reasons::kCrlShardNotFound,
                     "fake", {{"resource", shard.first}});
  }
  std::optional<CrlRow> without_octets = newest;
  if (newest.has_value()) {
    without_octets->crl_der.clear();
    if (newest->delta.has_value()) {
      without_octets->delta->crl_der.clear();
    }
  }
  const std::optional<Request> request = plan(without_octets, latest);
  if (!request.has_value()) {
    if (!newest.has_value()) {
      return absl::InternalError("there is no CRL and none was planned");
    }
    return *newest;
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const MadeCrl made,
                             maker(ReadChanges(transaction.tables(), shard,
                                               *request, newest, latest)));
  if (newest.has_value() && made.row.number <= newest->number) {
    return absl::InternalError("the number of a CRL must grow");
  }
  transaction->crls[shard] = made.row;
  BIRTHMARK_RETURN_IF_ERROR(FakeRecord(transaction.tables(), made.mutation));
  transaction.Commit();
  return made.row;
}

}  // namespace birthmark::storage
