// CheckProtection reads what somebody says of where a key lives.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_KEY_PROTECTION_H_
#define BIRTHMARK_SERVICES_REGISTRATION_KEY_PROTECTION_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/rpc/fields.h"
#include "lib/storage/key_row.h"

namespace birthmark::registration {

// CheckProtection returns the stored form, which has the same numbers.
// kInvalidArgument / INVALID_FIELD for what is none of them. Pure function.
inline absl::StatusOr<storage::KeyProtection> CheckProtection(
    device::v1::KeyProtection protection, absl::string_view field) {
  if (!device::v1::KeyProtection_IsValid(protection)) {
    return rpc::InvalidField(field, "is none of the known ones");
  }
  return static_cast<storage::KeyProtection>(protection);
}

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_KEY_PROTECTION_H_
