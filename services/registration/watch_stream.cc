#include "services/registration/watch_stream.h"

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/spread_delay.h"
#include "lib/x509/certificate.h"

namespace birthmark::registration {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(1);

// What a token is bound to. It travels in the field that List methods use for
// theirs, so that one codec serves both.
revocation::v1::ListRevocationsRequest Binding(const std::string& issuer,
                                               const std::string& token) {
  revocation::v1::ListRevocationsRequest binding;
  binding.set_parent(absl::StrCat("watch ", issuer));
  binding.set_page_token(token);
  return binding;
}

}  // namespace

std::string SealToken(const rpc::PageTokenCodec& codec,
                      const std::string& issuer,
                      const WatchPosition& position) {
  return codec.Seal(absl::StrCat(position.revision, " ", position.mark),
                    Binding(issuer, ""));
}

absl::Status TokenUnknown() {
  return MakeError(absl::StatusCode::kOutOfRange, reasons::kResumeTokenUnknown,
                   "the resume_token belongs to another history; start over "
                   "without one, and get all CRLs anew",
                   {{"field", "resume_token"}});
}

absl::StatusOr<WatchPosition> OpenToken(
    const rpc::PageTokenCodec& codec,
    const revocation::v1::WatchRevocationsRequest& request) {
  const absl::StatusOr<std::string> cursor =
      codec.Open(Binding(request.issuer(), request.resume_token()));
  if (!cursor.ok()) {
    return TokenUnknown();
  }
  const std::vector<std::string> parts = absl::StrSplit(*cursor, ' ');
  WatchPosition position;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &position.revision)) {
    return TokenUnknown();
  }
  position.mark = parts[1];
  return position;
}

WatchStream::WatchStream(rpc::BidiStream<Response> stream,
                         const rpc::Caller& caller, Opener opener,
                         std::function<void()> opened, Clock& clock,
                         Metrics& metrics)
    : stream_(std::move(stream)),
      actor_(caller.actor),
      opener_(std::move(opener)),
      opened_(std::move(opened)),
      clock_(clock),
      metrics_(metrics),
      since_(clock.MonotonicNow()) {
  metrics_.watchers.Add(1);
  if (auto serial = HexDecode(caller.serial); serial.ok()) {
    caller_serial_ = *std::move(serial);
  }
  // Callers inside the process have none.
  const auto certificate = x509::Certificate::Parse(caller.leaf_der);
  if (certificate.ok()) {
    certificate_end_ = certificate->fields().not_after;
  }
}

WatchStream::~WatchStream() { metrics_.watchers.Add(-1); }

void WatchStream::OnMessage(Request request) {
  if (!request.issuer().empty()) {
    const auto ids = ParseName("issuers/{issuer}", request.issuer(), "issuer");
    if (!ids.ok()) {
      return End(ids.status());
    }
  }
  absl::StatusOr<WatchPosition> position = opener_(request);
  if (!position.ok()) {
    return End(position.status());
  }
  issuer_ = request.issuer();
  position_ = *std::move(position);
  Phase waiting = Phase::kWaiting;
  if (phase_.compare_exchange_strong(waiting, Phase::kOpen)) {
    opened_();
  }
}

void WatchStream::OnCancel() {
  End(absl::CancelledError("the caller is gone"));
}

void WatchStream::OnDrain() {
  End(WithRetryAfter(
      MakeError(absl::StatusCode::kUnavailable, reasons::kServerDraining,
                "the server shuts down: watch again"),
      SpreadDelay(kRetry)));
}

bool WatchStream::HeartbeatDue(absl::Duration now) const {
  return now - written_at_ >= kHeartbeat;
}

void WatchStream::Write(Response response, WatchPosition position) {
  position_ = std::move(position);
  written_at_ = clock_.MonotonicNow();
  stream_.Write(std::move(response));
}

void WatchStream::End(absl::Status status) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (phase_.exchange(Phase::kEnded) == Phase::kEnded) {
    return;
  }
  since_ = clock_.MonotonicNow();
  stream_.Finish(std::move(status));
}

bool WatchStream::Reap(absl::Duration now) {
  const Phase phase = phase_;
  bool late = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    late = now - since_ >= kPatience;
  }
  switch (phase) {
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
      return late;
  }
  return true;
}

}  // namespace birthmark::registration
