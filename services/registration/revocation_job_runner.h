// RevocationJobRunner does mass revocations.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_JOB_RUNNER_H_
#define BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_JOB_RUNNER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/job_schedule.h"
#include "lib/base/loop_thread.h"
#include "lib/storage/revocation_job_store.h"
#include "services/registration/metrics.h"

namespace birthmark::registration {

// RevocationJobRunner steps from its construction on, in a thread of its own;
// its destruction waits for the step in work. Any number of them may work on
// the same jobs; what one leaves behind when it dies, another one goes on with.
// Thread-safe. What its constructor takes must outlive it.
class RevocationJobRunner {
 public:
  // Certificates in one transaction.
  static constexpr int kStepSize = 200;

  RevocationJobRunner(storage::RevocationJobStore& jobs, Clock& clock,
                      Metrics& metrics);

  // Wake makes it look now.
  void Wake() { thread_.Wake(); }

 private:
  // Does one step. False if nothing is due.
  bool Step();
  void NoteFailure(const std::string& job_id, const absl::Status& status);

  storage::RevocationJobStore& jobs_;
  Clock& clock_;
  Metrics& metrics_;
  JobSchedule schedule_;  // of the thread alone
  LoopThread thread_;     // the last: it uses the others
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_JOB_RUNNER_H_
