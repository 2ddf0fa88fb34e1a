#include "services/inventory/device_watch_stream.h"

#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/spread_delay.h"
#include "lib/x509/certificate.h"
#include "services/inventory/convert.h"

namespace birthmark::inventory {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(1);

}  // namespace

DeviceWatchStream::DeviceWatchStream(rpc::BidiStream<Response> stream,
                                     std::shared_ptr<const rpc::Caller> caller,
                                     Opener opener,
                                     std::function<void()> opened, Clock& clock)
    : stream_(std::move(stream)),
      caller_(std::move(caller)),
      opener_(std::move(opener)),
      opened_(std::move(opened)),
      clock_(clock),
      since_(clock.MonotonicNow()) {
  // Callers inside the process have none.
  const auto certificate = x509::Certificate::Parse(caller_->leaf_der);
  if (certificate.ok()) {
    certificate_end_ = certificate->fields().not_after;
  }
}

void DeviceWatchStream::OnMessage(Request request) {
  if (phase_ != Phase::kWaiting) {
    return;
  }
  const auto ids = ParseParent(kFleetPattern, request.parent());
  if (!ids.ok()) {
    return End(ids.status());
  }
  absl::StatusOr<storage::FeedPosition> position = opener_(request);
  if (!position.ok()) {
    return End(position.status());
  }
  parent_ = request.parent();
  fleet_id_ = (*ids)[0] == "-" ? "" : (*ids)[0];
  position_ = *std::move(position);
  written_at_ = clock_.MonotonicNow();
  Phase waiting = Phase::kWaiting;
  if (phase_.compare_exchange_strong(waiting, Phase::kOpen)) {
    opened_();
  }
}

void DeviceWatchStream::OnCancel() {
  End(absl::CancelledError("the caller is gone"));
}

void DeviceWatchStream::OnDrain() {
  End(WithRetryAfter(
      MakeError(absl::StatusCode::kUnavailable, reasons::kServerDraining,
                "the server shuts down: watch again"),
      SpreadDelay(kRetry)));
}

bool DeviceWatchStream::IsHeartbeatDue() const {
  return clock_.MonotonicNow() - written_at_ >= kHeartbeat;
}

void DeviceWatchStream::Write(Response response,
                              storage::FeedPosition position) {
  position_ = std::move(position);
  written_at_ = clock_.MonotonicNow();
  stream_.Write(std::move(response));
}

void DeviceWatchStream::End(absl::Status status) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (phase_.exchange(Phase::kEnded) == Phase::kEnded) {
    return;
  }
  since_ = clock_.MonotonicNow();
  stream_.Finish(std::move(status));
}

bool DeviceWatchStream::Reap() {
  bool late = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    late = clock_.MonotonicNow() - since_ >= kPatience;
  }
  switch (phase_.load()) {
    case Phase::kOpen:
      if (stream_.IsOver()) {
        End(absl::CancelledError("the caller is gone"));
      }
      return false;
    case Phase::kWaiting:
      if (late) {
        End(MakeError(absl::StatusCode::kInvalidArgument,
                      reasons::kInvalidField, "the call brought no request",
                      {{"field", "*"}}));
      }
      return false;
    case Phase::kEnded:
      if (late) {
        stream_.Cut();
      }
      return late || stream_.IsOver();
  }
  return true;
}

}  // namespace birthmark::inventory
