#include "lib/base/job_schedule.h"

#include "lib/base/testing.h"

namespace birthmark {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1795000000);

TEST(JobScheduleTest, RestsUntilTheFirstIsDue) {
  JobSchedule schedule;
  EXPECT_EQ(schedule.Rest(kNow), JobSchedule::kIdleTime);
  schedule.Went("a", kNow + absl::Milliseconds(300));
  schedule.Went("b", kNow + absl::Milliseconds(200));
  EXPECT_EQ(schedule.Rest(kNow), absl::Milliseconds(200));
  schedule.Went("b", kNow + absl::Hours(1));
  EXPECT_EQ(schedule.Rest(kNow), absl::Milliseconds(300));
  EXPECT_EQ(schedule.size(), 2);
}

TEST(JobScheduleTest, ForgetsWhatIsDueWithoutBeingThere) {
  JobSchedule schedule;
  schedule.Went("a", kNow);
  EXPECT_EQ(schedule.Rest(kNow), JobSchedule::kIdleTime);
  EXPECT_EQ(schedule.size(), 0);
}

TEST(JobScheduleTest, AJobThatFailsRestsTwiceAsLongEachTime) {
  JobSchedule schedule;
  EXPECT_EQ(schedule.Backoff("a"), absl::Seconds(1));
  EXPECT_EQ(schedule.Backoff("a"), absl::Seconds(2));
  EXPECT_EQ(schedule.Backoff("a"), absl::Seconds(4));
  EXPECT_EQ(schedule.Backoff("b"), absl::Seconds(1));
  for (int i = 0; i < 100; ++i) {
    EXPECT_LE(schedule.Backoff("a"), JobSchedule::kLongestBackoff);
  }
  EXPECT_EQ(schedule.Backoff("a"), JobSchedule::kLongestBackoff);
  schedule.Went("a", kNow);
  EXPECT_EQ(schedule.Backoff("a"), absl::Seconds(1));
  schedule.Postponed("a", kNow + absl::Milliseconds(5));
  EXPECT_EQ(schedule.Rest(kNow), absl::Milliseconds(5));
  schedule.Ended("a");
  EXPECT_EQ(schedule.size(), 0);
  EXPECT_EQ(schedule.Backoff("a"), absl::Seconds(1));
}

TEST(JobErrorTextTest, HidesWhatIsForTheLog) {
  EXPECT_EQ(JobErrorText(absl::UnavailableError("away")), "away");
  EXPECT_EQ(JobErrorText(absl::InternalError("secret")),
            "internal error: see the server's log");
  EXPECT_EQ(JobErrorText(absl::UnknownError("secret")),
            "internal error: see the server's log");
}

}  // namespace
}  // namespace birthmark
