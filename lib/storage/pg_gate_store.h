#ifndef BIRTHMARK_LIB_STORAGE_PG_GATE_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_GATE_STORE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/storage/database.h"
#include "lib/storage/gate_store.h"

namespace birthmark::storage {

// PgGateStore is the GateStore on PostgreSQL. `database` must outlive it.
class PgGateStore : public GateStore {
 public:
  explicit PgGateStore(Database& database) : database_(database) {}

  absl::Status Check(absl::string_view issuer_id,
                     absl::string_view serial) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_GATE_STORE_H_
