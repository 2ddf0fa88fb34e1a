// Files: whole-file reads with a limit, and writes that a crash cannot tear.
// Thread-safe. Errors name the path and never the content.

#ifndef BIRTHMARK_LIB_BASE_FILE_H_
#define BIRTHMARK_LIB_BASE_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark {

// kDefaultFileLimit bounds what ReadFile reads unless it is told otherwise.
inline constexpr size_t kDefaultFileLimit = size_t{1} << 20;

// ReadFile returns the content of a file. kNotFound if there is none,
// kPermissionDenied if it may not be read, kOutOfRange if it is longer than
// `limit`, kFailedPrecondition if it is no regular file.
absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     size_t limit = kDefaultFileLimit);

// ReadPrivateFile is ReadFile for secrets: kFailedPrecondition, with the
// command that repairs it, if group or others may read or write the file. The
// check is made on the open file, so the file cannot be swapped in between.
absl::StatusOr<std::string> ReadPrivateFile(const std::string& path,
                                            size_t limit = kDefaultFileLimit);

// WriteFileAtomically replaces the file with `bytes` and permissions `mode`. A
// reader, also after a crash, sees the old content or the new, never a mix; on
// return it is on the disk. kResourceExhausted if the disk or the quota is
// full, kNotFound if the directory is missing, kPermissionDenied.
absl::Status WriteFileAtomically(const std::string& path,
                                 absl::string_view bytes, mode_t mode);

// WriteNewFile is WriteFileAtomically that never replaces: kAlreadyExists if
// the path is taken, also when two processes race.
absl::Status WriteNewFile(const std::string& path, absl::string_view bytes,
                          mode_t mode);

// CreatePrivateDirectory makes a directory that only its owner may enter. One
// that exists already is fine if it is a directory of that kind, else
// kFailedPrecondition. Parents are not made: kNotFound.
absl::Status CreatePrivateDirectory(const std::string& path);

}  // namespace birthmark

#endif  // BIRTHMARK_LIB_BASE_FILE_H_
