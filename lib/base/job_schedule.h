#ifndef BIRTHMARK_LIB_BASE_JOB_SCHEDULE_H_
#define BIRTHMARK_LIB_BASE_JOB_SCHEDULE_H_

#include <cstddef>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace birthmark {

// JobErrorText returns what a job's operators are told of `status`: the texts
// of kInternal and kUnknown are for the server's log alone. Pure function.
std::string JobErrorText(const absl::Status& status);

// JobSchedule is what who does jobs step by step remembers of them: when the
// next steps are due, and how long a job rests whose step failed. Not
// thread-safe.
class JobSchedule {
 public:
  // How long nobody looks when nothing seems to be due.
  static constexpr absl::Duration kIdleTime = absl::Seconds(1);
  // How long a job rests whose step failed: twice as long each time.
  static constexpr absl::Duration kFirstBackoff = absl::Seconds(1);
  static constexpr absl::Duration kLongestBackoff = absl::Minutes(1);

  // Went notes that a step of the job went well, and when the next one is due.
  void Went(absl::string_view job, absl::Time next);
  // Ended forgets the job.
  void Ended(absl::string_view job);
  // Backoff notes that a step failed, and says how long the job rests.
  absl::Duration Backoff(absl::string_view job);
  // Postponed notes when a job is due whose step failed.
  void Postponed(absl::string_view job, absl::Time until);

  // Rest returns how long nothing is due. A job whose time has come without
  // that anything was due is somebody else's, or does not run any more.
  absl::Duration Rest(absl::Time now);
  // size is how many jobs it expects steps of.
  size_t size() const { return due_.size(); }

 private:
  std::map<std::string, absl::Time> due_;
  std::map<std::string, int> failures_;  // in a row
};

}  // namespace birthmark

#endif  // BIRTHMARK_LIB_BASE_JOB_SCHEDULE_H_
