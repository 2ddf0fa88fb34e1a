#include "lib/storage/revocation_act.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/storage/revocation_reason.h"

namespace birthmark::storage {
namespace {

std::string Name(const RevocationRow& row) {
  return absl::StrCat("issuers/", row.issuer_id, "/certificates/",
                      HexEncode(row.serial));
}

absl::Status Revoked(const RevocationRow& row) {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   reasons::kCertificateRevoked,
                   "the certificate is revoked for another reason",
                   {{"resource", Name(row)}, {"state", "REVOKED"}});
}

RevocationState StateAfter(RevocationActKind kind) {
  switch (kind) {
    case RevocationActKind::kHold:
      return RevocationState::kHeld;
    case RevocationActKind::kRelease:
      return RevocationState::kReleased;
    default:
      return RevocationState::kRevoked;
  }
}

absl::string_view EventKind(RevocationState state) {
  switch (state) {
    case RevocationState::kHeld:
      return "certificate_held";
    case RevocationState::kReleased:
      return "certificate_released";
    default:
      return "certificate_revoked";
  }
}

}  // namespace

absl::StatusOr<std::optional<RevocationRow>> Apply(
    const RevocationAct& act, const std::optional<RevocationRow>& before) {
  const bool asserts = act.kind == RevocationActKind::kReportKey;
  const bool revoked =
      before.has_value() && before->state == RevocationState::kRevoked;
  RevocationRow after = act.row;
  after.state = StateAfter(act.kind);
  if (act.kind == RevocationActKind::kHold ||
      act.kind == RevocationActKind::kRelease) {
    after.reason = kCertificateHold;
  }
  if (before.has_value() && before->state == after.state &&
      before->reason == after.reason) {
    return std::nullopt;
  }
  if (revoked && !asserts) {
    return Revoked(act.row);
  }
  if (!asserts && act.version != (before.has_value() ? before->version : 1)) {
    return MakeError(absl::StatusCode::kAborted, reasons::kEtagMismatch,
                     "the certificate's status has changed",
                     {{"resource", Name(act.row)}});
  }
  if (act.kind == RevocationActKind::kRelease && !before.has_value()) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kCertificateNotHeld,
                     "the certificate was never on hold",
                     {{"resource", Name(act.row)}, {"state", "GOOD"}});
  }
  after.version = before.has_value() ? before->version + 1 : 2;
  if (act.kind == RevocationActKind::kRelease || revoked) {
    // What was signed since then is not good again because the reason changed.
    after.revoke_time = before->revoke_time;
  }
  if (revoked && !after.invalidity_time.has_value()) {
    after.invalidity_time = before->invalidity_time;
  }
  return after;
}

bool BlocksKey(const RevocationAct& act) {
  return act.kind == RevocationActKind::kReportKey ||
         (act.kind == RevocationActKind::kRevoke &&
          act.row.reason == kKeyCompromise);
}

DeviceEventRow EventOf(const RevocationRow& revocation,
                       absl::string_view fleet_id, absl::string_view device_uid,
                       DeviceState state, absl::string_view event_id) {
  return {.device_uid = std::string(device_uid),
          .fleet_id = std::string(fleet_id),
          .event_id = std::string(event_id),
          .kind = std::string(EventKind(revocation.state)),
          .from_state = static_cast<int>(state),
          .to_state = state,
          .actor = revocation.actor,
          .reason = std::string(RevocationReasonName(revocation.reason)),
          .details = {{"issuer", revocation.issuer_id},
                      {"serial", HexEncode(revocation.serial)}},
          .create_time = revocation.update_time};
}

absl::Status CertificateNotFound(const RevocationRow& row) {
  return MakeError(absl::StatusCode::kNotFound, reasons::kCertificateNotFound,
                   "there is no such certificate", {{"resource", Name(row)}});
}

absl::Status KeyNotFound(absl::string_view spki_sha256) {
  return MakeError(absl::StatusCode::kNotFound, reasons::kKeyNotFound,
                   "this key has no certificate",
                   {{"resource", HexEncode(spki_sha256)}});
}

}  // namespace birthmark::storage
