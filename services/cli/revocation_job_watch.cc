#include "services/cli/revocation_job_watch.h"

#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/cli/error_report.h"
#include "services/cli/revocation_job_text.h"

namespace birthmark::cli {
namespace {

using revocation::v1::GetRevocationJobRequest;
using revocation::v1::RevocationJob;
using revocation::v1::RevocationJobState;

// Between lines of progress where no terminal shows it.
constexpr absl::Duration kReportEvery = absl::Seconds(5);
// The rate is that of the last seconds: jobs are throttled, paused, resumed.
constexpr absl::Duration kRateWindow = absl::Seconds(10);

// JobProgress says how far the job is.
class JobProgress {
 public:
  explicit JobProgress(Context& context) : context_(context) {}

  void Show(const RevocationJob& job) {
    const absl::Duration now = context_.clock.MonotonicNow();
    const bool news = job.state() != state_ || job.last_error() != error_;
    if (job.state() != state_) {
      samples_.clear();  // how fast it was before a pause says nothing
    }
    samples_.emplace_back(now, job.revoked_count());
    while (samples_.size() > 2 && now - samples_.front().first > kRateWindow) {
      samples_.pop_front();
    }
    state_ = job.state();
    error_ = job.last_error();
    if (context_.err_is_terminal) {
      context_.err << "\r\x1b[K" << Line(job) << std::flush;
      open_line_ = true;
    } else if (news || now - reported_ >= kReportEvery) {
      reported_ = now;
      context_.err << Line(job) << std::endl;
    }
  }

  void Trouble(const absl::Status& status) {
    if (!troubled_) {
      EndLine();
      context_.err << ErrorLine(status)
                   << "; the job goes on by itself, asking again" << std::endl;
    }
    troubled_ = true;
  }
  void NoTrouble() { troubled_ = false; }

  void EndLine() {
    if (open_line_) {
      context_.err << "\r\x1b[K" << std::flush;
      open_line_ = false;
    }
  }

 private:
  std::string Line(const RevocationJob& job) const {
    std::string line =
        absl::StrFormat("%s: %d of %d revoked", JobStateText(job),
                        job.revoked_count(), job.expected_count());
    if (job.state() == revocation::v1::REVOCATION_JOB_STATE_RUNNING) {
      const double rate = RecentRate();
      if (rate > 0) {
        absl::StrAppend(
            &line,
            absl::StrFormat(", %.0f/s, about %.0f s left", rate,
                            static_cast<double>(JobRemaining(job)) / rate));
      }
    } else if (!JobIsOver(job)) {
      absl::StrAppend(&line, "; ", NextStep(job));
    }
    if (!job.last_error().empty()) {
      absl::StrAppend(&line, "; held up by: ", OneLine(job.last_error()));
    }
    return line;
  }

  double RecentRate() const {
    const double seconds =
        absl::ToDoubleSeconds(samples_.back().first - samples_.front().first);
    return seconds <= 0 ? 0
                        : static_cast<double>(samples_.back().second -
                                              samples_.front().second) /
                              seconds;
  }

  Context& context_;
  std::deque<std::pair<absl::Duration, int64_t>> samples_;
  absl::Duration reported_ = absl::ZeroDuration();
  RevocationJobState state_ = revocation::v1::REVOCATION_JOB_STATE_UNSPECIFIED;
  std::string error_;
  bool open_line_ = false;
  bool troubled_ = false;
};

}  // namespace

absl::StatusOr<RevocationJob> WatchRevocationJob(rpc::Channel& channel,
                                                 const std::string& name,
                                                 const WatchOptions& options,
                                                 Context& context) {
  GetRevocationJobRequest request;
  request.set_name(name);
  JobProgress progress(context);
  absl::Duration last_answer = context.clock.MonotonicNow();
  while (true) {
    const absl::StatusOr<RevocationJob> job = channel.Unary<RevocationJob>(
        "birthmark.revocation.v1.RevocationService.GetRevocationJob", request);
    const absl::Duration now = context.clock.MonotonicNow();
    if (job.ok()) {
      last_answer = now;
      progress.NoTrouble();
      if (JobIsOver(*job)) {
        progress.EndLine();
        return job;
      }
      progress.Show(*job);
    } else if ((absl::IsUnavailable(job.status()) ||
                absl::IsDeadlineExceeded(job.status()) ||
                absl::IsResourceExhausted(job.status())) &&
               now - last_answer < options.patience) {
      progress.Trouble(job.status());
    } else {
      progress.EndLine();
      return job.status();
    }
    absl::SleepFor(options.interval);
  }
}

}  // namespace birthmark::cli
