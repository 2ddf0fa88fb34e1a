#include "lib/base/thread_pool.h"

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "lib/base/testing.h"

namespace birthmark {
namespace {

// Holds a pool's thread until released.
class Gate {
 public:
  std::function<void()> Function() {
    return [this] {
      entered_.set_value();
      released_.get_future().wait();
    };
  }
  void WaitUntilEntered() { entered_.get_future().wait(); }
  void Release() { released_.set_value(); }

 private:
  std::promise<void> entered_;
  std::promise<void> released_;
};

TEST(ThreadPoolTest, RunsEverythingThatItAccepts) {
  std::atomic<int> ran = 0;
  int accepted = 0;
  {
    ThreadPool pool(3, 10);
    for (int i = 0; i < 1000; ++i) {
      accepted += pool.TrySchedule([&ran] { ++ran; }) ? 1 : 0;
    }
  }
  EXPECT_GE(accepted, 10);
  EXPECT_EQ(ran, accepted);
}

TEST(ThreadPoolTest, RefusesWhenTheQueueIsFull) {
  ThreadPool pool(1, 2);
  Gate gate;
  ASSERT_TRUE(pool.TrySchedule(gate.Function()));
  gate.WaitUntilEntered();
  EXPECT_TRUE(pool.TrySchedule([] {}));
  EXPECT_TRUE(pool.TrySchedule([] {}));
  EXPECT_EQ(pool.QueueLength(), 2u);
  EXPECT_FALSE(pool.TrySchedule([] {}));
  gate.Release();
  pool.Drain();
  EXPECT_EQ(pool.QueueLength(), 0u);
}

TEST(ThreadPoolTest, DrainRunsWhatIsQueuedAndRefusesMore) {
  ThreadPool pool(1, 5);
  Gate gate;
  std::atomic<int> ran = 0;
  ASSERT_TRUE(pool.TrySchedule(gate.Function()));
  gate.WaitUntilEntered();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(pool.TrySchedule([&ran] { ++ran; }));
  }
  std::thread drainer([&pool] { pool.Drain(); });
  while (pool.TrySchedule([] {})) {
  }
  gate.Release();
  drainer.join();
  EXPECT_EQ(ran, 5);
  pool.Drain();
  EXPECT_FALSE(pool.TrySchedule([] {}));
}

TEST(ThreadPoolTest, RunsAtTheSameTimeOnAllThreads) {
  ThreadPool pool(2, 0);
  Gate first;
  Gate second;
  while (!pool.TrySchedule(first.Function())) {
  }
  first.WaitUntilEntered();
  while (!pool.TrySchedule(second.Function())) {
  }
  second.WaitUntilEntered();
  EXPECT_FALSE(pool.TrySchedule([] {}));
  first.Release();
  second.Release();
}

TEST(ThreadPoolTest, FreesWhatAFunctionHeldOnceItHasRun) {
  ThreadPool pool(1, 4);
  auto held = std::make_shared<int>(1);
  std::weak_ptr<int> watch = held;
  ASSERT_TRUE(pool.TrySchedule([held = std::move(held)] {}));
  pool.Drain();
  EXPECT_TRUE(watch.expired());
}

class ParallelForTest : public ::testing::TestWithParam<size_t> {};

TEST_P(ParallelForTest, VisitsEveryIndexOnce) {
  ThreadPool pool(4, 8);
  std::vector<std::atomic<int>> visits(GetParam());
  ParallelFor(pool, visits.size(), [&](size_t i) { ++visits[i]; });
  for (const std::atomic<int>& count : visits) {
    EXPECT_EQ(count, 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, ParallelForTest,
                         ::testing::Values(0, 1, 2, 5, 1000));

TEST(ParallelForTest, DoesItAllItselfOnADrainedPool) {
  ThreadPool pool(2, 8);
  pool.Drain();
  int sum = 0;
  ParallelFor(pool, 10, [&](size_t i) { sum += static_cast<int>(i); });
  EXPECT_EQ(sum, 45);
}

TEST(ParallelForTest, WorksOnAPoolThread) {
  ThreadPool pool(1, 8);
  std::promise<int> result;
  ASSERT_TRUE(pool.TrySchedule([&] {
    std::atomic<int> sum = 0;
    ParallelFor(pool, 100, [&](size_t) { ++sum; });
    result.set_value(sum);
  }));
  EXPECT_EQ(result.get_future().get(), 100);
}

}  // namespace
}  // namespace birthmark
