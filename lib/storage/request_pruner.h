#ifndef BIRTHMARK_LIB_STORAGE_REQUEST_PRUNER_H_
#define BIRTHMARK_LIB_STORAGE_REQUEST_PRUNER_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/storage/database.h"

namespace birthmark::storage {

// RequestPruner forgets the answers of requests that nobody repeats any more.
// Thread-safe.
class RequestPruner {
 public:
  virtual ~RequestPruner() = default;
  // Prune forgets at most `limit` answers that were given before `before`, the
  // oldest first, in one transaction. Returns how many.
  virtual absl::StatusOr<int> Prune(absl::Time before, int limit) = 0;
};

// PgRequestPruner is the RequestPruner on PostgreSQL. `database` must outlive
// it.
class PgRequestPruner : public RequestPruner {
 public:
  explicit PgRequestPruner(Database& database) : database_(database) {}
  absl::StatusOr<int> Prune(absl::Time before, int limit) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_REQUEST_PRUNER_H_
