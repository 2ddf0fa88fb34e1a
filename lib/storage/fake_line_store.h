#ifndef BIRTHMARK_LIB_STORAGE_FAKE_LINE_STORE_H_
#define BIRTHMARK_LIB_STORAGE_FAKE_LINE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/key_row.h"
#include "lib/storage/line_store.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// FakeLineStore is the LineStore in memory, for tests. `database` must outlive
// it.
class FakeLineStore : public LineStore {
 public:
  explicit FakeLineStore(FakeDatabase& database) : database_(database) {}

  absl::StatusOr<KeyRow> Create(const LineRow& row, const KeyRow& key,
                                const Mutation& mutation) override;
  absl::StatusOr<LineRow> Get(absl::string_view fleet_id,
                              absl::string_view line_id) override;
  absl::StatusOr<std::vector<LineRow>> List(
      absl::string_view fleet_id, const std::optional<LineCursor>& after,
      int limit) override;
  absl::StatusOr<LineRow> Disable(absl::string_view fleet_id,
                                  absl::string_view line_id,
                                  std::optional<int64_t> version,
                                  const Mutation& mutation) override;

 private:
  FakeDatabase& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FAKE_LINE_STORE_H_
