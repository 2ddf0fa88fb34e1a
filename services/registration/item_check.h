// CheckItem judges one item of a batch before anything is recorded for it.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_ITEM_CHECK_H_
#define BIRTHMARK_SERVICES_REGISTRATION_ITEM_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "lib/policy/profile.h"
#include "services/registration/csr_check.h"

namespace birthmark::registration {

inline constexpr size_t kMaxItemIdLength = 128;

// CheckItemId: 1 to 128 printable ASCII characters without space or slash.
// kInvalidArgument / INVALID_FIELD.
absl::Status CheckItemId(absl::string_view item_id);

// CheckItem returns the key of an item that a line with `models` may have
// certified by `profile`. Its item id is not looked at. Pure and thread-safe.
// kInvalidArgument / INVALID_FIELD, kFailedPrecondition / MODEL_NOT_ALLOWED,
// PROFILE_VIOLATION (evidence), and what CheckCsr fails with.
absl::StatusOr<CertifiableKey> CheckItem(
    const provisioning::v1::IssueBatchRequest::Item& item,
    const std::vector<std::string>& models, const policy::Profile& profile);

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_ITEM_CHECK_H_
