#include "lib/storage/journal_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "lib/storage/journal_line.h"

namespace birthmark::storage {
namespace {

constexpr size_t kPiece = size_t{1} << 18;

absl::Status ErrnoError(absl::string_view action, const std::string& path) {
  const int error = errno;
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot ", action, " ", path, ": the disk is full"));
  }
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", action, " ", path));
}

}  // namespace

JournalFile::JournalFile(std::string path, int descriptor, int64_t size)
    : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

JournalFile::~JournalFile() { close(descriptor_); }

absl::Status JournalFile::Error(absl::string_view action) const {
  return ErrnoError(action, path_);
}

absl::StatusOr<std::unique_ptr<JournalFile>> JournalFile::Open(
    const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) {
    return ErrnoError("open", path);
  }
  std::unique_ptr<JournalFile> file(new JournalFile(path, descriptor, 0));
  struct stat info;
  if (fstat(descriptor, &info) != 0) {
    return ErrnoError("examine", path);
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is not a regular file"));
  }
  file->size_ = info.st_size;
  return file;
}

absl::StatusOr<std::unique_ptr<JournalFile>> JournalFile::Create(
    const std::string& path) {
  const int descriptor = open(
      path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) {
    return ErrnoError("create", path);
  }
  return std::unique_ptr<JournalFile>(new JournalFile(path, descriptor, 0));
}

absl::Status JournalFile::Append(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count =
        pwrite(descriptor_, bytes.data(), bytes.size(), size_);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return Error("write");
    }
    size_ += count;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status JournalFile::Sync() {
  return fsync(descriptor_) == 0 ? absl::OkStatus() : Error("sync");
}

absl::Status JournalFile::AppendDurably(absl::string_view bytes) {
  const int64_t before = size_;
  absl::Status status;
  if (unclean_) {
    BIRTHMARK_RETURN_IF_ERROR(Truncate(before));
    unclean_ = false;
  }
  status = Append(bytes);
  if (status.ok()) {
    status = Sync();
  }
  if (!status.ok()) {
    // A kernel that failed to write a page may call it clean, so what was
    // written is not trusted: it is cut off and written anew by the next call.
    size_ = before;
    unclean_ = !Truncate(before).ok();
  }
  return status;
}

absl::Status JournalFile::Truncate(int64_t size) {
  if (ftruncate(descriptor_, size) != 0) {
    return Error("shorten");
  }
  size_ = size;
  return Sync();
}

absl::Status JournalFile::Read(int64_t from, int64_t to,
                               const Visitor& visit) const {
  std::string buffer;  // begins at `begin`
  int64_t begin = from;
  int64_t end = from;
  while (end < to) {
    const size_t had = buffer.size();
    const size_t wanted =
        std::min<size_t>(kPiece, static_cast<size_t>(to - end));
    buffer.resize(had + wanted);
    const ssize_t count = pread(descriptor_, &buffer[had], wanted, end);
    if (count < 0 && errno != EINTR) {
      return Error("read");
    }
    buffer.resize(had + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (count == 0) {
      break;
    }
    end = begin + static_cast<int64_t>(buffer.size());
    size_t at = 0;
    while (at < buffer.size()) {
      const size_t newline = buffer.find('\n', at);
      const bool found = newline != std::string::npos;
      if (!found && buffer.size() - at < kMaxJournalLine) {
        break;
      }
      const size_t length =
          std::min(found ? newline - at : kMaxJournalLine, kMaxJournalLine);
      const bool complete = found && at + length == newline;
      BIRTHMARK_RETURN_IF_ERROR(
          visit(absl::string_view(buffer).substr(at, length),
                begin + static_cast<int64_t>(at), complete));
      at += length + (complete ? 1 : 0);
    }
    buffer.erase(0, at);
    begin += static_cast<int64_t>(at);
  }
  return buffer.empty() ? absl::OkStatus() : visit(buffer, begin, false);
}

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::Take(
    const std::string& path) {
  const int descriptor =
      open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) {
    return ErrnoError("create", path);
  }
  std::unique_ptr<FolderLock> lock(new FolderLock(descriptor));
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return ErrnoError("lock", path);
    }
    const absl::StatusOr<std::string> pid = ReadFile(path, 64);
    return absl::FailedPreconditionError(absl::StrCat(
        "another process, pid ",
        pid.ok() ? absl::StripAsciiWhitespace(*pid) : "unknown", ", holds ",
        path, "; every process needs a folder of its own"));
  }
  // For people alone: if it cannot be written, the lock still holds.
  const std::string own = absl::StrCat(getpid(), "\n");
  if (ftruncate(descriptor, 0) != 0 ||
      pwrite(descriptor, own.data(), own.size(), 0) < 0) {
    errno = 0;
  }
  return lock;
}

FolderLock::~FolderLock() { close(descriptor_); }

absl::Status ReplaceDurably(const std::string& from, const std::string& to,
                            const std::string& folder) {
  if (rename(from.c_str(), to.c_str()) != 0) {
    return ErrnoError("replace", to);
  }
  const int descriptor =
      open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) {
    return ErrnoError("open", folder);
  }
  const bool synced = fsync(descriptor) == 0;
  const absl::Status status =
      synced ? absl::OkStatus() : ErrnoError("sync", folder);
  close(descriptor);
  return status;
}

}  // namespace birthmark::storage
