#include "lib/base/file.h"

#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/testing.h"

namespace birthmark {
namespace {

using ::testing::HasSubstr;

std::string ErrorText(const absl::Status& status) {
  return std::string(status.message());
}

class FileTest : public ::testing::Test {
 protected:
  FileTest() : directory_(::testing::TempDir() + "file_test.XXXXXX") {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
  }

  std::string Path(const std::string& name) const {
    return directory_ + "/" + name;
  }

  mode_t ModeOf(const std::string& path) const {
    struct stat info = {};
    EXPECT_EQ(stat(path.c_str(), &info), 0);
    return info.st_mode & 0777;
  }

  size_t EntryCount() const {
    size_t count = 0;
    DIR* directory = opendir(directory_.c_str());
    while (const dirent* entry = readdir(directory)) {
      count += entry->d_name[0] == '.' ? 0 : 1;
    }
    closedir(directory);
    return count;
  }

  std::string directory_;
};

TEST_F(FileTest, WrittenFileIsReadBack) {
  const std::string bytes("a\0b\xff", 4);
  ASSERT_OK(WriteFileAtomically(Path("f"), bytes, 0640));
  EXPECT_THAT(ReadFile(Path("f")), IsOkAndHolds(bytes));
  EXPECT_EQ(ModeOf(Path("f")), 0640u);
}

TEST_F(FileTest, ReplacingLeavesNothingBehind) {
  ASSERT_OK(WriteFileAtomically(Path("f"), "old", 0600));
  ASSERT_OK(WriteFileAtomically(Path("f"), "new", 0644));
  EXPECT_THAT(ReadFile(Path("f")), IsOkAndHolds("new"));
  EXPECT_EQ(ModeOf(Path("f")), 0644u);
  EXPECT_EQ(EntryCount(), 1u);
}

TEST_F(FileTest, ReaderSeesOldOrNewOnly) {
  const std::string old_bytes(50000, 'o');
  const std::string new_bytes(90000, 'n');
  ASSERT_OK(WriteFileAtomically(Path("f"), old_bytes, 0600));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) {
      EXPECT_OK(
          WriteFileAtomically(Path("f"), i % 2 ? old_bytes : new_bytes, 0600));
    }
    stop = true;
  });
  while (!stop) {
    const absl::StatusOr<std::string> bytes = ReadFile(Path("f"));
    EXPECT_THAT(bytes, IsOk());
    EXPECT_TRUE(*bytes == old_bytes || *bytes == new_bytes);
  }
  writer.join();
}

TEST_F(FileTest, MissingFileIsNotFound) {
  const auto result = ReadFile(Path("none"));
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(ErrorText(result.status()), HasSubstr(Path("none")));
}

TEST_F(FileTest, LimitIsTheLongestFileThatIsRead) {
  ASSERT_OK(WriteFileAtomically(Path("f"), std::string(20000, 'x'), 0600));
  EXPECT_THAT(ReadFile(Path("f"), 20000), IsOk());
  EXPECT_THAT(ReadFile(Path("f"), 19999),
              StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_F(FileTest, DirectoryIsNotRead) {
  EXPECT_THAT(ReadFile(directory_),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(FileTest, NamedPipeIsNotWaitedFor) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(ReadFile(Path("pipe")),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(FileTest, SecretThatOthersMayReadIsRefusedWithTheRepair) {
  for (const mode_t mode : {0640, 0604, 0620, 0601}) {
    ASSERT_OK(WriteFileAtomically(Path("f"), "secret", mode));
    const auto result = ReadPrivateFile(Path("f"));
    EXPECT_THAT(result, StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_THAT(ErrorText(result.status()),
                HasSubstr("chmod 600 " + Path("f")));
  }
  for (const mode_t mode : {0600, 0400}) {
    ASSERT_OK(WriteFileAtomically(Path("f"), "secret", mode));
    EXPECT_THAT(ReadPrivateFile(Path("f")), IsOkAndHolds("secret"));
  }
}

TEST_F(FileTest, WritingIntoAMissingDirectoryIsNotFound) {
  EXPECT_THAT(WriteFileAtomically(Path("no/f"), "x", 0600),
              StatusIs(absl::StatusCode::kNotFound));
}

// Mounts a file system of 64 kB on `directory`, which only this process sees,
// and fills it. The exit code says what came of it.
int WriteToFullDisk(const std::string& directory) {
  constexpr int kNotPossibleHere = 2;
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    return kNotPossibleHere;
  }
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("none", directory.c_str(), "tmpfs", 0, "size=64k") != 0) {
    return kNotPossibleHere;
  }
  const std::string path = directory + "/f";
  const bool written = WriteFileAtomically(path, "old", 0600).ok();
  const absl::Status status =
      WriteFileAtomically(path, std::string(200000, 'x'), 0600);
  const absl::StatusOr<std::string> kept = ReadFile(path);
  // Nothing half-written takes the room that is left.
  const bool room =
      WriteFileAtomically(path, std::string(9000, 'y'), 0600).ok();
  return written && absl::IsResourceExhausted(status) && kept.ok() &&
                 *kept == "old" && room
             ? 0
             : 1;
}

TEST_F(FileTest, FullDiskIsResourceExhaustedAndKeepsTheOldFile) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    _exit(WriteToFullDisk(directory_));
  }
  int result = 0;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  ASSERT_TRUE(WIFEXITED(result));
  if (WEXITSTATUS(result) == 2) {
    GTEST_SKIP() << "this machine does not let tests mount";
  }
  EXPECT_EQ(WEXITSTATUS(result), 0);
}

TEST_F(FileTest, NewFileNeverReplaces) {
  ASSERT_OK(WriteNewFile(Path("f"), "first", 0600));
  EXPECT_THAT(WriteNewFile(Path("f"), "second", 0600),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(ReadFile(Path("f")), IsOkAndHolds("first"));
  EXPECT_EQ(EntryCount(), 1u);
}

TEST_F(FileTest, OneOfManyRacingWritersMakesTheNewFile) {
  std::atomic<int> winners = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      winners += WriteNewFile(Path("f"), std::to_string(i), 0600).ok() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(EntryCount(), 1u);
}

TEST_F(FileTest, PrivateDirectoryIsMadeOnceAndAcceptedAgain) {
  ASSERT_OK(CreatePrivateDirectory(Path("d")));
  EXPECT_EQ(ModeOf(Path("d")), 0700u);
  EXPECT_OK(CreatePrivateDirectory(Path("d")));
}

TEST_F(FileTest, DirectoryOpenToOthersIsRefusedWithTheRepair) {
  ASSERT_EQ(mkdir(Path("d").c_str(), 0755), 0);
  const absl::Status status = CreatePrivateDirectory(Path("d"));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(ErrorText(status), HasSubstr("chmod 700 " + Path("d")));
}

TEST_F(FileTest, PrivateDirectoryRefusesAFileAndALink) {
  ASSERT_OK(WriteFileAtomically(Path("f"), "x", 0600));
  EXPECT_THAT(CreatePrivateDirectory(Path("f")),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(CreatePrivateDirectory(Path("d")));
  ASSERT_EQ(symlink(Path("d").c_str(), Path("link").c_str()), 0);
  EXPECT_THAT(CreatePrivateDirectory(Path("link")),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(FileTest, PrivateDirectoryNeedsItsParent) {
  EXPECT_THAT(CreatePrivateDirectory(Path("a/b")),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace birthmark
