// journal_line is the text form of a change in the revocation journal: one line
// that a person can read and whose damage shows
// (docs/formats/revocation_journal.md). Pure functions.

#ifndef BIRTHMARK_LIB_STORAGE_JOURNAL_LINE_H_
#define BIRTHMARK_LIB_STORAGE_JOURNAL_LINE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/storage/revocation_log.h"

namespace birthmark::storage {

// kMaxJournalLine is longer than any line, its newline included.
inline constexpr size_t kMaxJournalLine = 512;

// FormatJournalLine returns the line with its newline. Times are cut to
// microseconds, which is what the database has.
std::string FormatJournalLine(const RevocationChange& change);

// JournalLineOf puts the checksum in front of the fields of a line.
std::string JournalLineOf(absl::string_view fields);

// ParseJournalLine reads what FormatJournalLine writes, without the newline,
// and nothing else. kDataLoss; the text says what is wrong.
absl::StatusOr<RevocationChange> ParseJournalLine(absl::string_view line);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_JOURNAL_LINE_H_
