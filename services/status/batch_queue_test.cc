#include "services/status/batch_queue.h"

#include <memory>
#include <mutex>
#include <vector>

#include "lib/base/testing.h"

namespace birthmark::status {
namespace {

using Item = std::unique_ptr<int>;

TEST(BatchQueueTest, TakesAllThatWaitsAndNoMoreThanTheLargest) {
  std::mutex first;
  first.lock();
  std::mutex mutex;
  std::vector<size_t> sizes;
  int sum = 0;
  {
    BatchQueue<Item> queue(1, 100, 4, [&](std::vector<Item> items) {
      const std::lock_guard<std::mutex> wait(first);
      const std::lock_guard<std::mutex> lock(mutex);
      sizes.push_back(items.size());
      for (const Item& item : items) {
        sum += *item;
      }
    });
    for (int i = 1; i <= 11; ++i) {
      auto item = std::make_unique<int>(i);
      ASSERT_TRUE(queue.TryPush(item));
      EXPECT_EQ(item, nullptr);
    }
    first.unlock();
  }
  // What waits is worked off before it ends.
  EXPECT_EQ(sum, 66);
  for (const size_t size : sizes) {
    EXPECT_LE(size, 4);
  }
  EXPECT_LE(sizes.size(), 5);
}

TEST(BatchQueueTest, AFullQueueLeavesTheItemWithItsOwner) {
  std::mutex busy;
  busy.lock();
  BatchQueue<Item> queue(1, 2, 1, [&](std::vector<Item>) {
    const std::lock_guard<std::mutex> wait(busy);
  });
  int taken = 0;
  auto item = std::make_unique<int>(7);
  while (queue.TryPush(item)) {
    item = std::make_unique<int>(7);
    ASSERT_LE(++taken, 3);
  }
  EXPECT_GE(taken, 2);
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(*item, 7);
  busy.unlock();
}

}  // namespace
}  // namespace birthmark::status
