#ifndef BIRTHMARK_LIB_STORAGE_PG_GATE_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_GATE_STORE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/base/combiner.h"
#include "lib/storage/database.h"
#include "lib/storage/gate_store.h"

namespace birthmark::storage {

// PgGateStore is the GateStore on PostgreSQL: callers that come at the same
// time share a query. `database` must outlive it.
class PgGateStore : public GateStore {
 public:
  explicit PgGateStore(Database& database);

  absl::Status Check(absl::string_view issuer_id,
                     absl::string_view serial) override;

 private:
  struct Job {
    std::string issuer_id;
    std::string serial;
    absl::Status status;
  };

  // Read finds out about all of `jobs`.
  absl::Status Read(const std::vector<Job*>& jobs);
  // WipeStatus is what to say to the caller with this revoked certificate.
  absl::Status WipeStatus(const Job& job, const absl::Status& revoked);

  Database& database_;
  Combiner<Job> combiner_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_GATE_STORE_H_
