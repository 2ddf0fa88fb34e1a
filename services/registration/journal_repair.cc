#include "services/registration/journal_repair.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "lib/audit/new_entry.h"
#include "lib/base/bytes.h"
#include "lib/base/status_macros.h"
#include "lib/telemetry/log.h"

namespace birthmark::registration {
namespace {

using storage::RevocationChange;

constexpr char kActor[] = "birthmark:journal";

bool Same(const RevocationChange& a, const RevocationChange& b) {
  return a.serial == b.serial && a.state == b.state &&
         a.update_time == b.update_time;
}

audit::Entry EntryFor(Clock& clock, const RevocationChange& change) {
  return audit::NewEntry(
      clock, kActor, "certificate.restore_revocation",
      absl::StrCat("issuers/", change.issuer_id, "/certificates/",
                   HexEncode(change.serial)),
      {{"revision", absl::StrCat(change.revision)}});
}

absl::StatusOr<bool> HasLive(const storage::RevocationJournal& journal,
                             Clock& clock) {
  bool live = false;
  BIRTHMARK_RETURN_IF_ERROR(journal.ForEachLive(
      clock.Now(), [&live](absl::Span<const RevocationChange> changes) {
        live = live || !changes.empty();
        return absl::OkStatus();
      }));
  return live;
}

}  // namespace

absl::StatusOr<bool> IsBehindJournal(storage::RevocationLog& log,
                                     const storage::RevocationJournal& journal,
                                     Clock& clock) {
  const std::optional<RevocationChange> last = journal.last();
  if (!last.has_value()) {
    return false;
  }
  // Not Latest: after a leap it may be long until somebody revokes.
  BIRTHMARK_ASSIGN_OR_RETURN(const int64_t highest, log.Highest());
  if (highest < journal.highest()) {
    return true;
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const std::optional<RevocationChange> row,
                             log.Get(last->revision));
  if (row.has_value()) {
    return !Same(*row, *last);
  }
  // A database without any change leaves no record in the journal by which it
  // could be known again.
  BIRTHMARK_ASSIGN_OR_RETURN(const int64_t latest, log.Latest());
  if (latest > 0) {
    return true;
  }
  return HasLive(journal, clock);
}

// The leap comes first: from then on no revision gets a second meaning.
absl::Status BringBack(storage::RevocationLog& log,
                       const storage::RevocationJournal& journal, Clock& clock,
                       Metrics& metrics) {
  const int64_t highest = journal.highest();
  telemetry::Log(telemetry::Level::kWarning, "database_behind_journal",
                 {{"journal_revision", highest},
                  {"text",
                   "the database is behind the revocation journal: it was "
                   "restored from a backup; what it has forgotten is brought "
                   "back now"}});
  BIRTHMARK_RETURN_IF_ERROR(log.SkipTo(highest + kLeap));
  int64_t known = 0;
  int64_t restored = 0;
  BIRTHMARK_RETURN_IF_ERROR(journal.ForEachLive(
      clock.Now(),
      [&](absl::Span<const RevocationChange> changes) -> absl::Status {
        std::vector<audit::Entry> entries;
        entries.reserve(changes.size());
        for (const RevocationChange& change : changes) {
          entries.push_back(EntryFor(clock, change));
        }
        BIRTHMARK_ASSIGN_OR_RETURN(const int64_t count,
                                   log.Restore(changes, entries));
        known += static_cast<int64_t>(changes.size());
        restored += count;
        metrics.revocations_restored.Increment(static_cast<double>(count));
        return absl::OkStatus();
      }));
  telemetry::Log(
      telemetry::Level::kWarning, "revocations_restored",
      {{"restored", restored},
       {"journal_revocations", known},
       {"text", absl::StrCat(
                    "the database is behind the revocation journal: ", restored,
                    " of ", known, " revocations brought back")}});
  return absl::OkStatus();
}

}  // namespace birthmark::registration
