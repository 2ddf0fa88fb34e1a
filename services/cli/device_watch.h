// Following what happens to devices.

#ifndef BIRTHMARK_SERVICES_CLI_DEVICE_WATCH_H_
#define BIRTHMARK_SERVICES_CLI_DEVICE_WATCH_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "services/cli/context.h"

namespace birthmark::cli {

// OpenDeviceFeed calls WatchDevices and gives every message to `on_message`
// until that returns false or the stream ends; returns how it ended.
using OnDeviceNews =
    std::function<bool(const device::v1::WatchDevicesResponse& message)>;
using OpenDeviceFeed = std::function<absl::Status(
    const device::v1::WatchDevicesRequest& request, const OnDeviceNews& news)>;

struct DeviceWatchOptions {
  std::string parent;      // fleets/acme, or fleets/-
  std::string token;       // where to go on from; empty: now
  std::string token_file;  // kept there; empty: nowhere
  // How long a service that is away is asked again, and the least pause.
  absl::Duration patience = absl::InfiniteDuration();
  absl::Duration pause = absl::Milliseconds(200);
};

// WatchDevices writes each event to context.out: a line for people, or, with
// context.json, one of JSON, the last of a message with the member
// resume_token, from which `--resume-token` goes on. When the stream breaks it
// goes on by itself from there. The token is written to the token file after
// the events were. Returns when `out` takes no more, or with what cannot pass:
// OUT_OF_RANGE / RESUME_TOKEN_UNKNOWN, ...
absl::Status WatchDevices(const OpenDeviceFeed& open,
                          const DeviceWatchOptions& options, Context& context);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DEVICE_WATCH_H_
