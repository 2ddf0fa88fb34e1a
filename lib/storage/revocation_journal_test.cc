#include "lib/storage/revocation_journal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"

namespace birthmark::storage {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1767225600);

RevocationChange Change(int64_t revision, int certificate,
                        RevocationState state = RevocationState::kRevoked,
                        absl::Time not_after = kNow + absl::Hours(24)) {
  RevocationChange change;
  change.revision = revision;
  change.serial = std::string(16, '\0');
  memcpy(&change.serial[4], &certificate, sizeof(certificate));
  change.serial[0] = 1;
  change.issuer_id = "idevid";
  change.not_after = not_after;
  change.state = state;
  change.reason = state == RevocationState::kRevoked ? 1 : 6;
  change.revoke_time = kNow;
  change.update_time = kNow + absl::Seconds(revision);
  return change;
}

class RevocationJournalTest : public testing::Test {
 protected:
  RevocationJournalTest() : folder_(testing::TempDir() + "journal.XXXXXX") {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    file_ = folder_ + "/revocations.journal";
  }

  std::unique_ptr<RevocationJournal> Open() {
    auto journal = RevocationJournal::Open(folder_);
    EXPECT_OK(journal);
    return journal.ok() ? *std::move(journal) : nullptr;
  }

  static std::map<std::string, RevocationChange> Live(
      const RevocationJournal& journal, absl::Time now = kNow) {
    std::map<std::string, RevocationChange> live;
    EXPECT_OK(journal.ForEachLive(
        now, [&](absl::Span<const RevocationChange> changes) {
          for (const RevocationChange& change : changes) {
            EXPECT_TRUE(live.emplace(change.serial, change).second);
          }
          return absl::OkStatus();
        }));
    return live;
  }

  std::string Content() const { return *ReadFile(file_, size_t{1} << 30); }
  void SetContent(const std::string& content) const {
    EXPECT_OK(WriteFileAtomically(file_, content, 0600));
  }

  std::string folder_;
  std::string file_;
};

