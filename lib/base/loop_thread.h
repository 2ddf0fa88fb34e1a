#ifndef BIRTHMARK_LIB_BASE_LOOP_THREAD_H_
#define BIRTHMARK_LIB_BASE_LOOP_THREAD_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/time/time.h"

namespace birthmark {

// LoopThread does the same again and again in a thread of its own. Thread-safe,
// but for its construction and destruction.
class LoopThread {
 public:
  // `step` does a part of the work and returns how long to rest before the next
  // one; zero: not at all. It must not throw. Begins at once.
  explicit LoopThread(std::function<absl::Duration()> step);
  // Waits for the step in work; there is none after it.
  ~LoopThread();
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  // Wake ends the rest, or has none follow the step in work.
  void Wake();

 private:
  void Work();

  const std::function<absl::Duration()> step_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;    // under mutex_
  bool stopped_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace birthmark

#endif  // BIRTHMARK_LIB_BASE_LOOP_THREAD_H_
