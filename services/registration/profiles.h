// Profiles are the certificate profiles that this role knows, by id.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_PROFILES_H_
#define BIRTHMARK_SERVICES_REGISTRATION_PROFILES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/policy/profile.h"

namespace birthmark::registration {

// Profiles is immutable and thread-safe; pointers live as long as it does.
class Profiles {
 public:
  // New takes valid profiles with distinct ids, exactly one of them of kind
  // kLine, at most one of kind kEnforcementPoint. kInvalidArgument otherwise.
  static absl::StatusOr<Profiles> New(std::vector<policy::Profile> profiles);

  // Find returns the profile `id` for certificates of `kind`. kNotFound /
  // PROFILE_NOT_FOUND, kFailedPrecondition / PROFILE_VIOLATION if it is of
  // another kind.
  absl::StatusOr<const policy::Profile*> Find(absl::string_view id,
                                              policy::ProfileKind kind) const;

  // EnforcementPoint returns the one profile of kind kEnforcementPoint.
  // kNotFound / PROFILE_NOT_FOUND if there is none.
  absl::StatusOr<const policy::Profile*> EnforcementPoint() const;

  // line is the profile of line certificates.
  const policy::Profile& line() const { return by_id_.find(line_)->second; }

 private:
  Profiles() = default;

  std::map<std::string, policy::Profile, std::less<>> by_id_;
  std::string line_;
  std::string enforcement_point_;  // or empty
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_PROFILES_H_
