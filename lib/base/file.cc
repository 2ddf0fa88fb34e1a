#include "lib/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"

namespace birthmark {
namespace {

// Closes a file descriptor at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  bool Close() {
    const int fd = std::exchange(fd_, -1);
    return fd < 0 || close(fd) == 0;
  }

 private:
  int fd_;
};

// Maps errno to a status that names `path` and what was tried.
absl::Status ErrnoError(absl::string_view action, const std::string& path) {
  const int error = errno;
  // A full disk has no code of its own in abseil's mapping that callers could
  // tell from a bug.
  if (error == ENOSPC || error == EDQUOT) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot ", action, " ", path, ": the disk is full"));
  }
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", action, " ", path));
}

absl::StatusOr<std::string> ReadOpenFile(int fd, const std::string& path,
                                         size_t limit) {
  std::string bytes;
  char buffer[16384];
  while (true) {
    const ssize_t count = read(fd, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return ErrnoError("read", path);
    }
    if (count == 0) {
      return bytes;
    }
    if (bytes.size() + static_cast<size_t>(count) > limit) {
      return absl::OutOfRangeError(
          absl::StrCat(path, " is longer than ", limit, " bytes"));
    }
    bytes.append(buffer, static_cast<size_t>(count));
  }
}

absl::StatusOr<std::string> Read(const std::string& path, size_t limit,
                                 bool must_be_private) {
  // O_NONBLOCK: opening a named pipe would wait for a writer otherwise.
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    return ErrnoError("open", path);
  }
  struct stat info;
  if (fstat(file.get(), &info) != 0) {
    return ErrnoError("examine", path);
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is not a regular file"));
  }
  if (must_be_private && (info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " holds a secret but group or others have access to it; run: ",
        "chmod 600 ", path));
  }
  return ReadOpenFile(file.get(), path, limit);
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status WriteAll(int fd, absl::string_view bytes,
                      const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return ErrnoError("write", path);
    }
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status SyncDirectory(const std::string& directory) {
  Descriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || fsync(fd.get()) != 0) {
    return ErrnoError("sync", directory);
  }
  return absl::OkStatus();
}

// Writes a synced temporary file next to `path` and returns its path.
absl::StatusOr<std::string> WriteTemporary(const std::string& path,
                                           absl::string_view bytes,
                                           mode_t mode) {
  std::string temporary = absl::StrCat(path, ".tmp.XXXXXX");
  Descriptor file(mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) {
    return ErrnoError("create", path);
  }
  absl::Status status = WriteAll(file.get(), bytes, path);
  if (status.ok() && fchmod(file.get(), mode) != 0) {
    status = ErrnoError("set permissions of", path);
  }
  if (status.ok() && fsync(file.get()) != 0) {
    status = ErrnoError("sync", path);
  }
  if (status.ok() && !file.Close()) {
    status = ErrnoError("close", path);
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return temporary;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t limit) {
  return Read(path, limit, /*must_be_private=*/false);
}

absl::StatusOr<std::string> ReadPrivateFile(const std::string& path,
                                            size_t limit) {
  return Read(path, limit, /*must_be_private=*/true);
}

absl::Status WriteFileAtomically(const std::string& path,
                                 absl::string_view bytes, mode_t mode) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string temporary,
                             WriteTemporary(path, bytes, mode));
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    absl::Status status = ErrnoError("replace", path);
    unlink(temporary.c_str());
    return status;
  }
  return SyncDirectory(DirectoryOf(path));
}

absl::Status WriteNewFile(const std::string& path, absl::string_view bytes,
                          mode_t mode) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string temporary,
                             WriteTemporary(path, bytes, mode));
  // Unlike rename, link refuses a name that is taken.
  absl::Status status = link(temporary.c_str(), path.c_str()) == 0
                            ? absl::OkStatus()
                            : ErrnoError("create", path);
  unlink(temporary.c_str());
  BIRTHMARK_RETURN_IF_ERROR(status);
  return SyncDirectory(DirectoryOf(path));
}

absl::Status CreatePrivateDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0) {
    return SyncDirectory(DirectoryOf(path));
  }
  if (errno != EEXIST) {
    return ErrnoError("create the directory", path);
  }
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) {
    return ErrnoError("examine", path);
  }
  if (!S_ISDIR(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " exists and is not a directory"));
  }
  if ((info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "group or others have access to ", path, "; run: chmod 700 ", path));
  }
  return absl::OkStatus();
}

}  // namespace birthmark
