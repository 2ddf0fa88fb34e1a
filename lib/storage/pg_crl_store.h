#ifndef BIRTHMARK_LIB_STORAGE_PG_CRL_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_CRL_STORE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/storage/crl_store.h"
#include "lib/storage/database.h"

namespace birthmark::storage {

// PgCrlStore is the CrlStore on PostgreSQL. `database` must outlive it.
class PgCrlStore : public CrlStore {
 public:
  explicit PgCrlStore(Database& database) : database_(database) {}

  absl::StatusOr<CrlRow> Refresh(absl::string_view issuer_id, int crl_shard,
                                 const Plan& plan, const Maker& maker) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_CRL_STORE_H_
