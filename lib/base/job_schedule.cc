#include "lib/base/job_schedule.h"

#include <algorithm>

namespace birthmark {

std::string JobErrorText(const absl::Status& status) {
  const bool hidden = status.code() == absl::StatusCode::kInternal ||
                      status.code() == absl::StatusCode::kUnknown;
  return hidden ? "internal error: see the server's log"
                : std::string(status.message());
}

void JobSchedule::Went(absl::string_view job, absl::Time next) {
  failures_.erase(std::string(job));
  due_[std::string(job)] = next;
}

void JobSchedule::Ended(absl::string_view job) {
  failures_.erase(std::string(job));
  due_.erase(std::string(job));
}

absl::Duration JobSchedule::Backoff(absl::string_view job) {
  constexpr int kDoublings = 10;
  const int times = std::min(failures_[std::string(job)]++, kDoublings);
  return std::min(kFirstBackoff * (1 << times), kLongestBackoff);
}

void JobSchedule::Postponed(absl::string_view job, absl::Time until) {
  due_[std::string(job)] = until;
}

absl::Duration JobSchedule::Rest(absl::Time now) {
  absl::Duration rest = kIdleTime;
  for (auto it = due_.begin(); it != due_.end();) {
    if (it->second <= now) {
      it = due_.erase(it);
    } else {
      rest = std::min(rest, it->second - now);
      ++it;
    }
  }
  return rest;
}

}  // namespace birthmark
