#include "lib/base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

namespace birthmark {

ThreadPool::ThreadPool(int threads, size_t queue_limit)
    : thread_count_(std::max(threads, 1)), queue_limit_(queue_limit) {
  workers_.reserve(thread_count_);
  for (int i = 0; i < thread_count_; ++i) {
    workers_.emplace_back([this] { Work(); });
  }
}

ThreadPool::~ThreadPool() { Drain(); }

bool ThreadPool::TrySchedule(std::function<void()> function) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    // What an idle thread is about to take is not waiting.
    if (draining_ || queue_.size() >= queue_limit_ + idle_) {
      return false;
    }
    queue_.push_back(std::move(function));
  }
  wake_.notify_one();
  return true;
}

void ThreadPool::Drain() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    draining_ = true;
  }
  wake_.notify_all();
  std::lock_guard<std::mutex> join_lock(join_mutex_);
  for (std::thread& worker : workers_) {
    worker.join();
  }
  workers_.clear();
}

size_t ThreadPool::QueueLength() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return queue_.size();
}

void ThreadPool::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    ++idle_;
    wake_.wait(lock, [this] { return draining_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty()) {
      return;
    }
    std::function<void()> function = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    function();
    // What the function captured goes before the lock is taken again.
    function = nullptr;
    lock.lock();
  }
}

namespace {

// What ParallelFor's threads share. It outlives the call, since a pool thread
// may come to it after everything is done.
struct Loop {
  size_t count;
  const std::function<void(size_t)>* body;
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::condition_variable all_done;
  size_t done = 0;  // under mutex
};

void RunLoop(Loop& loop) {
  size_t mine = 0;
  for (size_t i = loop.next++; i < loop.count; i = loop.next++) {
    (*loop.body)(i);
    ++mine;
  }
  if (mine == 0) {
    return;
  }
  std::lock_guard<std::mutex> lock(loop.mutex);
  loop.done += mine;
  if (loop.done == loop.count) {
    loop.all_done.notify_all();
  }
}

}  // namespace

void ParallelFor(ThreadPool& pool, size_t count,
                 const std::function<void(size_t)>& body) {
  if (count == 0) {
    return;
  }
  auto loop = std::make_shared<Loop>();
  loop->count = count;
  loop->body = &body;
  const size_t wanted =
      std::min(count - 1, static_cast<size_t>(pool.threads()));
  for (size_t i = 0; i < wanted; ++i) {
    if (!pool.TrySchedule([loop] { RunLoop(*loop); })) {
      break;
    }
  }
  RunLoop(*loop);
  std::unique_lock<std::mutex> lock(loop->mutex);
  loop->all_done.wait(lock, [&] { return loop->done == loop->count; });
}

}  // namespace birthmark
