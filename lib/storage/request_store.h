#ifndef BIRTHMARK_LIB_STORAGE_REQUEST_STORE_H_
#define BIRTHMARK_LIB_STORAGE_REQUEST_STORE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark::storage {

// RequestStore finds the answers of earlier requests. Thread-safe.
class RequestStore {
 public:
  virtual ~RequestStore() = default;
  // Find returns the response recorded for (caller, method, request_id),
  // nothing if there is none. kInvalidArgument / REQUEST_ID_REUSED if it was
  // recorded for another request_hash.
  virtual absl::StatusOr<std::optional<std::string>> Find(
      absl::string_view caller, absl::string_view method,
      absl::string_view request_id, absl::string_view request_hash) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_REQUEST_STORE_H_
