#include "services/inventory/device_name.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "services/inventory/convert.h"

namespace birthmark::inventory {

absl::StatusOr<DeviceId> ParseDevice(absl::string_view name,
                                     absl::string_view field, bool any_fleet) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             any_fleet
                                 ? ParseParent(kDevicePattern, name, field)
                                 : ParseName(kDevicePattern, name, field));
  if (!IsUid(ids[1])) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, reasons::kBadResourceName,
        absl::StrCat("the field ", field, " must be ", kDevicePattern,
                     " where {device} is the uid, a lower-case UUID"),
        {{"field", field}, {"expected", kDevicePattern}});
  }
  return DeviceId{ids[0] == "-" ? "" : ids[0], ids[1]};
}

absl::StatusOr<DeviceKeyId> ParseDeviceKey(absl::string_view name,
                                           absl::string_view field) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseName(kKeyPattern, name, field));
  if (!IsUid(ids[1]) || !IsKeyId(ids[2])) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     reasons::kBadResourceName,
                     absl::StrCat("the field ", field, " must be ", kKeyPattern,
                                  " where {key} is a lower-case hex SHA-256"),
                     {{"field", field}, {"expected", kKeyPattern}});
  }
  BIRTHMARK_ASSIGN_OR_RETURN(std::string spki_sha256, HexDecode(ids[2]));
  return DeviceKeyId{{ids[0], ids[1]}, std::move(spki_sha256)};
}

absl::StatusOr<std::string> ParseFleet(absl::string_view name,
                                       absl::string_view field,
                                       bool any_fleet) {
  BIRTHMARK_ASSIGN_OR_RETURN(std::vector<std::string> ids,
                             any_fleet ? ParseParent(kFleetPattern, name, field)
                                       : ParseName(kFleetPattern, name, field));
  return ids[0] == "-" ? "" : ids[0];
}

}  // namespace birthmark::inventory
