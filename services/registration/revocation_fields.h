// revocation_fields has the checks of fields that several requests of
// RevocationService share. Pure functions.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_FIELDS_H_
#define BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_FIELDS_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "birthmark/certificate/v1/certificate_service.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace birthmark::registration {

// ParseReason returns the code of RFC 5280, 5.3.1. kInvalidArgument /
// INVALID_FIELD if there is no such code, or if it is certificateHold.
absl::StatusOr<int> ParseReason(certificate::v1::RevocationReason reason,
                                absl::string_view field);

// ParseInvalidityTime returns the time in whole seconds. kInvalidArgument /
// INVALID_FIELD if it is none, or in the future.
absl::StatusOr<absl::Time> ParseInvalidityTime(
    const google::protobuf::Timestamp& time, absl::string_view field,
    absl::Time now);

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_FIELDS_H_
