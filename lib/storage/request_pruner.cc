#include "lib/storage/request_pruner.h"

#include "absl/status/status.h"
#include "lib/base/status_macros.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

// By the place of the rows: it needs no right to change them, which a lock
// would.
constexpr Statement kPrune = {"request_prune", R"(
    DELETE FROM requests WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM requests WHERE create_time < $1
      ORDER BY create_time LIMIT $2)))"};

}  // namespace

absl::StatusOr<int> PgRequestPruner::Prune(absl::Time before, int limit) {
  int pruned = 0;
  BIRTHMARK_RETURN_IF_ERROR(database_.TransactInOne(
      [&](Session& session) -> absl::Status {
        pruned = static_cast<int>(
            session.Exec(kPrune, At(before), Int(limit)).affected_rows());
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun));
  return pruned;
}

}  // namespace birthmark::storage
