#include "services/registration/windows.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/spread_delay.h"

namespace birthmark::registration {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(1);

absl::Status Overloaded(absl::string_view text, size_t limit) {
  return WithRetryAfter(MakeError(absl::StatusCode::kResourceExhausted,
                                  reasons::kServerOverloaded, text,
                                  {{"limit", absl::StrCat(limit)}}),
                        SpreadDelay(kRetry));
}

}  // namespace

Windows::Window::Window(Windows& windows, std::string holder, size_t size)
    : windows_(windows), holder_(std::move(holder)), size_(size) {}

Windows::Window::~Window() { windows_.GiveBack(*this); }

Windows::Windows(size_t total, size_t largest, Clock& clock, Metrics& metrics)
    : total_(std::max(total, kSmallest)),
      largest_(std::max(largest, kSmallest)),
      clock_(clock),
      metrics_(metrics) {}

absl::StatusOr<std::unique_ptr<Windows::Window>> Windows::Take(
    const std::string& holder) {
  std::lock_guard<std::mutex> lock(mutex_);
  const size_t left = total_ - granted_;
  if (left < kSmallest) {
    refused_ = clock_.MonotonicNow();
    metrics_.opens_refused.Increment();
    return Overloaded(
        "all that may be in work is shared out; open the batch again later",
        total_);
  }
  const size_t share = std::max(total_ / 2, kSmallest);
  const auto penalty = penalised_.find(holder);
  if (penalty != penalised_.end() && clock_.MonotonicNow() < penalty->second) {
    metrics_.opens_refused.Increment();
    return Overloaded(
        "this line did not read its answers while others waited; open the "
        "batch again later",
        share);
  }
  const auto held = held_.find(holder);
  const size_t mine = held == held_.end() ? 0 : held->second;
  if (share - mine < kSmallest) {
    metrics_.opens_refused.Increment();
    return Overloaded(
        "this line has its share of what may be in work on its other streams",
        share);
  }
  const size_t size =
      std::min(std::max(std::min(left, share - mine) / 4, kSmallest), largest_);
  granted_ += size;
  held_[holder] += size;
  metrics_.items_granted.Add(static_cast<double>(size));
  return std::unique_ptr<Window>(new Window(*this, holder, size));
}

void Windows::Penalise(const std::string& holder) {
  std::lock_guard<std::mutex> lock(mutex_);
  const absl::Duration now = clock_.MonotonicNow();
  for (auto it = penalised_.begin(); it != penalised_.end();) {
    it = it->second <= now ? penalised_.erase(it) : std::next(it);
  }
  penalised_[holder] = now + kPenalty;
}

bool Windows::Contended() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return refused_.has_value() &&
         clock_.MonotonicNow() - *refused_ < kContention;
}

size_t Windows::granted() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return granted_;
}

void Windows::GiveBack(const Window& window) {
  std::lock_guard<std::mutex> lock(mutex_);
  granted_ -= window.size_;
  const auto held = held_.find(window.holder_);
  held->second -= window.size_;
  if (held->second == 0) {
    held_.erase(held);
  }
  metrics_.items_granted.Add(-static_cast<double>(window.size_));
}

}  // namespace birthmark::registration
