#ifndef BIRTHMARK_LIB_STORAGE_FAKE_CRL_STORE_H_
#define BIRTHMARK_LIB_STORAGE_FAKE_CRL_STORE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/storage/crl_store.h"
#include "lib/storage/fake_database.h"

namespace birthmark::storage {

// FakeCrlStore is the CrlStore in memory, for tests. `database` must outlive
// it.
class FakeCrlStore : public CrlStore {
 public:
  explicit FakeCrlStore(FakeDatabase& database) : database_(database) {}

  absl::StatusOr<CrlRow> Refresh(absl::string_view issuer_id, int crl_shard,
                                 const Plan& plan, const Maker& maker) override;

 private:
  FakeDatabase& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FAKE_CRL_STORE_H_
