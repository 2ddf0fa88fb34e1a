#include "services/cli/job_watch.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/cli/error_report.h"

namespace birthmark::cli {
namespace {

// Between lines of progress where no terminal shows it.
constexpr absl::Duration kReportEvery = absl::Seconds(5);
// The rate is that of the last seconds: jobs are throttled, paused, resumed.
constexpr absl::Duration kRateWindow = absl::Seconds(10);

// JobProgress says how far the job is.
class JobProgress {
 public:
  explicit JobProgress(Context& context) : context_(context) {}

  void Show(const JobView& job) {
    const absl::Duration now = context_.clock.MonotonicNow();
    const bool news = job.state != state_ || job.last_error != error_;
    if (job.state != state_) {
      samples_.clear();  // how fast it was before a pause says nothing
    }
    samples_.emplace_back(now, job.done);
    while (samples_.size() > 2 && now - samples_.front().first > kRateWindow) {
      samples_.pop_front();
    }
    state_ = job.state;
    error_ = job.last_error;
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
  std::string Line(const JobView& job) const {
    std::string line = absl::StrFormat("%s: %d of %d %s", job.state, job.done,
                                       job.expected, job.done_word);
    if (job.is_running) {
      const double rate = RecentRate();
      if (rate > 0) {
        const int64_t left = std::max<int64_t>(job.expected - job.done, 0);
        absl::StrAppend(&line,
                        absl::StrFormat(", %.0f/s, about %.0f s left", rate,
                                        static_cast<double>(left) / rate));
      }
    } else if (!job.next_step.empty()) {
      absl::StrAppend(&line, "; ", job.next_step);
    }
    if (!job.last_error.empty()) {
      absl::StrAppend(&line, "; held up by: ", OneLine(job.last_error));
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
  std::string state_;
  std::string error_;
  bool open_line_ = false;
  bool troubled_ = false;
};

bool MayComeBack(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status);
}

}  // namespace

absl::Status WatchJob(const std::function<absl::StatusOr<JobView>()>& look,
                      const WatchOptions& options, Context& context) {
  JobProgress progress(context);
  absl::Duration last_answer = context.clock.MonotonicNow();
  while (true) {
    const absl::StatusOr<JobView> job = look();
    const absl::Duration now = context.clock.MonotonicNow();
    if (job.ok()) {
      last_answer = now;
      progress.NoTrouble();
      if (job->is_over) {
        progress.EndLine();
        return absl::OkStatus();
      }
      progress.Show(*job);
    } else if (MayComeBack(job.status()) &&
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
