#include "lib/base/clock.h"

#include "lib/base/fake_clock.h"
#include "lib/base/testing.h"

namespace birthmark {
namespace {

TEST(RealClockTest, MonotonicTimeDoesNotGoBack) {
  absl::Duration last = Clock::Real().MonotonicNow();
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration now = Clock::Real().MonotonicNow();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(RealClockTest, IsPastTheYearThisWasWritten) {
  EXPECT_GT(Clock::Real().Now(), FakeClock().Now() - absl::Hours(24 * 365));
}

TEST(FakeClockTest, StandsStillUntilAdvanced) {
  FakeClock clock;
  const absl::Time start = clock.Now();
  EXPECT_EQ(absl::FormatTime(start, absl::UTCTimeZone()),
            "2026-01-01T00:00:00+00:00");
  EXPECT_EQ(clock.Now(), start);
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(clock.Now(), start + absl::Seconds(5));
  EXPECT_EQ(clock.MonotonicNow(), absl::Seconds(5));
}

TEST(FakeClockTest, SetMovesWallTimeOnly) {
  FakeClock clock;
  clock.Set(absl::FromUnixSeconds(1));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(1));
  EXPECT_EQ(clock.MonotonicNow(), absl::ZeroDuration());
}

TEST(NowSecondsTest, CutsTheFraction) {
  FakeClock clock(absl::FromUnixMillis(5999));
  EXPECT_EQ(NowSeconds(clock), absl::FromUnixSeconds(5));
}

}  // namespace
}  // namespace birthmark
