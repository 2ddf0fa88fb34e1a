#ifndef BIRTHMARK_LIB_STORAGE_PG_REVOCATION_JOB_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_REVOCATION_JOB_STORE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/database.h"
#include "lib/storage/mutation.h"
#include "lib/storage/revocation_job_store.h"

namespace birthmark::storage {

// PgRevocationJobStore is the RevocationJobStore on PostgreSQL. `database` must
// outlive it.
class PgRevocationJobStore : public RevocationJobStore {
 public:
  explicit PgRevocationJobStore(Database& database) : database_(database) {}

  absl::StatusOr<Preview> Count(const CertificateSelector& selector,
                                absl::Time issued_before) override;
  absl::Status Create(const RevocationJobRow& row,
                      const Mutation& mutation) override;
  absl::StatusOr<RevocationJobRow> Get(absl::string_view job_id) override;
  absl::StatusOr<std::vector<RevocationJobRow>> List(
      const std::optional<JobCursor>& after, int limit) override;
  absl::StatusOr<RevocationJobRow> Move(
      absl::string_view job_id, const Change& change,
      const MutationMaker& mutation_for) override;
  absl::StatusOr<std::optional<RevocationJobRow>> Step(
      absl::Time now, int limit, const EntryMaker& entry_for,
      const EndMaker& end_for, std::string& job_id) override;
  absl::Status Postpone(absl::string_view job_id, absl::string_view error,
                        absl::Time until) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_REVOCATION_JOB_STORE_H_
