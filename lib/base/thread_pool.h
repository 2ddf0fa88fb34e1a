// ThreadPool runs functions on a fixed number of threads from a bounded queue.
// Thread-safe. When the queue is full the caller is told at once and answers
// its own caller with RESOURCE_EXHAUSTED: nothing grows without a limit.

#ifndef BIRTHMARK_LIB_BASE_THREAD_POOL_H_
#define BIRTHMARK_LIB_BASE_THREAD_POOL_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace birthmark {

class ThreadPool {
 public:
  // Starts `threads` (at least one) threads; at most `queue_limit` functions
  // wait for one of them. Zero means that one is accepted per idle thread.
  ThreadPool(int threads, size_t queue_limit);

  // Runs what is queued, then ends the threads.
  ~ThreadPool();

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // TrySchedule queues `function`. False, and `function` never runs, if the
  // queue is full or the pool is drained. `function` must not throw.
  [[nodiscard]] bool TrySchedule(std::function<void()> function);

  // Drain refuses new work from now on and returns when all accepted work has
  // run and the threads have ended. Idempotent. Not callable from a pool
  // thread.
  void Drain();

  int threads() const { return thread_count_; }

  // QueueLength is how many functions wait now: a metric, no more.
  size_t QueueLength() const;

 private:
  void Work();

  const int thread_count_;
  const size_t queue_limit_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;  // under mutex_
  int idle_ = 0;                             // under mutex_
  bool draining_ = false;                    // under mutex_
  std::mutex join_mutex_;
  std::vector<std::thread> workers_;  // joined under join_mutex_
};

// ParallelFor calls `body(i)` for every i in [0, count), on the pool and on the
// calling thread, and returns when all calls have. A full pool costs speed
// only: the caller does the rest itself, so it may be called on a pool thread.
void ParallelFor(ThreadPool& pool, size_t count,
                 const std::function<void(size_t)>& body);

}  // namespace birthmark

#endif  // BIRTHMARK_LIB_BASE_THREAD_POOL_H_
