// Record: what every mutation leaves behind. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_RECORD_H_
#define BIRTHMARK_LIB_STORAGE_RECORD_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/storage/device_row.h"
#include "lib/storage/mutation.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"

namespace birthmark::storage {

// EntryTime is when the row of `entry` says it was: to the millisecond, like
// the canonical bytes.
absl::Time EntryTime(const audit::Entry& entry);

// RecordAudit appends entries to the audit log.
void RecordAudit(Session& session,
                 absl::Span<const audit::Entry* const> entries);
void RecordAudit(Session& session, absl::Span<const audit::Entry> entries);

// AddAudit adds the columns of an entry of the audit log to `params`, in the
// order of BIRTHMARK_AUDIT_COLUMNS, for a statement that inserts other things
// too.
#define BIRTHMARK_AUDIT_COLUMNS \
  "entry_time, entry_id, actor, action, resource, entry, leaf_hash"
void AddAudit(const audit::Entry& entry, std::vector<Param>& params);

// RecordEvents appends `events` to the devices' histories.
void RecordEvents(Session& session,
                  absl::Span<const DeviceEventRow* const> events);

// RecordMutation appends the audit entries and keeps the answer for a repeat.
// kAborted / TRANSACTION_CONFLICT if there is an answer under the same request
// id: the caller's transaction must not happen then.
absl::Status RecordMutation(Session& session, const Mutation& mutation);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_RECORD_H_
