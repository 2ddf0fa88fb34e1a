// profile_loader reads certificate profiles: birthmark.config.v1.Profile in
// text format, one a file. Thread-safe.

#ifndef BIRTHMARK_LIB_CONFIG_PROFILE_LOADER_H_
#define BIRTHMARK_LIB_CONFIG_PROFILE_LOADER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "birthmark/config/v1/profile.pb.h"
#include "lib/policy/profile.h"

namespace birthmark::config {

// ToProfile converts and validates. kInvalidArgument / INVALID_FIELD, metadata
// field.
absl::StatusOr<policy::Profile> ToProfile(const v1::Profile& proto);

// FromProfile is the inverse.
v1::Profile FromProfile(const policy::Profile& profile);

// LoadProfile reads one file. Errors name it.
absl::StatusOr<policy::Profile> LoadProfile(const std::string& path);

// LoadProfiles reads several. kInvalidArgument if two have the same id.
absl::StatusOr<std::vector<policy::Profile>> LoadProfiles(
    absl::Span<const std::string> paths);

}  // namespace birthmark::config

#endif  // BIRTHMARK_LIB_CONFIG_PROFILE_LOADER_H_
