// Ids: the forms of the identifiers that the API and the database use. Pure
// functions. Making ids needs chance: see lib/crypto/ids.h.

#ifndef BIRTHMARK_LIB_BASE_IDS_H_
#define BIRTHMARK_LIB_BASE_IDS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace birthmark {

// kUidRandomBytes is how much randomness FormatUid takes.
inline constexpr size_t kUidRandomBytes = 10;

// FormatUid returns a UUIDv7 (RFC 9562, section 5.7) in lower-case text: the
// milliseconds of `time`, then `random`, which must be kUidRandomBytes long
// (6 of its 80 bits give way to version and variant).
std::string FormatUid(absl::Time time, absl::string_view random);

// FormatRequestId returns a UUIDv4 in lower-case text made of `random`, which
// must be 16 bytes long.
std::string FormatRequestId(absl::string_view random);

// IsUid tells whether `text` is a UUIDv7 in lower-case text: a device uid.
bool IsUid(absl::string_view text);

// IsRequestId tells whether `text` is a UUIDv4 in lower-case text.
bool IsRequestId(absl::string_view text);

// IsResourceId tells whether `text` matches ^[a-z0-9-]{1,63}$: the id of a
// fleet, line, batch or product that a caller may choose.
bool IsResourceId(absl::string_view text);

// IsKeyId tells whether `text` is a lower-case hex SHA-256.
bool IsKeyId(absl::string_view text);

// IsSerial tells whether `text` is a certificate serial number in lower-case
// hex: 1 to 20 octets, positive, no superfluous zero octet.
bool IsSerial(absl::string_view text);

}  // namespace birthmark

#endif  // BIRTHMARK_LIB_BASE_IDS_H_
