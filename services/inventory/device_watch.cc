#include "services/inventory/device_watch.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/spread_delay.h"
#include "lib/base/status_macros.h"
#include "lib/telemetry/log.h"
#include "services/inventory/convert.h"

namespace birthmark::inventory {
namespace {

constexpr char kMethod[] = "birthmark.device.v1.DeviceService.WatchDevices";
constexpr absl::Duration kRetry = absl::Seconds(1);

// What a token is bound to. It travels in the field that List methods use for
// theirs, so that one codec serves both.
device::v1::ListDevicesRequest Binding(const std::string& parent,
                                       const std::string& token) {
  device::v1::ListDevicesRequest binding;
  binding.set_parent(absl::StrCat("watch ", parent));
  binding.set_page_token(token);
  return binding;
}

std::string SealToken(const rpc::PageTokenCodec& tokens,
                      const std::string& parent,
                      const storage::FeedPosition& position) {
  return tokens.Seal(absl::StrCat(position.xid, " ", position.event_id),
                     Binding(parent, ""));
}

absl::Status TokenUnknown() {
  return MakeError(absl::StatusCode::kOutOfRange, reasons::kResumeTokenUnknown,
                   "the resume_token belongs to another history; list the "
                   "devices and start over without one",
                   {{"field", "resume_token"}});
}

}  // namespace

DeviceWatch::DeviceWatch(storage::DeviceFeed& feed,
                         const rpc::PageTokenCodec& tokens, Clock& clock,
                         const Limits& limits)
    : feed_(feed),
      tokens_(tokens),
      clock_(clock),
      limits_(limits),
      asked_at_(clock.MonotonicNow()),
      thread_([this] { return Round(); }) {}

void DeviceWatch::Register(rpc::Router& router) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    gate_ = router.options().status_gate;
  }
  router.Bidi<Request, Response>(
      kMethod,
      [this](const rpc::CallContext& context, rpc::BidiStream<Response> stream)
          -> absl::StatusOr<std::shared_ptr<rpc::BidiHandler<Request>>> {
        return Accept(context, std::move(stream));
      });
}

absl::StatusOr<DeviceWatch::StreamPtr> DeviceWatch::Accept(
    const rpc::CallContext& context, rpc::BidiStream<Response> stream) {
  auto accepted = std::make_shared<DeviceWatchStream>(
      std::move(stream), std::make_shared<const rpc::Caller>(context.caller()),
      [this](const Request& request) { return Begin(request); },
      [this] { thread_.Wake(); }, clock_);
  std::lock_guard<std::mutex> lock(mutex_);
  const auto live = std::count_if(
      streams_.begin(), streams_.end(), [](const StreamPtr& other) {
        return other->phase() != DeviceWatchStream::Phase::kEnded;
      });
  if (static_cast<size_t>(live) >= limits_.streams) {
    return WithRetryAfter(MakeError(absl::StatusCode::kResourceExhausted,
                                    reasons::kTooManyInFlight,
                                    "as many watch as this server serves",
                                    {{"limit", absl::StrCat(limits_.streams)}}),
                          SpreadDelay(kRetry));
  }
  streams_.push_back(accepted);
  return accepted;
}

absl::StatusOr<storage::FeedPosition> DeviceWatch::Begin(
    const Request& request) {
  if (request.resume_token().empty()) {
    return feed_.Head();
  }
  const absl::StatusOr<std::string> token =
      tokens_.Open(Binding(request.parent(), request.resume_token()));
  if (!token.ok()) {
    return TokenUnknown();
  }
  const std::vector<std::string> parts = absl::StrSplit(*token, ' ');
  storage::FeedPosition position;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &position.xid)) {
    return TokenUnknown();
  }
  position.event_id = parts[1];
  BIRTHMARK_RETURN_IF_ERROR(feed_.Check(position));
  return position;
}

std::vector<DeviceWatch::StreamPtr> DeviceWatch::Open() {
  std::vector<StreamPtr> open;
  std::lock_guard<std::mutex> lock(mutex_);
  streams_.erase(
      std::remove_if(streams_.begin(), streams_.end(),
                     [](const StreamPtr& stream) { return stream->Reap(); }),
      streams_.end());
  for (const StreamPtr& stream : streams_) {
    if (stream->phase() == DeviceWatchStream::Phase::kOpen) {
      open.push_back(stream);
    }
  }
  return open;
}

bool DeviceWatch::StillMay(DeviceWatchStream& stream, bool ask_gate) {
  if (clock_.Now() > stream.certificate_end()) {
    stream.End(MakeError(absl::StatusCode::kUnauthenticated,
                         reasons::kCertificateExpired,
                         "the certificate of this stream has expired"));
    return false;
  }
  rpc::StatusGate gate;
  if (ask_gate) {
    std::lock_guard<std::mutex> lock(mutex_);
    gate = gate_;
  }
  const absl::Status status =
      gate == nullptr ? absl::OkStatus() : gate(stream.caller(), false);
  if (!status.ok()) {
    stream.End(status);
  }
  return status.ok();
}

absl::Duration DeviceWatch::Round() {
  const absl::Duration now = clock_.MonotonicNow();
  const bool ask_gate = now - asked_at_ >= limits_.gate;
  if (ask_gate) {
    asked_at_ = now;
  }
  std::map<storage::FeedPosition, std::vector<StreamPtr>> at;
  for (const StreamPtr& stream : Open()) {
    if (StillMay(*stream, ask_gate) && stream->IsHungry()) {
      at[stream->position()].push_back(stream);
    }
  }
  bool more = false;
  for (const auto& [position, streams] : at) {
    const absl::StatusOr<std::vector<storage::FeedEvent>> events =
        feed_.Read(position, limits_.events);
    if (!events.ok()) {
      telemetry::Log(telemetry::Level::kWarning, "device_feed_not_read",
                     {{"error", events.status().message()}});
      for (const StreamPtr& stream : streams) {
        stream->End(WithRetryAfter(
            MakeError(absl::StatusCode::kUnavailable, reasons::kDatabaseOffline,
                      "the database is not heard: watch again"),
            SpreadDelay(kRetry)));
      }
      continue;
    }
    more = more || events->size() == static_cast<size_t>(limits_.events);
    for (const StreamPtr& stream : streams) {
      Tell(*stream, *events);
    }
  }
  // A moment for the clients to take what was written.
  return more ? absl::Milliseconds(5) : limits_.rest;
}

void DeviceWatch::Tell(DeviceWatchStream& stream,
                       const std::vector<storage::FeedEvent>& events) {
  Response response;
  for (const storage::FeedEvent& event : events) {
    if (stream.fleet_id().empty() ||
        stream.fleet_id() == event.event.fleet_id) {
      *response.add_events() = ToProto(event.event);
    }
  }
  const storage::FeedPosition position =
      events.empty() ? stream.position() : events.back().position;
  if (response.events_size() == 0 && !stream.IsHeartbeatDue()) {
    stream.MoveTo(position);
    return;
  }
  response.set_resume_token(SealToken(tokens_, stream.parent(), position));
  stream.Write(std::move(response), position);
}

}  // namespace birthmark::inventory
