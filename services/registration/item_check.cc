#include "services/registration/item_check.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/policy/device_fields.h"

namespace birthmark::registration {
namespace {

using Item = provisioning::v1::IssueBatchRequest::Item;

// Everything but the CSR.
absl::Status CheckFields(const Item& item,
                         const std::vector<std::string>& models,
                         const policy::Profile& profile) {
  BIRTHMARK_RETURN_IF_ERROR(CheckItemId(item.item_id()));
  BIRTHMARK_RETURN_IF_ERROR(policy::CheckModel(item.model()));
  BIRTHMARK_RETURN_IF_ERROR(policy::CheckSerialNumber(item.serial_number()));
  BIRTHMARK_RETURN_IF_ERROR(
      policy::CheckHardwareRevision(item.hardware_revision()));
  BIRTHMARK_RETURN_IF_ERROR(policy::CheckModelAllowed(models, item.model()));
  if (!item.evidence().empty()) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kProfileViolation,
                     absl::StrCat("profile ", profile.id,
                                  " asks for no evidence: send none"),
                     {{"rule", "evidence"}});
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckItemId(absl::string_view item_id) {
  const bool well_formed =
      !item_id.empty() && item_id.size() <= kMaxItemIdLength &&
      std::all_of(item_id.begin(), item_id.end(), [](unsigned char c) {
        return absl::ascii_isgraph(c) && c != '/';
      });
  if (!well_formed) {
    return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                     absl::StrCat("item_id: must have 1 to ", kMaxItemIdLength,
                                  " printable ASCII characters without space "
                                  "or slash"),
                     {{"field", "item_id"}});
  }
  return absl::OkStatus();
}

std::vector<absl::StatusOr<CertifiableKey>> CheckItems(
    absl::Span<const Item> items, const std::vector<std::string>& models,
    const policy::Profile& profile, const crypto::BatchVerifier& verifier) {
  std::vector<absl::Status> faults;
  std::vector<absl::string_view> csr_ders;
  faults.reserve(items.size());
  csr_ders.reserve(items.size());
  for (const Item& item : items) {
    faults.push_back(CheckFields(item, models, profile));
    if (faults.back().ok()) {
      csr_ders.push_back(item.csr_der());
    }
  }
  auto checked = CheckCsrs(csr_ders, profile, verifier);
  std::vector<absl::StatusOr<CertifiableKey>> keys;
  keys.reserve(items.size());
  size_t next = 0;
  for (absl::Status& fault : faults) {
    if (fault.ok()) {
      keys.push_back(std::move(checked[next++]));
    } else {
      keys.push_back(std::move(fault));
    }
  }
  return keys;
}

}  // namespace birthmark::registration
