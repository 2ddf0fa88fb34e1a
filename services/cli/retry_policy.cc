#include "services/cli/retry_policy.h"

#include <algorithm>
#include <optional>
#include <string>

#include "lib/base/error.h"
#include "lib/base/reasons.h"

namespace birthmark::cli {
namespace {

// Beyond this the bound would overflow before it met any sensible maximum.
constexpr int kMaxDoublings = 20;

}  // namespace

bool IsPassing(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kDeadlineExceeded:
      return true;
    default:
      return IsBusy(status);
  }
}

bool IsBusy(const absl::Status& status) {
  const std::string reason = Reason(status);
  return absl::IsResourceExhausted(status) &&
         (reason == ::birthmark::reasons::kServerOverloaded ||
          reason == ::birthmark::reasons::kTooManyInFlight);
}

bool IsFault(const absl::Status& status) {
  return (absl::IsInternal(status) || absl::IsUnknown(status)) &&
         Reason(status).empty();
}

absl::Duration RetryAfter(const absl::Status& status) {
  const std::optional<ErrorInfo> info = GetErrorInfo(status);
  return info.has_value() && info->retry_after.has_value()
             ? *info->retry_after
             : absl::ZeroDuration();
}

absl::Duration Backoff::Next(const absl::Status& why) {
  const absl::Duration bound =
      std::min(max_, min_ * (int64_t{1} << std::min(attempts_, kMaxDoublings)));
  ++attempts_;
  return std::max(bound * absl::Uniform(random_, 0.5, 1.0),
                  RetryAfter(why) * absl::Uniform(random_, 1.0, 1.25));
}

}  // namespace birthmark::cli
