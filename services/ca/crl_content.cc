#include "services/ca/crl_content.h"

#include <utility>
#include <vector>

#include "lib/base/status_macros.h"
#include "lib/x509/crl.h"

namespace birthmark::ca {
namespace {

using storage::RevocationRow;
using storage::RevocationState;

x509::CrlSpec SpecFor(const Issuer& issuer, const CrlHead& head) {
  const policy::CrlUris uris = issuer.CrlUris(head.shard);
  x509::CrlSpec spec;
  spec.signature_algorithm = issuer.algorithm();
  spec.issuer_name_der = std::string(issuer.certificate()->subject_der);
  spec.issuer_key_id = *issuer.certificate()->subject_key_id;
  spec.number = static_cast<uint64_t>(head.number);
  spec.this_update = head.this_update;
  spec.next_update = head.next_update;
  spec.shard_uri = uris.complete;
  if (issuer.makes_deltas()) {
    spec.freshest_uri = uris.delta;
  }
  return spec;
}

x509::CrlEntry EntryFor(const RevocationRow& row) {
  return {row.serial, row.revoke_time,
          static_cast<x509::RevocationReason>(row.reason), row.invalidity_time};
}

bool BelongsOn(const RevocationRow& row, const CrlHead& head) {
  return row.state != RevocationState::kReleased &&
         row.not_after >= head.expired_before;
}

}  // namespace

absl::StatusOr<std::string> WholeCrlTbs(
    const Issuer& issuer, const CrlHead& head,
    const storage::CrlStore::Changes& changes) {
  x509::CrlSpec spec = SpecFor(issuer, head);
  spec.entries.reserve(changes.changed.size());
  for (const RevocationRow& row : changes.changed) {
    if (BelongsOn(row, head)) {
      spec.entries.push_back(EntryFor(row));
    }
  }
  return x509::BuildCrlTbs(spec);
}

absl::StatusOr<std::string> NextCrlTbs(
    const Issuer& issuer, const CrlHead& head,
    const storage::CrlStore::Changes& changes) {
  BIRTHMARK_ASSIGN_OR_RETURN(const x509::Crl previous,
                             x509::Crl::Parse(changes.newest->crl_der));
  x509::CrlSpec spec = SpecFor(issuer, head);
  std::vector<std::string> removed = changes.expired;
  for (const RevocationRow& row : changes.changed) {
    if (BelongsOn(row, head)) {
      spec.entries.push_back(EntryFor(row));
    } else {
      removed.push_back(row.serial);
    }
  }
  return x509::BuildNextCrlTbs(spec, previous, removed);
}

absl::StatusOr<std::string> DeltaCrlTbs(
    const Issuer& issuer, const CrlHead& head, int64_t base_number,
    const storage::CrlStore::Changes& changes) {
  x509::CrlSpec spec = SpecFor(issuer, head);
  spec.base_number = static_cast<uint64_t>(base_number);
  spec.freshest_uri.clear();
  for (const RevocationRow& row : changes.since_base) {
    if (row.not_after < head.expired_before) {
      continue;  // expired certificates are not taken back one by one
    }
    spec.entries.push_back(EntryFor(row));
    if (row.state == RevocationState::kReleased) {
      spec.entries.back().reason = x509::RevocationReason::kRemoveFromCrl;
      spec.entries.back().invalidity_time.reset();
    }
  }
  return x509::BuildCrlTbs(spec);
}

}  // namespace birthmark::ca
