#include "lib/storage/revocation_journal.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "lib/base/combiner.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/journal_file.h"
#include "lib/storage/journal_line.h"
#include "lib/telemetry/log.h"

namespace birthmark::storage {
namespace {

constexpr absl::string_view kHeader = "birthmark-revocation-journal 1";
constexpr char kFileName[] = "revocations.journal";
constexpr char kLockName[] = "lock";
constexpr char kNewSuffix[] = ".new";
// Appends that share one flush, at most.
constexpr size_t kTogether = 256;
// Records that ForEachLive hands over at a time.
constexpr size_t kVisited = 1000;
constexpr size_t kWritePiece = size_t{1} << 20;

// What reading a whole journal tells.
struct Summary {
  std::optional<RevocationChange> last;
  int64_t highest = 0;
  int64_t records = 0;
  int64_t good_end = 0;  // what follows is a write that a crash cut short
};

absl::Status Damaged(const std::string& path, int64_t line,
                     absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(
      path, ", line ", line, " is damaged: ", what,
      "; good records follow, so this is no write that a crash cut short. Keep "
      "a copy of the file, take the line out (sed -i ",
      line, "d ", path,
      "), start again, and compare with the journal of another process"));
}

absl::StatusOr<Summary> ReadAll(const JournalFile& file,
                                const std::string& path) {
  Summary summary;
  int64_t number = 0;
  int64_t bad_line = 0;
  std::string bad_text;
  const auto visit = [&](absl::string_view line, int64_t offset,
                         bool complete) -> absl::Status {
    ++number;
    if (offset == 0) {
      if (line != kHeader || !complete) {
        return absl::FailedPreconditionError(absl::StrCat(
            path,
            " is no revocation journal of version 1; move it away, or "
            "name another folder"));
      }
      summary.good_end = static_cast<int64_t>(kHeader.size()) + 1;
      return absl::OkStatus();
    }
    absl::StatusOr<RevocationChange> change =
        complete ? ParseJournalLine(line)
                 : absl::DataLossError("it has no end");
    if (!change.ok()) {
      if (bad_line == 0) {
        bad_line = number;
        bad_text = std::string(change.status().message());
      }
      return absl::OkStatus();
    }
    if (bad_line != 0) {
      return Damaged(path, bad_line, bad_text);
    }
    summary.highest = std::max(summary.highest, change->revision);
    summary.last = *std::move(change);
    ++summary.records;
    summary.good_end = offset + static_cast<int64_t>(line.size()) + 1;
    return absl::OkStatus();
  };
  BIRTHMARK_RETURN_IF_ERROR(file.Read(0, file.size(), visit));
  if (number == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is empty; remove it and start again"));
  }
  return summary;
}

using SerialKey = std::array<char, 16>;

SerialKey KeyOf(const RevocationChange& change) {
  SerialKey key{};
  std::copy_n(change.serial.begin(), std::min(key.size(), change.serial.size()),
              key.begin());
  return key;
}

// Newest says which records count.
struct Newest {
  struct Place {
    int64_t offset = 0;
    RevocationState state = RevocationState::kHeld;
  };
  absl::flat_hash_map<SerialKey, Place> places;
  int64_t records = 0;
};

absl::Status ForEachRecord(
    const JournalFile& file, int64_t to,
    const std::function<absl::Status(const RevocationChange&, int64_t offset,
                                     absl::string_view line)>& visit) {
  return file.Read(
      static_cast<int64_t>(kHeader.size()) + 1, to,
      [&](absl::string_view line, int64_t offset, bool) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(const RevocationChange change,
                                   ParseJournalLine(line));
        return visit(change, offset, line);
      });
}

absl::StatusOr<Newest> FindNewest(const JournalFile& file, int64_t to,
                                  absl::Time now) {
  Newest newest;
  BIRTHMARK_RETURN_IF_ERROR(ForEachRecord(
      file, to,
      [&](const RevocationChange& change, int64_t offset, absl::string_view) {
        ++newest.records;
        if (change.not_after < now) {
          return absl::OkStatus();
        }
        Newest::Place& place = newest.places[KeyOf(change)];
        if (place.offset == 0 || place.state != RevocationState::kRevoked ||
            change.state == RevocationState::kRevoked) {
          place = {offset, change.state};
        }
        return absl::OkStatus();
      }));
  return newest;
}

bool Counts(const Newest& newest, const RevocationChange& change,
            int64_t offset) {
  const auto found = newest.places.find(KeyOf(change));
  return found != newest.places.end() && found->second.offset == offset;
}

