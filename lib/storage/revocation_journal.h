// RevocationJournal is the memory of revocations outside the database: an
// append-only file, flushed to the disk before anybody is told. A database that
// was restored from a backup learns from it what it has forgotten. The format
// is in docs/formats/revocation_journal.md.

#ifndef BIRTHMARK_LIB_STORAGE_REVOCATION_JOURNAL_H_
#define BIRTHMARK_LIB_STORAGE_REVOCATION_JOURNAL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/revocation_log.h"

namespace birthmark::storage {

// RevocationJournal is thread-safe. One process at a time has a folder (a lock
// on a file in it).
class RevocationJournal {
 public:
  // Open makes the folder (mode 0700) if it is missing, takes its lock, reads
  // the journal and cuts off a record that a crash left half-written.
  // kFailedPrecondition if another process has it, or if it is damaged anywhere
  // but at its end; the text names the file and what to do.
  static absl::StatusOr<std::unique_ptr<RevocationJournal>> Open(
      const std::string& folder);
  virtual ~RevocationJournal() = default;

  // Append writes `changes` in this order and returns when the disk has them;
  // calls that come together share one flush. kUnavailable /
  // JOURNAL_UNAVAILABLE: nothing counts as written, and the next call tries
  // again.
  virtual absl::Status Append(absl::Span<const RevocationChange> changes) = 0;

  // last is the record written last, if there is any; highest the largest
  // revision in it, 0 if there is none. They differ only when the changes of a
  // restored database were written behind those that it had forgotten.
  virtual std::optional<RevocationChange> last() const = 0;
  virtual int64_t highest() const = 0;

  // ForEachLive calls `visit` with the newest record of every serial whose
  // certificate has not expired at `now`, in no order, some at a time. The
  // newest is the one written last, but what is revoked for good stays so.
  virtual absl::Status ForEachLive(
      absl::Time now,
      const std::function<absl::Status(absl::Span<const RevocationChange>)>&
          visit) const = 0;

  // Compact rewrites the file without records that later ones replace or whose
  // certificates have expired, if it has at least twice as many records as it
  // needs; a crash leaves the old file or the new one. last() and highest()
  // stay. Append may be called meanwhile.
  virtual absl::Status Compact(absl::Time now) = 0;

  // bytes is the size of the file.
  virtual int64_t bytes() const = 0;

 protected:
  RevocationJournal() = default;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_REVOCATION_JOURNAL_H_
