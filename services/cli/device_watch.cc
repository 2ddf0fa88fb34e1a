#include "services/cli/device_watch.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "lib/base/file.h"
#include "nlohmann/json.hpp"
#include "services/cli/error_report.h"
#include "services/cli/event_text.h"
#include "services/cli/output.h"
#include "services/cli/retry_policy.h"

namespace birthmark::cli {
namespace {

using device::v1::DeviceEvent;
using device::v1::WatchDevicesRequest;
using device::v1::WatchDevicesResponse;

constexpr mode_t kPrivate = 0600;
constexpr absl::Duration kLongestPause = absl::Seconds(10);

// fleets/acme/devices/UID/events/EVENT
std::string DeviceOf(const DeviceEvent& event) {
  return event.name().substr(0, event.name().find("/events/"));
}

std::string JsonLine(const DeviceEvent& event, const std::string& token) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  (void)google::protobuf::util::MessageToJsonString(event, &text, options);
  auto json = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!token.empty() && json.is_object()) {
    json["resume_token"] = token;
  }
  return json.dump();
}

void Print(const WatchDevicesResponse& message, Context& context) {
  for (int i = 0; i < message.events_size(); ++i) {
    const DeviceEvent& event = message.events(i);
    const bool is_last = i + 1 == message.events_size();
    if (context.json) {
      context.out << JsonLine(event, is_last ? message.resume_token() : "");
    } else {
      context.out << TimeText(event.create_time()) << "  "
                  << OneLine(DeviceOf(event)) << "  "
                  << OneLine(EventText(event)) << "  ("
                  << OneLine(ActorText(event.actor())) << ')';
    }
    context.out << '\n';
  }
  context.out.flush();
}

}  // namespace

absl::Status WatchDevices(const OpenDeviceFeed& open,
                          const DeviceWatchOptions& options, Context& context) {
  WatchDevicesRequest request;
  request.set_parent(options.parent);
  request.set_resume_token(options.token);
  Backoff backoff(options.pause, kLongestPause);
  absl::Duration last_message = context.clock.MonotonicNow();
  bool told = false;
  while (true) {
    absl::Status local = absl::OkStatus();
    const absl::Status ended =
        open(request, [&](const WatchDevicesResponse& message) {
          last_message = context.clock.MonotonicNow();
          backoff.Reset();
          told = false;
          Print(message, context);
          if (!context.out) {
            return false;
          }
          request.set_resume_token(message.resume_token());
          if (!options.token_file.empty()) {
            local = FileError(
                WriteFileAtomically(options.token_file,
                                    absl::StrCat(message.resume_token(), "\n"),
                                    kPrivate),
                options.token_file);
          }
          return local.ok();
        });
    if (!local.ok() || !context.out) {
      return local;
    }
    const bool may_pass = ended.ok() || IsPassing(ended);
    if (!may_pass ||
        context.clock.MonotonicNow() - last_message > options.patience) {
      return ended;
    }
    if (!told) {
      context.err << (ended.ok() ? "the service ended the stream"
                                 : ErrorLine(ended))
                  << "; going on from the last message" << std::endl;
      told = true;
    }
    absl::SleepFor(backoff.Next(ended));
  }
}

}  // namespace birthmark::cli
