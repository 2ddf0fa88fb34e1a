#ifndef BIRTHMARK_LIB_STORAGE_FAKE_REQUEST_STORE_H_
#define BIRTHMARK_LIB_STORAGE_FAKE_REQUEST_STORE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/request_store.h"

namespace birthmark::storage {

// FakeRequestStore is the RequestStore in memory, for tests. `database` must
// outlive it.
class FakeRequestStore : public RequestStore {
 public:
  explicit FakeRequestStore(FakeDatabase& database) : database_(database) {}

  absl::StatusOr<std::optional<std::string>> Find(
      absl::string_view caller, absl::string_view method,
      absl::string_view request_id, absl::string_view request_hash) override;

 private:
  FakeDatabase& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FAKE_REQUEST_STORE_H_
