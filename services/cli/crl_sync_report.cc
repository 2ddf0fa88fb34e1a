// What CrlSync says of itself: the log, the status file, the alarm.

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/file.h"
#include "nlohmann/json.hpp"
#include "services/cli/crl_sync.h"
#include "services/cli/output.h"

namespace birthmark::cli {
namespace {

constexpr mode_t kPublic = 0644;
constexpr absl::Duration kAlarmEvery = absl::Hours(1);

std::string JsonTime(absl::Time time) {
  return time == absl::InfinitePast()
             ? ""
             : absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time,
                                absl::UTCTimeZone());
}

}  // namespace

// What the log said once it does not repeat, but for alarms, each hour.
void CrlSync::Tell() {
  std::string error;
  {
    Lock lock(mutex_);
    error = last_error_;
  }
  const std::string time = TimeText(clock_.Now());
  if (error != told_error_) {
    log_ << time << " "
         << (error.empty() ? "the CRLs are current again"
                           : absl::StrCat("error: ", error))
         << std::endl;
    told_error_ = error;
  }
  const std::string alarm = Alarm();
  const absl::Duration now = clock_.MonotonicNow();
  if (alarm.empty() != told_alarm_.empty() ||
      (!alarm.empty() && now - told_at_ >= kAlarmEvery)) {
    log_ << time << " "
         << (alarm.empty() ? "the alarm is over"
                           : absl::StrCat("ALARM: ", alarm))
         << std::endl;
    told_alarm_ = alarm;
    told_at_ = now;
  }
  if (!options_.status_file.empty()) {
    const absl::Status written =
        WriteFileAtomically(options_.status_file, StatusJson(), kPublic);
    if (!written.ok()) {
      log_ << time << " error: " << written.message() << std::endl;
    }
  }
}

std::string CrlSync::AlarmOf(absl::Time now) const {
  const std::optional<CrlSet::Earliest> earliest = set_.earliest();
  if (!earliest.has_value()) {
    return "there is no CRL";
  }
  if (earliest->next_update - now > options_.warn_before) {
    return "";
  }
  return absl::StrCat(
      "the CRL ", CrlNameText(earliest->name),
      earliest->next_update <= now ? " ran out at " : " runs out at ",
      TimeText(earliest->next_update), " and there is no newer one");
}

std::string CrlSync::Alarm() const {
  const absl::Time now = clock_.Now();
  Lock lock(mutex_);
  return AlarmOf(now);
}

int64_t CrlSync::enforced() const {
  Lock lock(mutex_);
  return enforced_;
}

std::string CrlSync::token() const {
  Lock lock(mutex_);
  return token_;
}

std::string CrlSync::StatusJson() const {
  const absl::Time now = clock_.Now();
  const absl::Duration monotonic = clock_.MonotonicNow();
  Lock lock(mutex_);
  const std::optional<CrlSet::Earliest> earliest = set_.earliest();
  nlohmann::ordered_json json;
  json["time"] = JsonTime(now);
  json["alarm"] = AlarmOf(now);
  json["last_error"] = last_error_;
  json["connected"] = connected_ && monotonic - heard_at_ < kSilence;
  json["revision"] = enforced_;
  json["crls"] = set_.size();
  json["next_update_time"] =
      earliest.has_value() ? JsonTime(earliest->next_update) : "";
  json["write_time"] = JsonTime(written_time_);
  return absl::StrCat(json.dump(2), "\n");
}

}  // namespace birthmark::cli
