// What happened to a device, in plain words. Pure functions.

#ifndef BIRTHMARK_SERVICES_CLI_EVENT_TEXT_H_
#define BIRTHMARK_SERVICES_CLI_EVENT_TEXT_H_

#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "birthmark/device/v1/device_service.pb.h"

namespace birthmark::cli {

// EventText returns "put in quarantine: firmware_rollback of application".
std::string EventText(const device::v1::DeviceEvent& event);

// ActorText returns "operator admin", "line line-1", "the device", "the fleet's
// policy"; an actor of another form as it is.
std::string ActorText(absl::string_view actor);

// PrintTimeline writes a line for each event: when, what, by whom.
void PrintTimeline(
    const google::protobuf::RepeatedPtrField<device::v1::DeviceEvent>& events,
    std::ostream& out, absl::string_view indent);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_EVENT_TEXT_H_
