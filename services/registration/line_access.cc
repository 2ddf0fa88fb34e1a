#include "services/registration/line_access.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"

namespace birthmark::registration {

std::string LineName::Format() const {
  return FormatName(kLinePattern, {fleet, line});
}

std::string BatchName::Format() const {
  return FormatName(kBatchPattern, {line.fleet, line.line, batch});
}

absl::StatusOr<LineName> ParseLineName(absl::string_view name,
                                       absl::string_view field) {
  BIRTHMARK_ASSIGN_OR_RETURN(std::vector<std::string> ids,
                             ParseName(kLinePattern, name, field));
  return LineName{std::move(ids[0]), std::move(ids[1])};
}

absl::StatusOr<BatchName> ParseBatchName(absl::string_view name,
                                         absl::string_view field) {
  BIRTHMARK_ASSIGN_OR_RETURN(std::vector<std::string> ids,
                             ParseName(kBatchPattern, name, field));
  return BatchName{{std::move(ids[0]), std::move(ids[1])}, std::move(ids[2])};
}

absl::Status AuthorizeLine(const rpc::CallContext& context,
                           const LineName& name) {
  const rpc::Caller& caller = context.caller();
  if (caller.role == options::v1::ROLE_LINE &&
      (caller.fleet != name.fleet || caller.name != name.line)) {
    return rpc::PermissionDenied(
        context, reasons::kLineNotOwned,
        absl::StrCat("this client certificate is that of ",
                     LineName{caller.fleet, caller.name}.Format(), ", not of ",
                     name.Format()));
  }
  return absl::OkStatus();
}

}  // namespace birthmark::registration
