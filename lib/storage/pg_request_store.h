#ifndef BIRTHMARK_LIB_STORAGE_PG_REQUEST_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_REQUEST_STORE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/storage/database.h"
#include "lib/storage/request_store.h"

namespace birthmark::storage {

// PgRequestStore is the RequestStore on PostgreSQL. `database` must outlive it.
class PgRequestStore : public RequestStore {
 public:
  explicit PgRequestStore(Database& database) : database_(database) {}

  absl::StatusOr<std::optional<std::string>> Find(
      absl::string_view caller, absl::string_view method,
      absl::string_view request_id, absl::string_view request_hash) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_REQUEST_STORE_H_
