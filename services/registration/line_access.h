// line_access names lines and batches, and says who may touch them.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_LINE_ACCESS_H_
#define BIRTHMARK_SERVICES_REGISTRATION_LINE_ACCESS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/rpc/call_context.h"

namespace birthmark::registration {

inline constexpr char kLinePattern[] = "fleets/{fleet}/lines/{line}";
inline constexpr char kBatchPattern[] =
    "fleets/{fleet}/lines/{line}/batches/{batch}";

// LineName is the parsed kLinePattern.
struct LineName {
  std::string fleet;
  std::string line;
  std::string Format() const;
};

// BatchName is the parsed kBatchPattern.
struct BatchName {
  LineName line;
  std::string batch;
  std::string Format() const;
};

// ParseLineName and ParseBatchName read the request's field `field`.
// kInvalidArgument / BAD_RESOURCE_NAME.
absl::StatusOr<LineName> ParseLineName(absl::string_view name,
                                       absl::string_view field);
absl::StatusOr<BatchName> ParseBatchName(absl::string_view name,
                                         absl::string_view field);

// AuthorizeLine lets a line touch what is its own and an operator everything.
// It reads no state, so that a line learns nothing about others.
// kPermissionDenied / LINE_NOT_OWNED.
absl::Status AuthorizeLine(const rpc::CallContext& context,
                           const LineName& name);

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_LINE_ACCESS_H_
