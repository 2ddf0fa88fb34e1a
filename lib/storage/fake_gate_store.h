#ifndef BIRTHMARK_LIB_STORAGE_FAKE_GATE_STORE_H_
#define BIRTHMARK_LIB_STORAGE_FAKE_GATE_STORE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/gate_store.h"

namespace birthmark::storage {

// FakeGateStore is the GateStore in memory, for tests. `database` must outlive
// it.
class FakeGateStore : public GateStore {
 public:
  explicit FakeGateStore(FakeDatabase& database) : database_(database) {}

  absl::Status Check(absl::string_view issuer_id,
                     absl::string_view serial) override;

 private:
  FakeDatabase& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FAKE_GATE_STORE_H_
