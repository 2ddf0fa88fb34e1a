#include "tests/bench/cpu_account.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace birthmark::bench {
namespace {

constexpr absl::Duration kWork = absl::Milliseconds(200);
// Two clock ticks, one at either end.
constexpr absl::Duration kResolution = absl::Milliseconds(20);

void Burn() {
  const absl::Duration start = ThreadCpu();
  while (ThreadCpu() - start < kWork) {
  }
}

TEST(CpuAccountTest, AProcessIsChargedForThreadsThatHaveEnded) {
  const absl::Duration before = ProcessCpu(getpid());
  std::thread(Burn).join();
  EXPECT_GE(ProcessCpu(getpid()) - before, kWork - kResolution);
}

TEST(CpuAccountTest, ATreeIsChargedForItsChildrenAliveDeadAndReaped) {
  const absl::Duration before = TreeCpu(getpid());
  const absl::Duration alone = ProcessCpu(getpid());
  const pid_t child = fork();
  if (child == 0) {
    Burn();
    pause();
    _exit(0);
  }
  while (ProcessCpu(child) < kWork - kResolution) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  EXPECT_GE(TreeCpu(getpid()) - before, kWork - 2 * kResolution);
  kill(child, SIGKILL);
  siginfo_t info = {};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT),
            0);
  EXPECT_GE(TreeCpu(getpid()) - before, kWork - 2 * kResolution);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_GE(TreeCpu(getpid()) - before, kWork - 2 * kResolution);
  EXPECT_LT(ProcessCpu(getpid()) - alone, kWork);
}

TEST(CpuAccountTest, TheMachineIsBusyWhenAProcessIs) {
  const absl::Duration before = MachineCpu();
  Burn();
  EXPECT_GE(MachineCpu() - before, kWork - 2 * kResolution);
}

TEST(CpuAccountTest, AProcessHasMemory) {
  EXPECT_GT(ResidentBytes(getpid()), 1 << 20);
}

}  // namespace
}  // namespace birthmark::bench
