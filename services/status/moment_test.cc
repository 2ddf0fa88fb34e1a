#include "services/status/moment.h"

#include "lib/base/fake_clock.h"
#include "lib/base/testing.h"

namespace birthmark::status {
namespace {

TEST(MomentTest, IsWallTimeWhileNobodyTouchesTheClock) {
  FakeClock clock;
  const Moment moment = Moment::Now(clock);
  clock.Advance(absl::Seconds(7));
  EXPECT_EQ(moment.SeenFrom(Moment::Now(clock)),
            clock.Now() - absl::Seconds(7));
}

TEST(MomentTest, LooksOlderWhenTheClockStepsForward) {
  FakeClock clock;
  const Moment moment = Moment::Now(clock);
  clock.Set(clock.Now() + absl::Hours(2));
  EXPECT_EQ(moment.SeenFrom(Moment::Now(clock)), clock.Now() - absl::Hours(2));
}

TEST(MomentTest, IsNeverInTheFutureWhenTheClockStepsBack) {
  FakeClock clock;
  const Moment moment = Moment::Now(clock);
  clock.Advance(absl::Seconds(3));
  clock.Set(clock.Now() - absl::Hours(2));
  EXPECT_EQ(moment.SeenFrom(Moment::Now(clock)),
            clock.Now() - absl::Seconds(3));
}

TEST(MomentTest, IsInfinitelyOldByDefault) {
  FakeClock clock;
  EXPECT_EQ(Moment().SeenFrom(Moment::Now(clock)), absl::InfinitePast());
}

}  // namespace
}  // namespace birthmark::status
