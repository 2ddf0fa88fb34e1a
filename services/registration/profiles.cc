#include "services/registration/profiles.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"

namespace birthmark::registration {

absl::StatusOr<Profiles> Profiles::New(std::vector<policy::Profile> profiles) {
  Profiles result;
  for (policy::Profile& profile : profiles) {
    BIRTHMARK_RETURN_IF_ERROR(policy::Validate(profile));
    const std::string id = profile.id;
    std::string* const only =
        profile.kind == policy::ProfileKind::kLine ? &result.line_
        : profile.kind == policy::ProfileKind::kEnforcementPoint
            ? &result.enforcement_point_
            : nullptr;
    if (only != nullptr) {
      if (!only->empty()) {
        return absl::InvalidArgumentError(
            absl::StrCat("profiles ", *only, " and ", id, " are both of kind ",
                         policy::ProfileKindName(profile.kind), ": keep one"));
      }
      *only = id;
    }
    if (!result.by_id_.emplace(id, std::move(profile)).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("profile ", id, " is there twice"));
    }
  }
  if (result.line_.empty()) {
    return absl::InvalidArgumentError(
        "no profile of kind line: add one to profile_files");
  }
  return result;
}

absl::StatusOr<const policy::Profile*> Profiles::Find(
    absl::string_view id, policy::ProfileKind kind) const {
  const std::string name = absl::StrCat("profiles/", id);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) {
    return MakeError(absl::StatusCode::kNotFound, reasons::kProfileNotFound,
                     absl::StrCat(name, " is not configured here"),
                     {{"resource", name}});
  }
  if (found->second.kind != kind) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kProfileViolation,
                     absl::StrCat(name, " makes certificates of kind ",
                                  policy::ProfileKindName(found->second.kind),
                                  ", not ", policy::ProfileKindName(kind)),
                     {{"resource", name}, {"rule", "profile_kind"}});
  }
  return &found->second;
}

absl::StatusOr<const policy::Profile*> Profiles::EnforcementPoint() const {
  if (enforcement_point_.empty()) {
    return MakeError(absl::StatusCode::kNotFound, reasons::kProfileNotFound,
                     "no profile of kind enforcement-point: add one to "
                     "profile_files");
  }
  return &by_id_.find(enforcement_point_)->second;
}

}  // namespace birthmark::registration
