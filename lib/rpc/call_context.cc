#include "lib/rpc/call_context.h"

#include "lib/base/error.h"

namespace birthmark::rpc {

absl::Status PermissionDenied(const CallContext& context,
                              absl::string_view reason,
                              absl::string_view text) {
  return MakeError(
      absl::StatusCode::kPermissionDenied, reason, text,
      {{"method", context.method()}, {"caller", context.caller().actor}});
}

}  // namespace birthmark::rpc
