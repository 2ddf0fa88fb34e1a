// Combiner lets threads that want the same kind of thing at the same time have
// it done together: whoever finds nobody at work works for all who wait.

#ifndef BIRTHMARK_LIB_BASE_COMBINER_H_
#define BIRTHMARK_LIB_BASE_COMBINER_H_

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace birthmark {

// Combiner is thread-safe. Nobody waits for company: a job that comes alone is
// done at once. Jobs are done in the order of their coming.
template <typename Job>
class Combiner {
 public:
  using Work = std::function<void(const std::vector<Job*>&)>;

  // `work` does 1 to `largest` jobs; at most `at_a_time` threads are at it. It
  // must not throw.
  Combiner(size_t largest, size_t at_a_time, Work work)
      : largest_(largest), at_a_time_(at_a_time), work_(std::move(work)) {}
  Combiner(const Combiner&) = delete;
  Combiner& operator=(const Combiner&) = delete;

  // Run returns when `job` is done, by this thread or another one.
  void Run(Job& job) {
    Waiting me{.job = &job};
    std::unique_lock<std::mutex> lock(mutex_);
    queue_.push_back(&me);
    while (!me.done) {
      if (at_work_ < at_a_time_ && !queue_.empty()) {
        WorkForAll(lock);
      } else {
        me.wake.wait(lock);
      }
    }
  }

 private:
  struct Waiting {
    Job* job = nullptr;
    bool done = false;
    std::condition_variable wake;
  };

  void WorkForAll(std::unique_lock<std::mutex>& lock) {
    const size_t count = std::min(queue_.size(), largest_);
    const std::vector<Waiting*> group(queue_.begin(), queue_.begin() + count);
    queue_.erase(queue_.begin(), queue_.begin() + count);
    std::vector<Job*> jobs;
    jobs.reserve(count);
    for (Waiting* waiting : group) {
      jobs.push_back(waiting->job);
    }
    ++at_work_;
    lock.unlock();
    work_(jobs);
    lock.lock();
    --at_work_;
    // Under the lock: who is done may be gone as soon as it is released.
    for (Waiting* waiting : group) {
      waiting->done = true;
      waiting->wake.notify_one();
    }
    if (!queue_.empty()) {
      queue_.front()->wake.notify_one();
    }
  }

  const size_t largest_;
  const size_t at_a_time_;
  const Work work_;
  std::mutex mutex_;
  std::deque<Waiting*> queue_;  // under mutex_
  size_t at_work_ = 0;          // under mutex_
};

}  // namespace birthmark

#endif  // BIRTHMARK_LIB_BASE_COMBINER_H_
