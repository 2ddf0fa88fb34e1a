// RevocationJobRunner does mass revocations.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_JOB_RUNNER_H_
#define BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_JOB_RUNNER_H_

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/storage/revocation_job_store.h"
#include "services/registration/metrics.h"

namespace birthmark::registration {

// RevocationJobRunner steps from its construction on, in a thread of its own.
// Any number of them may work on the same jobs; what one leaves behind when it
// dies, another one goes on with. Thread-safe. What its constructor takes must
// outlive it.
class RevocationJobRunner {
 public:
  // Certificates in one transaction.
  static constexpr int kStepSize = 200;
  // How long it does not look when nothing seems to be due.
  static constexpr absl::Duration kIdleTime = absl::Seconds(1);
  // How long a job rests whose step failed: twice as long each time.
  static constexpr absl::Duration kFirstBackoff = absl::Seconds(1);
  static constexpr absl::Duration kLongestBackoff = absl::Minutes(1);

  RevocationJobRunner(storage::RevocationJobStore& jobs, Clock& clock,
                      Metrics& metrics);
  // Waits for the step in work.
  ~RevocationJobRunner();

  // Wake makes it look now.
  void Wake();

 private:
  void Work();
  // Does one step. False if nothing is due.
  bool Step();
  void NoteFailure(const std::string& job_id, const absl::Status& status);
  // How long to wait if nothing is due.
  absl::Duration IdleTime();

  storage::RevocationJobStore& jobs_;
  Clock& clock_;
  Metrics& metrics_;

  // Of the thread alone: when the next steps of jobs are due that it has seen
  // running, and how often in a row a job's steps have failed.
  std::map<std::string, absl::Time> due_;
  std::map<std::string, int> failures_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;    // under mutex_
  bool stopped_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_JOB_RUNNER_H_
