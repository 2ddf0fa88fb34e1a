// The profiles of deploy/profiles, which a new deployment starts with.

#ifndef BIRTHMARK_SERVICES_CLI_DEFAULT_PROFILES_H_
#define BIRTHMARK_SERVICES_CLI_DEFAULT_PROFILES_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace birthmark::cli {

struct DefaultProfile {
  absl::string_view id;
  absl::string_view textproto;
};

// DefaultProfiles returns them in the order of their ids.
absl::Span<const DefaultProfile> DefaultProfiles();

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DEFAULT_PROFILES_H_
