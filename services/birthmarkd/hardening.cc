#include "services/birthmarkd/hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace birthmark::birthmarkd {
namespace {

absl::Status Refused(absl::string_view what) {
  return absl::InternalError(
      absl::StrCat("cannot ", what, ": ", std::strerror(errno)));
}

}  // namespace

absl::Status HardenProcess() {
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) {
    return Refused("switch core dumps off");
  }
// The leak checker of the sanitizer is a debugger of its own process.
#ifndef __SANITIZE_ADDRESS__
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    return Refused("forbid tracing");
  }
#endif
  // A connection is a file descriptor; the soft limit is for programs that do
  // not expect many.
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
    return Refused("read the limit of open files");
  }
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
    return Refused("raise the limit of open files");
  }
  umask(077);
  // A peer that went away is an error of its connection, not of the process.
  signal(SIGPIPE, SIG_IGN);
  // Debian's abseil looks for lock cycles on every lock, which costs more than
  // the locks.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return absl::OkStatus();
}

}  // namespace birthmark::birthmarkd
