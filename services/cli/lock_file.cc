#include "services/cli/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "services/cli/error_report.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

// HolderPid returns what the holder wrote, "unknown" if that is not a number.
std::string HolderPid(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, 64);
  int64_t pid = 0;
  if (text.ok() && absl::SimpleAtoi(*text, &pid)) {
    return absl::StrCat(pid);
  }
  return "unknown";
}

}  // namespace

absl::StatusOr<LockFile> LockFile::Acquire(const std::string& path) {
  const int descriptor =
      open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) {
    return FileError(absl::ErrnoToStatus(errno, path), path);
  }
  LockFile lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return FileError(absl::ErrnoToStatus(errno, path), path);
    }
    const std::string pid = HolderPid(path);
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kFolderInUse,
                     absl::StrCat("another process, pid ", pid, ", holds ",
                                  path, "; wait for it, or stop it"),
                     {{"path", path}, {"pid", pid}});
  }
  const std::string own = absl::StrCat(getpid(), "\n");
  if (ftruncate(descriptor, 0) != 0 ||
      pwrite(descriptor, own.data(), own.size(), 0) !=
          static_cast<ssize_t>(own.size())) {
    return FileError(absl::ErrnoToStatus(errno == 0 ? ENOSPC : errno, path),
                     path);
  }
  return lock;
}

LockFile::LockFile(LockFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

LockFile& LockFile::operator=(LockFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

LockFile::~LockFile() {
  if (descriptor_ >= 0) {
    close(descriptor_);
  }
}

}  // namespace birthmark::cli
