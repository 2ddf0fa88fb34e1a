#ifndef BIRTHMARK_LIB_STORAGE_FAKE_REVOCATION_LOG_H_
#define BIRTHMARK_LIB_STORAGE_FAKE_REVOCATION_LOG_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/revocation_log.h"

namespace birthmark::storage {

// FakeRevocationLog is the RevocationLog in memory, for tests. `database` must
// outlive it.
class FakeRevocationLog : public RevocationLog {
 public:
  explicit FakeRevocationLog(FakeDatabase& database) : database_(database) {}

  absl::StatusOr<int64_t> Latest() override;
  absl::StatusOr<int64_t> Highest() override;
  absl::StatusOr<std::vector<RevocationChange>> Read(
      int64_t revision, absl::string_view issuer_id, int limit) override;
  absl::StatusOr<std::optional<RevocationChange>> Get(
      int64_t revision) override;
  absl::Status SkipTo(int64_t revision) override;
  absl::StatusOr<int64_t> Restore(
      absl::Span<const RevocationChange> changes,
      absl::Span<const audit::Entry> entries) override;

 private:
  FakeDatabase& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FAKE_REVOCATION_LOG_H_
