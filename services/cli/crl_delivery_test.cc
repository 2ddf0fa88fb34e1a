#include "services/cli/crl_delivery.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/testing.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;

std::atomic<int> signals{0};
void Count(int /*signal*/) { ++signals; }

class CrlDeliveryTest : public testing::Test {
 protected:
  CrlDeliveryTest() : folder_(testing::TempDir() + "delivery.XXXXXX") {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    options_.path = Path("crls.pem");
  }

  std::string Path(const std::string& name) const {
    return folder_ + "/" + name;
  }
  CrlDelivery Delivery() const { return CrlDelivery(options_, Clock::Real()); }

  std::string folder_;
  CrlDelivery::Options options_;
};

TEST_F(CrlDeliveryTest, TheFileIsReplacedWithItsMode) {
  options_.mode = 0640;
  CrlDelivery delivery = Delivery();
  ASSERT_OK(delivery.Write("one"));
  ASSERT_OK(delivery.Write("two"));
  EXPECT_THAT(ReadFile(options_.path), IsOkAndHolds("two"));
  struct stat info;
  ASSERT_EQ(stat(options_.path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  EXPECT_OK(delivery.Notify()) << "nobody is to be told";
}

TEST_F(CrlDeliveryTest, AFolderThatIsNotThereIsNamed) {
  options_.path = Path("none/crls.pem");
  EXPECT_THAT(std::string(Delivery().Write("x").message()),
              HasSubstr("none/crls.pem"));
}

TEST_F(CrlDeliveryTest, TheProcessOfThePidFileIsSignalled) {
  signal(SIGUSR1, Count);
  options_.pid_file = Path("pid");
  options_.signal = SIGUSR1;
  ASSERT_OK(WriteFileAtomically(options_.pid_file, absl::StrCat(getpid(), "\n"),
                                0600));
  const int before = signals;
  ASSERT_OK(Delivery().Notify());
  EXPECT_EQ(signals, before + 1);
}

TEST_F(CrlDeliveryTest, NoOtherPidIsSignalled) {
  options_.pid_file = Path("pid");
  options_.signal = SIGUSR1;
  for (const char* content :
       {"", "broker", "0", "1", "-1", "-5", "12x", "99999999999999"}) {
    ASSERT_OK(WriteFileAtomically(options_.pid_file, content, 0600));
    EXPECT_THAT(Delivery().Notify(),
                StatusIs(StatusCode::kUnavailable, reasons::kNotNotified))
        << content;
  }
  options_.pid_file = Path("none");
  EXPECT_THAT(Delivery().Notify(),
              StatusIs(StatusCode::kUnavailable, reasons::kNotNotified));
}

TEST_F(CrlDeliveryTest, TheCommandRunsWithoutAShell) {
  options_.command = {"/bin/cp", "/proc/self/cmdline", Path("$HOME;x")};
  ASSERT_OK(Delivery().Notify());
  EXPECT_OK(ReadFile(Path("$HOME;x")));
}

TEST_F(CrlDeliveryTest, ACommandThatFailsIsTold) {
  options_.command = {"/bin/false"};
  EXPECT_THAT(std::string(Delivery().Notify().message()),
              HasSubstr("exit code 1"));
  options_.command = {"no-such-program-anywhere"};
  EXPECT_THAT(std::string(Delivery().Notify().message()),
              HasSubstr("cannot run"));
}

TEST_F(CrlDeliveryTest, ACommandThatTakesTooLongIsKilled) {
  // With a child of its own, which must not survive it.
  options_.command = {"/bin/sh", "-c", "sleep 300 & sleep 300"};
  options_.command_timeout = absl::Milliseconds(200);
  const absl::Duration begin = Clock::Real().MonotonicNow();
  const absl::Status status = Delivery().Notify();
  EXPECT_LT(Clock::Real().MonotonicNow() - begin, absl::Seconds(10));
  EXPECT_THAT(std::string(status.message()), HasSubstr("was killed"));
}

TEST(ParseSignalTest, KnowsThoseThatReload) {
  EXPECT_THAT(ParseSignal("HUP"), IsOkAndHolds(SIGHUP));
  EXPECT_THAT(ParseSignal("SIGUSR2"), IsOkAndHolds(SIGUSR2));
  for (const char* bad : {"", "KILL", "9", "hup"}) {
    EXPECT_THAT(ParseSignal(bad),
                StatusIs(StatusCode::kInvalidArgument, reasons::kUsage));
  }
}

}  // namespace
}  // namespace birthmark::cli
