#include "services/cli/lock_file.h"

#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/testing.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

TEST(LockFileTest, ASecondHolderIsRefusedWithThePidOfTheFirst) {
  const std::string path = testing::TempDir() + "/second.lock";
  ASSERT_OK_AND_ASSIGN(const LockFile first, LockFile::Acquire(path));
  const auto second = LockFile::Acquire(path);
  EXPECT_THAT(second, StatusIs(absl::StatusCode::kFailedPrecondition,
                               reasons::kFolderInUse));
  EXPECT_THAT(second, HasMetadata("pid", absl::StrCat(getpid())));
}

TEST(LockFileTest, ItIsFreeAfterTheHolderLetsGo) {
  const std::string path = testing::TempDir() + "/again.lock";
  std::optional<LockFile> first = *LockFile::Acquire(path);
  first.reset();
  EXPECT_OK(LockFile::Acquire(path));
}

TEST(LockFileTest, AHolderThatDiesHoldsNothing) {
  const std::string path = testing::TempDir() + "/dead.lock";
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = LockFile::Acquire(path);
    _exit(lock.ok() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_OK(LockFile::Acquire(path));
}

TEST(LockFileTest, AMissingFolderIsALocalError) {
  EXPECT_THAT(LockFile::Acquire("/nonexistent/x.lock"),
              StatusIs(absl::StatusCode::kNotFound, reasons::kFileUnusable));
}

}  // namespace
}  // namespace birthmark::cli
