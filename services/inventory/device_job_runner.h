// DeviceJobRunner does jobs over many devices.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DEVICE_JOB_RUNNER_H_
#define BIRTHMARK_SERVICES_INVENTORY_DEVICE_JOB_RUNNER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "lib/base/clock.h"
#include "lib/base/job_schedule.h"
#include "lib/base/loop_thread.h"
#include "lib/storage/device_job_store.h"
#include "services/inventory/metrics.h"

namespace birthmark::inventory {

// DeviceJobRunner steps from its construction on, in a thread of its own; its
// destruction waits for the step in work. Any number of them may work on the
// same jobs; what one leaves behind when it dies, another one goes on with.
// Thread-safe. What its constructor takes must outlive it.
class DeviceJobRunner {
 public:
  // Devices in one transaction.
  static constexpr int kStepSize = 500;

  // Jobs of more devices than `approval_threshold` need a second operator.
  DeviceJobRunner(storage::DeviceJobStore& jobs, int64_t approval_threshold,
                  Clock& clock, Metrics& metrics);

  // Wake makes it look now.
  void Wake() { thread_.Wake(); }

 private:
  storage::DeviceJobStore::Makers NewMakers() const;
  // Does one step. False if nothing is due.
  bool Step();
  void NoteStep(const std::string& name, const storage::DeviceJobRow& before,
                const storage::DeviceJobRow& after);
  void NoteFailure(const std::optional<storage::DeviceJobRow>& job,
                   const absl::Status& status);

  storage::DeviceJobStore& jobs_;
  const int64_t approval_threshold_;
  Clock& clock_;
  Metrics& metrics_;
  const storage::DeviceJobStore::Makers makers_;
  JobSchedule schedule_;  // of the thread alone
  LoopThread thread_;     // the last: it uses the others
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DEVICE_JOB_RUNNER_H_
