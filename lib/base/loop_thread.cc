#include "lib/base/loop_thread.h"

#include <utility>

namespace birthmark {

LoopThread::LoopThread(std::function<absl::Duration()> step)
    : step_(std::move(step)) {
  thread_ = std::thread([this] { Work(); });
}

LoopThread::~LoopThread() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void LoopThread::Wake() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
  }
  wake_.notify_all();
}

void LoopThread::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopped_) {
    woken_ = false;
    lock.unlock();
    const absl::Duration rest = step_();
    lock.lock();
    wake_.wait_for(lock, absl::ToChronoNanoseconds(rest),
                   [this] { return woken_ || stopped_; });
  }
}

}  // namespace birthmark
