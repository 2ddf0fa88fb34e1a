#include "lib/storage/fake_request_store.h"

#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"

namespace birthmark::storage {

absl::StatusOr<std::optional<std::string>> FakeRequestStore::Find(
    absl::string_view caller, absl::string_view method,
    absl::string_view request_id, absl::string_view request_hash) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto found = transaction->requests.find(
      {std::string(caller), std::string(method), std::string(request_id)});
  if (found == transaction->requests.end()) {
    return std::nullopt;
  }
  if (found->second.request_hash != request_hash) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     reasons::kRequestIdReused, "fake",
                     {{"field", "request_id"}});
  }
  return found->second.response;
}

}  // namespace birthmark::storage
