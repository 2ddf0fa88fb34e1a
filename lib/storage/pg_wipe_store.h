#ifndef BIRTHMARK_LIB_STORAGE_PG_WIPE_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_WIPE_STORE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/database.h"
#include "lib/storage/wipe_store.h"

namespace birthmark::storage {

// PgWipeStore is the WipeStore on PostgreSQL. `database` must outlive it.
class PgWipeStore : public WipeStore {
 public:
  explicit PgWipeStore(Database& database) : database_(database) {}

  absl::StatusOr<Wipe> Find(absl::string_view serial, absl::Time now) override;
  absl::StatusOr<Wipe> Confirm(absl::string_view serial,
                               const WipeReceipt& receipt,
                               const DeviceEventRow& event,
                               const Mutation& mutation) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_WIPE_STORE_H_
