#include "services/inventory/fleet_update.h"

#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/fields.h"

namespace birthmark::inventory {
namespace {

constexpr size_t kMaxDisplayName = 200;
constexpr char kDisplayName[] = "display_name";
constexpr char kIdevidProfile[] = "idevid_profile";
constexpr char kLdevidProfile[] = "ldevid_profile";
constexpr char kRollback[] = "firmware_rollback_policy";
constexpr char kDigest[] = "firmware_digest_policy";
constexpr char kSharedPrime[] = "shared_prime_policy";
constexpr char kWipeTimeout[] = "wipe_timeout";
constexpr int64_t kMaxWipeTimeout = 365 * 24 * 3600;  // seconds

absl::StatusOr<std::set<std::string>> Paths(
    const fleet::v1::Fleet& fleet, const google::protobuf::FieldMask& mask) {
  const std::set<std::string> all = {
      kDisplayName, kIdevidProfile, kLdevidProfile, kRollback,
      kDigest,      kSharedPrime,   kWipeTimeout};
  std::set<std::string> paths(mask.paths().begin(), mask.paths().end());
  if (paths == std::set<std::string>{"*"}) {
    return all;
  }
  for (const std::string& path : paths) {
    if (all.count(path) == 0) {
      return rpc::InvalidField(
          "update_mask",
          absl::StrCat(path, " cannot be changed; ", absl::StrJoin(all, ", "),
                       " can, or * for all"));
    }
  }
  if (paths.empty()) {
    for (const auto& [path, populated] :
         {std::pair(kDisplayName, !fleet.display_name().empty()),
          std::pair(kIdevidProfile, !fleet.idevid_profile().empty()),
          std::pair(kLdevidProfile, !fleet.ldevid_profile().empty()),
          std::pair(kRollback, fleet.firmware_rollback_policy() != 0),
          std::pair(kDigest, fleet.firmware_digest_policy() != 0),
          std::pair(kSharedPrime, fleet.shared_prime_policy() != 0),
          std::pair(kWipeTimeout, fleet.has_wipe_timeout())}) {
      if (populated) {
        paths.insert(path);
      }
    }
  }
  return paths;
}

absl::StatusOr<storage::FindingPolicy> Policy(fleet::v1::FindingPolicy policy,
                                              absl::string_view field) {
  switch (policy) {
    case fleet::v1::FINDING_POLICY_ALLOW:
      return storage::FindingPolicy::kAllow;
    case fleet::v1::FINDING_POLICY_UNSPECIFIED:
    case fleet::v1::FINDING_POLICY_WARN:
      return storage::FindingPolicy::kWarn;
    case fleet::v1::FINDING_POLICY_DENY_RENEWAL:
      return storage::FindingPolicy::kDenyRenewal;
    case fleet::v1::FINDING_POLICY_QUARANTINE:
      return storage::FindingPolicy::kQuarantine;
    default:
      return rpc::InvalidField(field, "is not a policy");
  }
}

// Whole seconds; what is less is cut.
absl::StatusOr<absl::Duration> WipeTimeout(const fleet::v1::Fleet& fleet) {
  if (!fleet.has_wipe_timeout()) {
    return storage::FleetRow().wipe_timeout;
  }
  const google::protobuf::Duration& timeout = fleet.wipe_timeout();
  if (timeout.seconds() < 0 || timeout.nanos() < 0 ||
      timeout.seconds() > kMaxWipeTimeout) {
    return rpc::InvalidField("fleet.wipe_timeout", "is 0 to 365 days");
  }
  return absl::Seconds(timeout.seconds());
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
  if (paths.count(kRollback) != 0) {
    BIRTHMARK_ASSIGN_OR_RETURN(row.firmware_rollback,
                               Policy(fleet.firmware_rollback_policy(),
                                      "fleet.firmware_rollback_policy"));
  }
  if (paths.count(kDigest) != 0) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        row.firmware_digest,
        Policy(fleet.firmware_digest_policy(), "fleet.firmware_digest_policy"));
  }
  if (paths.count(kSharedPrime) != 0) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        row.shared_prime,
        Policy(fleet.shared_prime_policy(), "fleet.shared_prime_policy"));
  }
  if (paths.count(kWipeTimeout) != 0) {
    BIRTHMARK_ASSIGN_OR_RETURN(row.wipe_timeout, WipeTimeout(fleet));
  }
  return absl::OkStatus();
}

}  // namespace birthmark::inventory
