// A database that was restored from a backup has forgotten revocations. The
// journal has not.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_JOURNAL_REPAIR_H_
#define BIRTHMARK_SERVICES_REGISTRATION_JOURNAL_REPAIR_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/storage/revocation_journal.h"
#include "lib/storage/revocation_log.h"
#include "services/registration/metrics.h"

namespace birthmark::registration {

// How far revisions leap when a database was restored: further than anybody can
// have seen beyond the journal.
constexpr int64_t kLeap = 1000000;

// IsBehindJournal tells whether the database may lack what is in the journal,
// or give a revision a second meaning. Not after BringBack, once its changes
// are in the journal.
absl::StatusOr<bool> IsBehindJournal(storage::RevocationLog& log,
                                     const storage::RevocationJournal& journal,
                                     Clock& clock);

// BringBack leaps, gives the database every live record of the journal that it
// lacks, and logs how many these were. It may be repeated after a failure.
absl::Status BringBack(storage::RevocationLog& log,
                       const storage::RevocationJournal& journal, Clock& clock,
                       Metrics& metrics);

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_JOURNAL_REPAIR_H_
