#include "lib/base/loop_thread.h"

#include <condition_variable>
#include <mutex>

#include "lib/base/testing.h"

namespace birthmark {
namespace {

// Counts steps, and waits for them.
class Steps {
 public:
  void Add() {
    std::lock_guard<std::mutex> lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  void Await(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return count_ >= count; });
  }
  int count() {
    std::lock_guard<std::mutex> lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

TEST(LoopThreadTest, StepsAgainAfterItsRest) {
  Steps steps;
  LoopThread thread([&] {
    steps.Add();
    return absl::Milliseconds(1);
  });
  steps.Await(5);
}

TEST(LoopThreadTest, DoesNotRestWhenTheStepSaysSo) {
  Steps steps;
  LoopThread thread([&] {
    steps.Add();
    return absl::ZeroDuration();
  });
  steps.Await(100);
}

TEST(LoopThreadTest, IsWokenAndStoppedInTheMiddleOfItsRest) {
  Steps steps;
  {
    LoopThread thread([&] {
      steps.Add();
      return absl::Hours(1);
    });
    steps.Await(1);
    thread.Wake();
    steps.Await(2);
  }
  const int at_the_end = steps.count();
  EXPECT_GE(at_the_end, 2);
  EXPECT_LE(at_the_end, 3);
}

TEST(LoopThreadTest, AWakeDuringAStepIsNotLost) {
  Steps steps;
  std::mutex hold;
  hold.lock();
  LoopThread thread([&] {
    steps.Add();
    std::lock_guard<std::mutex> lock(hold);
    return absl::Hours(1);
  });
  steps.Await(1);
  thread.Wake();
  hold.unlock();
  steps.Await(2);
}

}  // namespace
}  // namespace birthmark
