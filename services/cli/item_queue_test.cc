#include "services/cli/item_queue.h"

#include "lib/base/testing.h"

namespace birthmark::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kNow = absl::Seconds(100);

TEST(ItemQueueTest, ItemsGoInOrderAndNoMoreThanTheWindowHolds) {
  ItemQueue queue(5);
  queue.SetWindow(3);
  EXPECT_THAT(queue.Take(2, kNow), ElementsAre(0, 1));
  EXPECT_THAT(queue.Take(2, kNow), ElementsAre(2));
  EXPECT_THAT(queue.Take(2, kNow), IsEmpty());
  EXPECT_EQ(queue.in_flight(), 3u);
  EXPECT_TRUE(queue.Answered(1));
  EXPECT_THAT(queue.Take(2, kNow), ElementsAre(3));
  EXPECT_EQ(queue.unsettled(), 5u);
}

TEST(ItemQueueTest, SmallGapsInALargeWindowWaitForMore) {
  ItemQueue queue(100);
  queue.SetWindow(40);
  EXPECT_EQ(queue.Take(40, kNow).size(), 40u);
  for (size_t item = 0; item < 9; ++item) {
    queue.Answered(item);
  }
  EXPECT_THAT(queue.Take(40, kNow), IsEmpty());
  queue.Answered(9);
  EXPECT_EQ(queue.Take(40, kNow).size(), 10u);
}

TEST(ItemQueueTest, TheLastItemsGoEvenIntoASmallGap) {
  ItemQueue queue(42);
  queue.SetWindow(40);
  EXPECT_EQ(queue.Take(40, kNow).size(), 40u);
  queue.Answered(0);
  EXPECT_THAT(queue.Take(40, kNow), IsEmpty());
  queue.Answered(1);
  EXPECT_THAT(queue.Take(40, kNow), ElementsAre(40, 41));
}

TEST(ItemQueueTest, AfterABreakOnlyTheUnansweredGoAgainAndFirst) {
  ItemQueue queue(5);
  queue.SetWindow(3);
  queue.Take(3, kNow);
  queue.Answered(1);
  queue.StreamBroken();
  EXPECT_EQ(queue.in_flight(), 0u);
  EXPECT_THAT(queue.Take(3, kNow), ElementsAre(0, 2, 3));
}

TEST(ItemQueueTest, DelayedItemsComeBackWhenTheyAreDue) {
  ItemQueue queue(2);
  queue.SetWindow(4);
  queue.Take(2, kNow);
  queue.Answered(0);
  queue.Delay(0, kNow + absl::Seconds(5));
  queue.Settle(1);
  EXPECT_EQ(queue.in_flight(), 0u);
  ASSERT_TRUE(queue.NextDue().has_value());
  EXPECT_EQ(*queue.NextDue(), kNow + absl::Seconds(5));
  EXPECT_THAT(queue.Take(2, kNow + absl::Seconds(4)), IsEmpty());
  EXPECT_THAT(queue.Take(2, kNow + absl::Seconds(5)), ElementsAre(0));
  EXPECT_FALSE(queue.NextDue().has_value());
}

TEST(ItemQueueTest, SettledItemsAreNeverTaken) {
  ItemQueue queue(3);
  queue.SetWindow(3);
  queue.Settle(1);
  queue.Settle(1);
  EXPECT_EQ(queue.unsettled(), 2u);
  EXPECT_THAT(queue.Take(3, kNow), ElementsAre(0, 2));
  queue.Settle(0);
  queue.Answered(2);
  queue.Settle(2);
  EXPECT_EQ(queue.unsettled(), 0u);
  queue.StreamBroken();
  EXPECT_THAT(queue.Take(3, kNow), IsEmpty());
}

TEST(ItemQueueTest, AnswersToWhatIsNotInFlightAreIgnored) {
  ItemQueue queue(2);
  queue.SetWindow(2);
  EXPECT_FALSE(queue.Answered(0));
  queue.Take(1, kNow);
  EXPECT_TRUE(queue.Answered(0));
  EXPECT_FALSE(queue.Answered(0));
  queue.Settle(0);
  queue.Delay(0, kNow);
  EXPECT_FALSE(queue.NextDue().has_value());
}

}  // namespace
}  // namespace birthmark::cli
