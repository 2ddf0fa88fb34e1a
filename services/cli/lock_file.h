// LockFile keeps a second process out of a folder.

#ifndef BIRTHMARK_SERVICES_CLI_LOCK_FILE_H_
#define BIRTHMARK_SERVICES_CLI_LOCK_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace birthmark::cli {

// LockFile is held until it is destroyed, or the process ends in any way: the
// kernel forgets the lock, the file itself stays and means nothing. Move-only.
class LockFile {
 public:
  // Acquire locks `path`, which it creates. FAILED_PRECONDITION /
  // FOLDER_IN_USE, with the other's pid, if another process holds it;
  // FILE_UNUSABLE or DISK_FULL if the file cannot be written.
  static absl::StatusOr<LockFile> Acquire(const std::string& path);

  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&& other) noexcept;
  ~LockFile();

 private:
  explicit LockFile(int descriptor) : descriptor_(descriptor) {}

  int descriptor_ = -1;
};

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_LOCK_FILE_H_
