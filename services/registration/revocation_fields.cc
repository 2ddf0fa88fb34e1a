#include "services/registration/revocation_fields.h"

#include "lib/base/status_macros.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/timestamp.h"

namespace birthmark::registration {

absl::StatusOr<int> ParseReason(certificate::v1::RevocationReason reason,
                                absl::string_view field) {
  if (!certificate::v1::RevocationReason_IsValid(reason)) {
    return rpc::InvalidField(field, "is none of RFC 5280, 5.3.1");
  }
  if (reason == certificate::v1::REVOCATION_REASON_CERTIFICATE_HOLD) {
    return rpc::InvalidField(
        field, "certificateHold is reversible: use HoldCertificate");
  }
  return static_cast<int>(reason);
}

absl::StatusOr<absl::Time> ParseInvalidityTime(
    const google::protobuf::Timestamp& time, absl::string_view field,
    absl::Time now) {
  BIRTHMARK_ASSIGN_OR_RETURN(const absl::Time since,
                             rpc::FromTimestamp(time, field));
  if (since > now) {
    return rpc::InvalidField(field, "must not be in the future");
  }
  return absl::FromUnixSeconds(absl::ToUnixSeconds(since));
}

}  // namespace birthmark::registration
