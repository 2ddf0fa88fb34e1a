// BatchQueue is a bounded queue whose threads take all that waits at once, so
// that one query serves many.

#ifndef BIRTHMARK_SERVICES_STATUS_BATCH_QUEUE_H_
#define BIRTHMARK_SERVICES_STATUS_BATCH_QUEUE_H_

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace birthmark::status {

// BatchQueue is thread-safe.
template <typename Item>
class BatchQueue {
 public:
  using Work = std::function<void(std::vector<Item>)>;

  // `threads` call `work` with 1 to `largest` items; at most `limit` wait. It
  // must not throw.
  BatchQueue(int threads, size_t limit, size_t largest, Work work)
      : limit_(limit), largest_(largest), work_(std::move(work)) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { Run(); });
    }
  }

  // Works off what waits, then ends the threads.
  ~BatchQueue() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopped_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;

  // TryPush takes `item`. False, and `item` is as it was, if the queue is full.
  [[nodiscard]] bool TryPush(Item& item) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (queue_.size() >= limit_) {
        return false;
      }
      queue_.push_back(std::move(item));
    }
    wake_.notify_one();
    return true;
  }

 private:
  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
      if (queue_.empty()) {
        return;
      }
      const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(
                                            std::min(largest_, queue_.size()));
      std::vector<Item> batch(std::make_move_iterator(queue_.begin()),
                              std::make_move_iterator(end));
      queue_.erase(queue_.begin(), end);
      lock.unlock();
      work_(std::move(batch));
      lock.lock();
    }
  }

  const size_t limit_;
  const size_t largest_;
  const Work work_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Item> queue_;  // under mutex_
  bool stopped_ = false;    // under mutex_
  std::vector<std::thread> threads_;
};

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_BATCH_QUEUE_H_