TEST_F(RevocationJournalTest, BeginsEmpty) {
  const auto journal = Open();
  EXPECT_FALSE(journal->last().has_value());
  EXPECT_EQ(journal->highest(), 0);
  EXPECT_TRUE(Live(*journal).empty());
  struct stat info;
  ASSERT_EQ(stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(RevocationJournalTest, WhatWasAppendedIsThereAfterAReopening) {
  {
    const auto journal = Open();
    ASSERT_OK(journal->Append({Change(1, 1), Change(2, 2)}));
    ASSERT_OK(journal->Append({}));
    ASSERT_OK(journal->Append({Change(7, 3)}));
    EXPECT_EQ(journal->last()->revision, 7);
  }
  const auto journal = Open();
  EXPECT_EQ(journal->last()->revision, 7);
  EXPECT_EQ(journal->highest(), 7);
  EXPECT_EQ(Live(*journal).size(), 3u);
}

TEST_F(RevocationJournalTest, TheNewestRecordOfACertificateCounts) {
  const auto journal = Open();
  ASSERT_OK(journal->Append({Change(1, 1, RevocationState::kHeld),
                             Change(2, 2, RevocationState::kHeld),
                             Change(3, 1, RevocationState::kReleased),
                             Change(4, 2, RevocationState::kRevoked)}));
  const auto live = Live(*journal);
  ASSERT_EQ(live.size(), 2u);
  EXPECT_EQ(live.at(Change(1, 1).serial).revision, 3);
  EXPECT_EQ(live.at(Change(1, 2).serial).revision, 4);
}

TEST_F(RevocationJournalTest, WhatIsRevokedForGoodStaysSo) {
  const auto journal = Open();
  ASSERT_OK(journal->Append({Change(90, 1, RevocationState::kRevoked)}));
  // The log of a restored database, in which it was still on hold.
  ASSERT_OK(journal->Append({Change(40, 1, RevocationState::kHeld)}));
  EXPECT_EQ(Live(*journal).begin()->second.revision, 90);
  EXPECT_EQ(journal->last()->revision, 40);
  EXPECT_EQ(journal->highest(), 90);
}

TEST_F(RevocationJournalTest, ExpiredCertificatesAreNotLive) {
  const auto journal = Open();
  ASSERT_OK(journal->Append(
      {Change(1, 1, RevocationState::kRevoked, kNow - absl::Seconds(1)),
       Change(2, 2, RevocationState::kRevoked, kNow)}));
  EXPECT_EQ(Live(*journal).size(), 1u);
}

TEST_F(RevocationJournalTest, AHalfWrittenEndIsCutOff) {
  {
    const auto journal = Open();
    ASSERT_OK(journal->Append({Change(1, 1), Change(2, 2)}));
  }
  const std::string whole = Content();
  const size_t second = whole.rfind('\n', whole.size() - 2) + 1;
  for (size_t size = second; size < whole.size(); ++size) {
    SetContent(whole.substr(0, size));
    const auto journal = Open();
    ASSERT_EQ(journal->last()->revision, 1) << size;
    ASSERT_OK(journal->Append({Change(3, 3)}));
    EXPECT_EQ(Live(*journal).size(), 2u);
  }
  // Several records of one write, the later ones not even begun.
  SetContent(whole + std::string(700, '\0') + "\nrubbish\n");
  EXPECT_EQ(Open()->last()->revision, 2);
  EXPECT_EQ(Content(), whole);
}

TEST_F(RevocationJournalTest, DamageElsewhereIsRefusedWithTheWayOut) {
  {
    const auto journal = Open();
    ASSERT_OK(journal->Append({Change(1, 1), Change(2, 2), Change(3, 3)}));
  }
  std::string content = Content();
  content[content.find("idevid")] = 'I';
  SetContent(content);
  const auto journal = RevocationJournal::Open(folder_);
  ASSERT_THAT(journal, StatusIs(absl::StatusCode::kFailedPrecondition));
  const std::string text(journal.status().message());
  EXPECT_THAT(text, HasSubstr(file_ + ", line 2 is damaged"));
  EXPECT_THAT(text, HasSubstr("sed -i 2d"));
  // It does work.
  ASSERT_EQ(std::system(absl::StrCat("sed -i 2d ", file_).c_str()), 0);
  EXPECT_EQ(Live(*Open()).size(), 2u);
}

TEST_F(RevocationJournalTest, AnotherKindOfFileIsRefused) {
  for (const std::string content : {"", "x", "birthmark-revocation-journal 2\n",
                                    "birthmark-revocation-journal 1"}) {
    SetContent(content);
    const auto journal = RevocationJournal::Open(folder_);
    EXPECT_THAT(journal, StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_EQ(Content(), content) << "it must not be touched";
  }
}

TEST_F(RevocationJournalTest, OneProcessAtATime) {
  const auto journal = Open();
  const pid_t child = fork();
  if (child == 0) {
    const auto other = RevocationJournal::Open(folder_);
    _exit(absl::IsFailedPrecondition(other.status()) ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(RevocationJournalTest, AFullDiskTakesNothingAndRecovers) {
  const auto journal = Open();
  ASSERT_OK(journal->Append({Change(1, 1)}));
  const std::string before = Content();
  signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
  // Room for half a record.
  const rlimit limited{before.size() + 60, unlimited.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limited), 0);
  const absl::Status full = journal->Append({Change(2, 2), Change(3, 3)});
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
  EXPECT_THAT(full, StatusIs(absl::StatusCode::kUnavailable,
                             reasons::kJournalUnavailable));
  EXPECT_EQ(Content(), before);
  EXPECT_EQ(journal->last()->revision, 1);
  ASSERT_OK(journal->Append({Change(2, 2), Change(3, 3)}));
  EXPECT_EQ(Live(*journal).size(), 3u);
}

TEST_F(RevocationJournalTest, ConcurrentAppendsAllArrive) {
  {
    const auto journal = Open();
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 25; ++i) {
          EXPECT_OK(journal->Append({Change(1 + t * 25 + i, t * 25 + i)}));
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
  EXPECT_EQ(Live(*Open()).size(), 200u);
}

TEST_F(RevocationJournalTest, CompactionKeepsWhatCounts) {
  {
    const auto journal = Open();
    for (int i = 0; i < 50; ++i) {
      ASSERT_OK(journal->Append({Change(1 + i, 1, RevocationState::kHeld)}));
    }
    ASSERT_OK(journal->Append({Change(60, 2), Change(61, 1)}));
    ASSERT_OK(journal->Append(
        {Change(62, 3, RevocationState::kRevoked, kNow - absl::Hours(1))}));
    const int64_t before = journal->bytes();
    ASSERT_OK(journal->Compact(kNow));
    EXPECT_LT(journal->bytes(), before / 10);
    EXPECT_EQ(journal->last()->revision, 62) << "although it has expired";
    ASSERT_OK(journal->Append({Change(70, 4)}));
  }
  const auto journal = Open();
  EXPECT_EQ(journal->last()->revision, 70);
  EXPECT_EQ(Live(*journal).size(), 3u);
  const int64_t before = journal->bytes();
  ASSERT_OK(journal->Compact(kNow));
  EXPECT_EQ(journal->bytes(), before) << "there is little to gain";
}

TEST_F(RevocationJournalTest, AppendsGoOnDuringACompaction) {
  const auto journal = Open();
  std::vector<RevocationChange> changes;
  for (int i = 0; i < 20000; ++i) {
    changes.push_back(Change(1 + i, i % 100, RevocationState::kHeld));
  }
  ASSERT_OK(journal->Append(changes));
  std::thread compaction([&] { EXPECT_OK(journal->Compact(kNow)); });
  for (int i = 0; i < 200; ++i) {
    EXPECT_OK(journal->Append({Change(30000 + i, 1000 + i)}));
  }
  compaction.join();
  EXPECT_EQ(Live(*journal).size(), 300u);
}

// Whatever moment a process dies at: all that it was told is there.
TEST_F(RevocationJournalTest, AKilledProcessLosesNothing) {
  int64_t least = 0;
  for (int round = 0; round < 12; ++round) {
    int acknowledged[2];
    ASSERT_EQ(pipe(acknowledged), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto journal = RevocationJournal::Open(folder_);
      if (!journal.ok()) {
        _exit(1);
      }
      for (int64_t revision = (*journal)->highest() + 1;; revision += 3) {
        const int certificate = static_cast<int>(revision % 50);
        if (!(*journal)
                 ->Append({Change(revision, certificate),
                           Change(revision + 1, certificate + 1),
                           Change(revision + 2, certificate + 2)})
                 .ok()) {
          _exit(1);
        }
        const int64_t newest = revision + 2;
        if (write(acknowledged[1], &newest, sizeof(newest)) < 0) {
          _exit(1);
        }
        if (revision % 40 == 0 && !(*journal)->Compact(kNow).ok()) {
          _exit(1);
        }
      }
    }
    close(acknowledged[1]);
    absl::SleepFor(absl::Milliseconds(20 + 17 * round));
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself";
    int64_t newest = 0;
    while (read(acknowledged[0], &newest, sizeof(newest)) ==
           static_cast<ssize_t>(sizeof(newest))) {
      least = newest;
    }
    close(acknowledged[0]);
    const auto journal = Open();
    ASSERT_NE(journal, nullptr);
    EXPECT_GE(journal->highest(), least);
    EXPECT_GE(Live(*journal).size(), least > 60 ? 50u : 0u);
  }
  EXPECT_GT(least, 0);
}

// Sanitizers take a hundred times as long.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kMany = 20000;
#else
constexpr int kMany = 1000000;
#endif

TEST_F(RevocationJournalTest, AMillionRecordsOpenInSeconds) {
  {
    const auto journal = Open();
    std::vector<RevocationChange> changes;
    for (int i = 0; i < kMany; ++i) {
      changes.push_back(Change(1 + i, i));
      if (changes.size() == 10000) {
        ASSERT_OK(journal->Append(changes));
        changes.clear();
      }
    }
  }
  const absl::Time begin = Clock::Real().Now();
  const auto journal = Open();
  const absl::Duration open = Clock::Real().Now() - begin;
  size_t live = 0;
  ASSERT_OK(journal->ForEachLive(kNow, [&](auto changes) {
    live += changes.size();
    return absl::OkStatus();
  }));
  EXPECT_EQ(live, static_cast<size_t>(kMany));
  std::cout << kMany << " records, " << journal->bytes() << " bytes: open "
            << open << ", all live records in "
            << Clock::Real().Now() - begin - open << std::endl;
  EXPECT_LT(open, absl::Seconds(60));
}

}  // namespace
}  // namespace birthmark::storage
