#include "lib/storage/fake_revocation_log.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/status_macros.h"

namespace birthmark::storage {
namespace {

constexpr int kKeyCompromise = 1;

// Lacks says whether `known` has forgotten `change`.
bool Lacks(const RevocationRow& known, const RevocationChange& change) {
  const bool revoked = known.state == RevocationState::kRevoked;
  if (revoked && change.state != RevocationState::kRevoked) {
    return false;
  }
  if (known.update_time != change.update_time) {
    return known.update_time < change.update_time;
  }
  if (revoked) {
    return change.reason == kKeyCompromise && known.reason != kKeyCompromise;
  }
  return change.state == RevocationState::kRevoked ||
         (change.state == RevocationState::kHeld &&
          known.state == RevocationState::kReleased);
}

}  // namespace

absl::StatusOr<int64_t> FakeRevocationLog::Latest() {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  return transaction->changes.empty() ? 0
                                      : transaction->changes.back().revision;
}

absl::StatusOr<int64_t> FakeRevocationLog::Highest() {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  return transaction.last_revision();
}

absl::StatusOr<std::vector<RevocationChange>> FakeRevocationLog::Read(
    int64_t revision, absl::string_view issuer_id, int limit) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<RevocationChange> changes;
  for (const RevocationChange& change : transaction->changes) {
    if (change.revision > revision &&
        static_cast<int>(changes.size()) < limit &&
        (issuer_id.empty() || change.issuer_id == issuer_id)) {
      changes.push_back(change);
    }
  }
  return changes;
}

absl::StatusOr<std::optional<RevocationChange>> FakeRevocationLog::Get(
    int64_t revision) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::optional<RevocationChange> found;
  for (const RevocationChange& change : transaction->changes) {
    if (change.revision == revision) {
      found = change;
    }
  }
  return found;
}

absl::Status FakeRevocationLog::SkipTo(int64_t revision) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  transaction.SkipTo(revision);
  transaction.Commit();
  return absl::OkStatus();
}

absl::StatusOr<int64_t> FakeRevocationLog::Restore(
    absl::Span<const RevocationChange> changes,
    absl::Span<const audit::Entry> entries) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  if (changes.size() != entries.size()) {
    return absl::InternalError("one audit entry a change");
  }
  std::map<std::string, int64_t> newest;
  for (const RevocationChange& change : changes) {
    int64_t& revision = newest[change.serial];
    revision = std::max(revision, change.revision);
  }
  int64_t restored = 0;
  for (size_t i = 0; i < changes.size(); ++i) {
    const RevocationChange& change = changes[i];
    if (change.revision != newest[change.serial]) {
      continue;
    }
    const auto [place, fresh] =
        transaction->revocations.try_emplace(change.serial);
    RevocationRow& row = place->second;
    if (!fresh && !Lacks(row, change)) {
      continue;
    }
    row = {.serial = change.serial,
           .issuer_id = change.issuer_id,
           .crl_shard = change.crl_shard,
           .not_after = change.not_after,
           .state = change.state,
           .reason = change.reason,
           .actor = entries[i].actor,
           .version = fresh ? 2 : row.version + 1,
           .revoke_time = change.revoke_time,
           .invalidity_time = change.invalidity_time,
           .update_time = change.update_time};
    transaction->audit.push_back(entries[i]);
    const auto certificate = transaction->certificates.find(change.serial);
    if (change.state == RevocationState::kRevoked &&
        change.reason == kKeyCompromise &&
        certificate != transaction->certificates.end()) {
      FakeBlockKey(transaction.tables(), certificate->second.spki_sha256,
                   change.update_time);
    }
    ++restored;
  }
  transaction.Commit();
  return restored;
}

}  // namespace birthmark::storage
