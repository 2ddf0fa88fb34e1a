// Keys, as several stores insert and find them. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_KEY_SQL_H_
#define BIRTHMARK_LIB_STORAGE_KEY_SQL_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/storage/key_row.h"
#include "lib/storage/session.h"

namespace birthmark::storage {

// InsertKeys inserts `keys`, or those that nobody has, and returns how many.
// All callers pass them in order of spki_sha256, so that they wait for each
// other and not in a circle.
int64_t InsertKeys(Session& session, absl::Span<const KeyRow* const> keys,
                   IfTaken if_taken);

// FindKey returns one key, with the issuer of its certificate.
std::optional<KeyRow> FindKey(Session& session, absl::string_view spki_sha256);

// KeyAlreadyEnrolled is kAlreadyExists / KEY_ALREADY_ENROLLED.
absl::Status KeyAlreadyEnrolled(absl::string_view spki_sha256);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_KEY_SQL_H_
