// CheckItems judges items of a batch before anything is recorded for them.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_ITEM_CHECK_H_
#define BIRTHMARK_SERVICES_REGISTRATION_ITEM_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "lib/crypto/batch_verifier.h"
#include "lib/policy/profile.h"
#include "services/registration/csr_check.h"

namespace birthmark::registration {

inline constexpr size_t kMaxItemIdLength = 128;

// CheckItemId: 1 to 128 printable ASCII characters without space or slash.
// kInvalidArgument / INVALID_FIELD.
absl::Status CheckItemId(absl::string_view item_id);

// CheckItems returns for each item, in order, the key that a line with `models`
// may have certified by `profile`. One item's answer does not depend on the
// others. Pure and thread-safe. kInvalidArgument / INVALID_FIELD,
// kFailedPrecondition / MODEL_NOT_ALLOWED, PROFILE_VIOLATION (evidence), and
// what CheckItemId and CheckCsrs fail with.
std::vector<absl::StatusOr<CertifiableKey>> CheckItems(
    absl::Span<const provisioning::v1::IssueBatchRequest::Item> items,
    const std::vector<std::string>& models, const policy::Profile& profile,
    const crypto::BatchVerifier& verifier);

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_ITEM_CHECK_H_
