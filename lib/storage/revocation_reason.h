#ifndef BIRTHMARK_LIB_STORAGE_REVOCATION_REASON_H_
#define BIRTHMARK_LIB_STORAGE_REVOCATION_REASON_H_

#include "absl/strings/string_view.h"

namespace birthmark::storage {

// RevocationReasonName names a reason code as RFC 5280, 5.3.1, does; empty if
// there is no such code.
absl::string_view RevocationReasonName(int reason);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_REVOCATION_REASON_H_
