#include "services/cli/item_queue.h"

#include <algorithm>

namespace birthmark::cli {

ItemQueue::ItemQueue(size_t count)
    : states_(count, State::kReady), ready_count_(count) {
  for (size_t item = 0; item < count; ++item) {
    ready_.push_back(item);
  }
}

void ItemQueue::Move(size_t item, State to) {
  switch (states_[item]) {
    case State::kReady:
      --ready_count_;
      break;
    case State::kInFlight:
      --in_flight_;
      break;
    case State::kSettled:
      --settled_;
      break;
    case State::kDelayed:
    case State::kAnswered:
      break;
  }
  states_[item] = to;
  switch (to) {
    case State::kReady:
      ++ready_count_;
      break;
    case State::kInFlight:
      ++in_flight_;
      break;
    case State::kSettled:
      ++settled_;
      break;
    case State::kDelayed:
    case State::kAnswered:
      break;
  }
}

std::vector<size_t> ItemQueue::Take(size_t max, absl::Duration now) {
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    const size_t item = delayed_.begin()->second;
    delayed_.erase(delayed_.begin());
    if (states_[item] == State::kDelayed) {
      Move(item, State::kReady);
      ready_.push_back(item);
    }
  }
  const size_t room = window_ > in_flight_ ? window_ - in_flight_ : 0;
  const size_t worthwhile =
      std::min({ready_count_, max, std::max<size_t>(window_ / 4, 1)});
  std::vector<size_t> taken;
  if (room < worthwhile) {
    return taken;
  }
  while (taken.size() < std::min(room, max) && !ready_.empty()) {
    const size_t item = ready_.front();
    ready_.pop_front();
    if (states_[item] == State::kReady) {
      Move(item, State::kInFlight);
      taken.push_back(item);
    }
  }
  return taken;
}

bool ItemQueue::Answered(size_t item) {
  if (states_[item] != State::kInFlight) {
    return false;
  }
  Move(item, State::kAnswered);
  return true;
}

void ItemQueue::Delay(size_t item, absl::Duration due) {
  if (states_[item] == State::kAnswered) {
    Move(item, State::kDelayed);
    delayed_.emplace(due, item);
  }
}

void ItemQueue::Settle(size_t item) { Move(item, State::kSettled); }

void ItemQueue::StreamBroken() {
  for (size_t item = states_.size(); item-- > 0 && in_flight_ > 0;) {
    if (states_[item] == State::kInFlight) {
      Move(item, State::kReady);
      ready_.push_front(item);
    }
  }
}

std::optional<absl::Duration> ItemQueue::NextDue() const {
  if (delayed_.empty()) {
    return std::nullopt;
  }
  return delayed_.begin()->first;
}

}  // namespace birthmark::cli
