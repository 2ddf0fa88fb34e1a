#include "services/registration/firmware_recorder.h"

#include <vector>

#include "absl/status/status.h"

namespace birthmark::registration {
namespace {

// While one group waits for the disk, the next one is at work.
constexpr size_t kGroupsAtATime = 2;

}  // namespace

FirmwareRecorder::FirmwareRecorder(storage::RegistrationStore& store)
    : combiner_(kLargestGroup, kGroupsAtATime,
                [&store](const std::vector<Job*>& jobs) {
                  std::vector<const storage::FirmwareAttempt*> attempts;
                  attempts.reserve(jobs.size());
                  for (const Job* job : jobs) {
                    attempts.push_back(&job->attempt);
                  }
                  const std::vector<absl::Status> statuses =
                      store.ReportFirmware(attempts);
                  for (size_t i = 0; i < jobs.size(); ++i) {
                    jobs[i]->status = statuses[i];
                  }
                }) {}

absl::Status FirmwareRecorder::Record(const storage::FirmwareAttempt& attempt) {
  Job job{attempt, absl::OkStatus()};
  combiner_.Run(job);
  return job.status;
}

}  // namespace birthmark::registration
