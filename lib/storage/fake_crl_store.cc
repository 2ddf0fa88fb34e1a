#include "lib/storage/fake_crl_store.h"

#include "lib/base/status_macros.h"

namespace birthmark::storage {

absl::StatusOr<CrlRow> FakeCrlStore::Refresh(absl::string_view issuer_id,
                                             int crl_shard, absl::Time now,
                                             const CrlMaker& maker) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::optional<CrlRow> newest;
  const auto found =
      transaction->crls.find({std::string(issuer_id), crl_shard});
  if (found != transaction->crls.end()) {
    newest = found->second;
  }
  std::vector<RevocationRow> revocations;
  for (const auto& [serial, row] : transaction->revocations) {
    if (row.issuer_id == issuer_id && row.crl_shard == crl_shard &&
        row.state != RevocationState::kReleased && row.not_after > now) {
      revocations.push_back(row);
    }
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      std::optional<MadeCrl> made,
      maker(newest, newest.has_value() ? newest->number + 1 : 1, revocations));
  if (!made.has_value()) {
    if (!newest.has_value()) {
      return absl::InternalError("there is no CRL and none was made");
    }
    return *newest;
  }
  transaction->crls[{std::string(issuer_id), crl_shard}] = made->row;
  BIRTHMARK_RETURN_IF_ERROR(FakeRecord(transaction.tables(), made->mutation));
  transaction.Commit();
  return made->row;
}

}  // namespace birthmark::storage
