#include "lib/storage/revocation_reason.h"

#include <iterator>

#include "absl/strings/string_view.h"

namespace birthmark::storage {

absl::string_view RevocationReasonName(int reason) {
  static constexpr absl::string_view kNames[] = {
      "unspecified",     "keyCompromise",
      "cACompromise",    "affiliationChanged",
      "superseded",      "cessationOfOperation",
      "certificateHold", "",
      "removeFromCRL",   "privilegeWithdrawn",
      "aACompromise"};
  if (reason < 0 || reason >= static_cast<int>(std::size(kNames))) {
    return "";
  }
  return kNames[reason];
}

}  // namespace birthmark::storage