class FileRevocationJournal : public RevocationJournal {
 public:
  FileRevocationJournal(std::string folder, std::unique_ptr<FolderLock> lock,
                        std::unique_ptr<JournalFile> file, Summary summary)
      : folder_(std::move(folder)),
        lock_(std::move(lock)),
        file_(std::move(file)),
        summary_(std::move(summary)),
        appends_(kTogether, 1, [this](const std::vector<AppendJob*>& jobs) {
          AppendAll(jobs);
        }) {}

  static std::string PathIn(const std::string& folder) {
    return absl::StrCat(folder, "/", kFileName);
  }

  absl::Status Append(absl::Span<const RevocationChange> changes) override {
    if (changes.empty()) {
      return absl::OkStatus();
    }
    AppendJob job{changes, absl::OkStatus()};
    appends_.Run(job);
    return job.status;
  }

  std::optional<RevocationChange> last() const override {
    std::lock_guard<std::mutex> lock(mutex_);
    return summary_.last;
  }

  int64_t highest() const override {
    std::lock_guard<std::mutex> lock(mutex_);
    return summary_.highest;
  }

  int64_t bytes() const override { return Snapshot().first->size(); }

  absl::Status ForEachLive(
      absl::Time now,
      const std::function<absl::Status(absl::Span<const RevocationChange>)>&
          visit) const override {
    const auto [file, size] = Snapshot();
    BIRTHMARK_ASSIGN_OR_RETURN(const Newest newest,
                               FindNewest(*file, size, now));
    std::vector<RevocationChange> some;
    BIRTHMARK_RETURN_IF_ERROR(ForEachRecord(
        *file, size,
        [&](const RevocationChange& change, int64_t offset, absl::string_view) {
          if (Counts(newest, change, offset)) {
            some.push_back(change);
          }
          if (some.size() < kVisited) {
            return absl::OkStatus();
          }
          const absl::Status status = visit(some);
          some.clear();
          return status;
        }));
    return some.empty() ? absl::OkStatus() : visit(some);
  }

  absl::Status Compact(absl::Time now) override {
    std::lock_guard<std::mutex> one(compact_mutex_);
    const auto [file, size] = Snapshot();
    BIRTHMARK_ASSIGN_OR_RETURN(const Newest newest,
                               FindNewest(*file, size, now));
    if (newest.records < 2 * static_cast<int64_t>(newest.places.size()) ||
        newest.records < 2) {
      return absl::OkStatus();
    }
    const std::string path = PathIn(folder_);
    BIRTHMARK_ASSIGN_OR_RETURN(
        std::unique_ptr<JournalFile> next,
        JournalFile::Create(absl::StrCat(path, kNewSuffix)));
    BIRTHMARK_RETURN_IF_ERROR(CopyLive(*file, size, newest, *next));
    // Appending stands still only for what came meanwhile.
    std::lock_guard<std::mutex> no_append(append_mutex_);
    BIRTHMARK_RETURN_IF_ERROR(CopyLines(*file, size, file->size(), *next));
    BIRTHMARK_RETURN_IF_ERROR(next->Sync());
    BIRTHMARK_RETURN_IF_ERROR(
        ReplaceDurably(absl::StrCat(path, kNewSuffix), path, folder_));
    telemetry::Log(telemetry::Level::kInfo, "revocation_journal_compacted",
                   {{"bytes_before", file->size()}, {"bytes", next->size()}});
    std::lock_guard<std::mutex> lock(mutex_);
    file_ = std::move(next);
    return absl::OkStatus();
  }

 private:
  struct AppendJob {
    absl::Span<const RevocationChange> changes;
    absl::Status status;
  };

  std::pair<std::shared_ptr<JournalFile>, int64_t> Snapshot() const {
    std::lock_guard<std::mutex> lock(mutex_);
    // What is being appended now may still be taken back.
    return {file_, durable_size_ > 0 ? durable_size_ : file_->size()};
  }

