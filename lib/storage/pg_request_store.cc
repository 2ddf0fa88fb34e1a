#include "lib/storage/pg_request_store.h"

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr Statement kFind = {"request_find", R"(
    SELECT request_hash, response FROM requests
    WHERE caller = $1 AND method = $2 AND request_id = $3)"};

}  // namespace

absl::StatusOr<std::optional<std::string>> PgRequestStore::Find(
    absl::string_view caller, absl::string_view method,
    absl::string_view request_id, absl::string_view request_hash) {
  std::optional<std::string> response;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        response.reset();
        const auto found =
            session.Exec(kFind, Text(caller), Text(method), Text(request_id));
        if (found.empty()) {
          return absl::OkStatus();
        }
        if (ReadBytes(found[0][0]) != request_hash) {
          return MakeError(absl::StatusCode::kInvalidArgument,
                           reasons::kRequestIdReused,
                           "the request_id was used for another request",
                           {{"field", "request_id"}});
        }
        response = ReadBytes(found[0][1]);
        return absl::OkStatus();
      }));
  return response;
}

}  // namespace birthmark::storage
