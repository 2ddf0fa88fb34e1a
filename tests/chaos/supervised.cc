#include "tests/chaos/supervised.h"

#include <chrono>
#include <utility>

namespace birthmark::chaos {
namespace {

// What a supervisor waits before it starts again what ended by itself.
constexpr absl::Duration kPause = absl::Milliseconds(200);

}  // namespace

Supervised::Supervised(std::vector<std::string> arguments, std::string prefix,
                       Ends ends)
    : arguments_(std::move(arguments)),
      prefix_(std::move(prefix)),
      ends_(ends) {
  Start();
}

void Supervised::Start() {
  ++starts_;
  process_ = std::make_unique<tests::Process>(arguments_, prefix_);
}

void Supervised::Tend(absl::Duration now) {
  if (done_ || running()) {
    return;
  }
  if (process_ != nullptr) {
    const int code = process_->Wait();
    process_.reset();
    done_ = ends_ == Ends::kWithSuccess && code == 0;
    if (!done_) {
      exits_.push_back(code);
      not_before_ = now + kPause;
    }
  } else if (now >= not_before_) {
    Start();
  }
}

void Supervised::Kill(absl::Duration until) {
  if (done_) {
    return;
  }
  if (running()) {
    process_->Kill();
    process_.reset();
  }
  not_before_ = until;
}

void SupervisedPostgres::Tend(absl::Duration now) {
  if (!down_) {
    return;
  }
  if (starting_.valid()) {
    if (starting_.wait_for(std::chrono::seconds(0)) !=
        std::future_status::ready) {
      return;
    }
    const bool started = starting_.get();
    down_ = !started || killed_since_start_;
    recoveries_ += down_ ? 0 : 1;
  } else if (now >= not_before_) {
    killed_since_start_ = false;
    starting_ =
        std::async(std::launch::async, [this] { return cluster_.TryStart(); });
  }
}

void SupervisedPostgres::Kill(absl::Duration until) {
  // One that is down or not up far enough to be killed stays as it is.
  if (cluster_.TryKillHard()) {
    down_ = true;
    killed_since_start_ = true;
    not_before_ = until;
  }
}

}  // namespace birthmark::chaos
