#ifndef BIRTHMARK_LIB_STORAGE_FAKE_FLEET_STORE_H_
#define BIRTHMARK_LIB_STORAGE_FAKE_FLEET_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/fleet_store.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// FakeFleetStore is the FleetStore in memory, for tests. `database` must
// outlive it.
class FakeFleetStore : public FleetStore {
 public:
  explicit FakeFleetStore(FakeDatabase& database) : database_(database) {}

  absl::Status Create(const FleetRow& row, const Mutation& mutation) override;
  absl::StatusOr<FleetRow> Get(absl::string_view fleet_id) override;
  absl::StatusOr<std::vector<FleetRow>> List(
      const std::optional<FleetCursor>& after, int limit) override;
  absl::StatusOr<FleetRow> Update(const FleetRow& row,
                                  const Mutation& mutation) override;

 private:
  FakeDatabase& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FAKE_FLEET_STORE_H_
