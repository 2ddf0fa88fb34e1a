// JournalFile is an append-only file of lines: what AppendDurably returned OK
// for is on the disk, and what it failed for is not in the file.

#ifndef BIRTHMARK_LIB_STORAGE_JOURNAL_FILE_H_
#define BIRTHMARK_LIB_STORAGE_JOURNAL_FILE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark::storage {

// JournalFile may be read by any thread while one appends. Errors name the
// file.
class JournalFile {
 public:
  // Open opens a file that exists.
  static absl::StatusOr<std::unique_ptr<JournalFile>> Open(
      const std::string& path);
  // Create makes an empty file, or empties one.
  static absl::StatusOr<std::unique_ptr<JournalFile>> Create(
      const std::string& path);
  ~JournalFile();
  JournalFile(const JournalFile&) = delete;
  JournalFile& operator=(const JournalFile&) = delete;

  // Append writes at the end; Sync makes all of it durable; AppendDurably is
  // both, or nothing. kResourceExhausted if the disk is full.
  absl::Status Append(absl::string_view bytes);
  absl::Status Sync();
  absl::Status AppendDurably(absl::string_view bytes);
  // Truncate cuts the file to `size`, durably.
  absl::Status Truncate(int64_t size);

  // Read calls `visit` with each line between `from` and `to` without its
  // newline, and where it begins. What follows the last newline comes too, as
  // does, in pieces, a line longer than any can be; `complete` says whether
  // there is a newline.
  using Visitor = std::function<absl::Status(absl::string_view line,
                                             int64_t offset, bool complete)>;
  absl::Status Read(int64_t from, int64_t to, const Visitor& visit) const;

  int64_t size() const { return size_; }

 private:
  JournalFile(std::string path, int descriptor, int64_t size);
  absl::Status Error(absl::string_view action) const;

  const std::string path_;
  const int descriptor_;
  std::atomic<int64_t> size_;
  bool unclean_ = false;  // there may be something after size_
};

// FolderLock keeps other processes out of a folder as long as it lives, or its
// process does.
class FolderLock {
 public:
  // kFailedPrecondition, with the other's process id, if another one holds it.
  static absl::StatusOr<std::unique_ptr<FolderLock>> Take(
      const std::string& path);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  const int descriptor_;
};

// ReplaceDurably gives the file `from` the name `to`, which is in `folder`.
absl::Status ReplaceDurably(const std::string& from, const std::string& to,
                            const std::string& folder);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_JOURNAL_FILE_H_