  void AppendAll(const std::vector<AppendJob*>& jobs) {
    std::string lines;
    for (const AppendJob* job : jobs) {
      for (const RevocationChange& change : job->changes) {
        lines.append(FormatJournalLine(change));
      }
    }
    std::lock_guard<std::mutex> no_compaction(append_mutex_);
    const std::shared_ptr<JournalFile> file = Snapshot().first;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      durable_size_ = file->size();
    }
    absl::Status status = file->AppendDurably(lines);
    if (!status.ok()) {
      status = MakeError(
          absl::StatusCode::kUnavailable, reasons::kJournalUnavailable,
          absl::StrCat("the revocation journal: ", status.message()));
    }
    std::lock_guard<std::mutex> lock(mutex_);
    durable_size_ = 0;
    for (AppendJob* job : jobs) {
      job->status = status;
      if (!status.ok()) {
        continue;
      }
      for (const RevocationChange& change : job->changes) {
        summary_.highest = std::max(summary_.highest, change.revision);
      }
      summary_.last = job->changes.back();
    }
  }

  // Copies the header, what counts, the last record and the highest.
  absl::Status CopyLive(const JournalFile& file, int64_t size,
                        const Newest& newest, JournalFile& next) const {
    int64_t last_offset = 0;
    int64_t highest_offset = 0;
    int64_t highest = 0;
    BIRTHMARK_RETURN_IF_ERROR(ForEachRecord(
        file, size,
        [&](const RevocationChange& change, int64_t offset, absl::string_view) {
          last_offset = offset;
          if (change.revision > highest) {
            highest = change.revision;
            highest_offset = offset;
          }
          return absl::OkStatus();
        }));
    std::string lines = absl::StrCat(kHeader, "\n");
    BIRTHMARK_RETURN_IF_ERROR(
        ForEachRecord(file, size,
                      [&](const RevocationChange& change, int64_t offset,
                          absl::string_view line) {
                        if (offset == last_offset || offset == highest_offset ||
                            Counts(newest, change, offset)) {
                          absl::StrAppend(&lines, line, "\n");
                        }
                        return lines.size() < kWritePiece ? absl::OkStatus()
                                                          : Flush(lines, next);
                      }));
    BIRTHMARK_RETURN_IF_ERROR(Flush(lines, next));
    return next.Sync();
  }

  static absl::Status CopyLines(const JournalFile& file, int64_t from,
                                int64_t to, JournalFile& next) {
    std::string lines;
    BIRTHMARK_RETURN_IF_ERROR(
        file.Read(from, to, [&](absl::string_view line, int64_t, bool) {
          absl::StrAppend(&lines, line, "\n");
          return lines.size() < kWritePiece ? absl::OkStatus()
                                            : Flush(lines, next);
        }));
    return Flush(lines, next);
  }

  static absl::Status Flush(std::string& lines, JournalFile& next) {
    const absl::Status status = next.Append(lines);
    lines.clear();
    return status;
  }

  const std::string folder_;
  const std::unique_ptr<FolderLock> lock_;
  std::mutex compact_mutex_;  // taken before append_mutex_
  std::mutex append_mutex_;   // taken before mutex_
  mutable std::mutex mutex_;  // for what follows
  std::shared_ptr<JournalFile> file_;
  int64_t durable_size_ = 0;  // while something is being appended
  Summary summary_;
  Combiner<AppendJob> appends_;
};

absl::StatusOr<std::unique_ptr<JournalFile>> OpenFile(
    const std::string& folder) {
  const std::string path = FileRevocationJournal::PathIn(folder);
  auto file = JournalFile::Open(path);
  if (!absl::IsNotFound(file.status())) {
    return file;
  }
  BIRTHMARK_RETURN_IF_ERROR(
      WriteNewFile(path, absl::StrCat(kHeader, "\n"), 0600));
  return JournalFile::Open(path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RevocationJournal>> RevocationJournal::Open(
    const std::string& folder) {
  BIRTHMARK_RETURN_IF_ERROR(CreatePrivateDirectory(folder));
  BIRTHMARK_ASSIGN_OR_RETURN(
      std::unique_ptr<FolderLock> lock,
      FolderLock::Take(absl::StrCat(folder, "/", kLockName)));
  BIRTHMARK_ASSIGN_OR_RETURN(std::unique_ptr<JournalFile> file,
                             OpenFile(folder));
  const std::string path = FileRevocationJournal::PathIn(folder);
  BIRTHMARK_ASSIGN_OR_RETURN(Summary summary, ReadAll(*file, path));
  if (summary.good_end < file->size()) {
    telemetry::Log(telemetry::Level::kWarning, "revocation_journal_cut",
                   {{"file", path},
                    {"bytes", file->size() - summary.good_end},
                    {"text",
                     "the end of the revocation journal was half-written by a "
                     "crash and was cut off; nobody was told that it was "
                     "there"}});
    BIRTHMARK_RETURN_IF_ERROR(file->Truncate(summary.good_end));
  }
  return std::unique_ptr<RevocationJournal>(
      std::make_unique<FileRevocationJournal>(
          folder, std::move(lock), std::move(file), std::move(summary)));
}

}  // namespace birthmark::storage
