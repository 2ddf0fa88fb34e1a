// certificate_selector reads and writes which certificates a mass revocation is
// about. Pure functions.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_CERTIFICATE_SELECTOR_H_
#define BIRTHMARK_SERVICES_REGISTRATION_CERTIFICATE_SELECTOR_H_

#include "absl/status/statusor.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/storage/revocation_job_store.h"

namespace birthmark::registration {

// ParseSelector reads the field job.selector. kInvalidArgument / INVALID_FIELD
// if nothing is set, if names contradict each other, or if a field is not as
// documented; BAD_RESOURCE_NAME.
absl::StatusOr<storage::CertificateSelector> ParseSelector(
    const revocation::v1::CertificateSelector& selector);

// FormatSelector returns what ParseSelector reads.
revocation::v1::CertificateSelector FormatSelector(
    const storage::CertificateSelector& selector);

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_CERTIFICATE_SELECTOR_H_
