#include "services/registration/windows.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/fake_clock.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"

namespace birthmark::registration {
namespace {

using absl::StatusCode;

class WindowsTest : public testing::Test {
 protected:
  telemetry::Registry registry_;
  Metrics metrics_{registry_};
  FakeClock clock_;
};

TEST_F(WindowsTest, TheFirstGetsTheLargestAndTheRestEverLess) {
  Windows windows(16384, 2048, clock_, metrics_);
  std::vector<std::unique_ptr<Windows::Window>> held;
  size_t total = 0;
  absl::Status status;
  while (status.ok()) {
    auto window = windows.Take(absl::StrCat("line", held.size()));
    status = window.status();
    if (status.ok()) {
      if (!held.empty()) {
        EXPECT_LE((*window)->size(), held.back()->size());
      }
      EXPECT_GE((*window)->size(), Windows::kSmallest);
      total += (*window)->size();
      held.push_back(*std::move(window));
    }
  }
  EXPECT_EQ(held.front()->size(), 2048u);
  EXPECT_GE(held.size(), 16u);
  EXPECT_LE(total, 16384u);
  EXPECT_GT(total, 16384u - Windows::kSmallest);
  EXPECT_EQ(metrics_.items_granted.Value(), static_cast<double>(total));
  held.clear();
  EXPECT_EQ(windows.granted(), 0u);
  EXPECT_EQ(metrics_.items_granted.Value(), 0);
}

TEST_F(WindowsTest, WhoIsRefusedIsToldWhenToComeBackAndNotAllAtOnce) {
  Windows windows(64, 2048, clock_, metrics_);
  ASSERT_OK_AND_ASSIGN(const auto window, windows.Take("a"));
  EXPECT_EQ(window->size(), 64u);
  absl::Duration first;
  bool differ = false;
  for (int i = 0; i < 20; ++i) {
    const auto refused = windows.Take("b");
    ASSERT_THAT(refused, StatusIs(StatusCode::kResourceExhausted,
                                  reasons::kServerOverloaded));
    EXPECT_THAT(refused.status(), HasMetadata("limit", "64"));
    const absl::Duration delay =
        GetErrorInfo(refused.status())->retry_after.value();
    EXPECT_GE(delay, absl::Seconds(1));
    EXPECT_LE(delay, absl::Seconds(2));
    first = i == 0 ? delay : first;
    differ = differ || delay != first;
  }
  EXPECT_TRUE(differ);
  EXPECT_EQ(metrics_.opens_refused.Value(), 20);
}

TEST_F(WindowsTest, NobodyHoldsMoreThanHalf) {
  Windows windows(1024, 2048, clock_, metrics_);
  std::vector<std::unique_ptr<Windows::Window>> held;
  size_t total = 0;
  while (true) {
    auto window = windows.Take("greedy");
    if (!window.ok()) {
      EXPECT_THAT(window, StatusIs(StatusCode::kResourceExhausted,
                                   reasons::kServerOverloaded));
      EXPECT_TRUE(GetErrorInfo(window.status())->retry_after.has_value());
      break;
    }
    total += (*window)->size();
    held.push_back(*std::move(window));
  }
  EXPECT_LE(total, 512u);
  // Others need not yield for that.
  EXPECT_FALSE(windows.Contended());
  EXPECT_OK(windows.Take("other"));
}

TEST_F(WindowsTest, WhoIsPenalisedWaits) {
  Windows windows(1024, 64, clock_, metrics_);
  windows.Penalise("a");
  EXPECT_THAT(windows.Take("a"), StatusIs(StatusCode::kResourceExhausted,
                                          reasons::kServerOverloaded));
  EXPECT_FALSE(windows.Contended());
  EXPECT_OK(windows.Take("b"));
  clock_.Advance(Windows::kPenalty);
  EXPECT_OK(windows.Take("a"));
}

TEST_F(WindowsTest, IsContendedWhileSomebodyComesBackInVain) {
  Windows windows(64, 64, clock_, metrics_);
  EXPECT_FALSE(windows.Contended());
  ASSERT_OK_AND_ASSIGN(const auto window, windows.Take("a"));
  EXPECT_FALSE(windows.Contended());
  EXPECT_THAT(windows.Take("b"), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_TRUE(windows.Contended());
  clock_.Advance(Windows::kContention);
  EXPECT_FALSE(windows.Contended());
}

}  // namespace
}  // namespace birthmark::registration
