#include "services/inventory/fleet_update.h"

#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/fields.h"

namespace birthmark::inventory {
namespace {

constexpr size_t kMaxDisplayName = 200;
constexpr char kDisplayName[] = "display_name";
constexpr char kIdevidProfile[] = "idevid_profile";
constexpr char kLdevidProfile[] = "ldevid_profile";

absl::StatusOr<std::set<std::string>> Paths(
    const fleet::v1::Fleet& fleet, const google::protobuf::FieldMask& mask) {
  const std::set<std::string> all = {kDisplayName, kIdevidProfile,
                                     kLdevidProfile};
  std::set<std::string> paths(mask.paths().begin(), mask.paths().end());
  if (paths == std::set<std::string>{"*"}) {
    return all;
  }
  for (const std::string& path : paths) {
    if (all.count(path) == 0) {
      return rpc::InvalidField(
          "update_mask", absl::StrCat(path, " cannot be changed; ",
                                      "display_name, idevid_profile and "
                                      "ldevid_profile can, or * for all"));
    }
  }
  if (paths.empty()) {
    for (const auto& [path, value] :
         {std::pair(kDisplayName, fleet.display_name()),
          std::pair(kIdevidProfile, fleet.idevid_profile()),
          std::pair(kLdevidProfile, fleet.ldevid_profile())}) {
      if (!value.empty()) {
        paths.insert(path);
      }
    }
  }
  return paths;
}

absl::StatusOr<std::string> ProfileId(const std::string& name,
                                      absl::string_view field,
                                      absl::string_view fallback) {
  if (name.empty()) {
    return std::string(fallback);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(auto ids,
                             ParseName("profiles/{profile}", name, field));
  return ids[0];
}

}  // namespace

absl::Status ApplyFleet(const fleet::v1::Fleet& fleet,
                        const google::protobuf::FieldMask& mask,
                        storage::FleetRow& row) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::set<std::string> paths,
                             Paths(fleet, mask));
  if (paths.count(kDisplayName) != 0) {
    BIRTHMARK_RETURN_IF_ERROR(rpc::CheckText(
        fleet.display_name(), "fleet.display_name", 0, kMaxDisplayName));
    row.display_name = fleet.display_name();
  }
  if (paths.count(kIdevidProfile) != 0) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        row.idevid_profile,
        ProfileId(fleet.idevid_profile(), "fleet.idevid_profile", "idevid"));
  }
  if (paths.count(kLdevidProfile) != 0) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        row.ldevid_profile,
        ProfileId(fleet.ldevid_profile(), "fleet.ldevid_profile", "ldevid"));
  }
  return absl::OkStatus();
}

}  // namespace birthmark::inventory
