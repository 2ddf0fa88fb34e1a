// DeviceRecord is all that the services know of one device.

#ifndef BIRTHMARK_SERVICES_CLI_DEVICE_RECORD_H_
#define BIRTHMARK_SERVICES_CLI_DEVICE_RECORD_H_

#include <ostream>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "birthmark/certificate/v1/certificate_service.pb.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/rpc/channel.h"

namespace birthmark::cli {

struct DeviceRecord {
  device::v1::Device device;
  device::v1::ListDeviceKeysResponse keys;
  certificate::v1::ListCertificatesResponse certificates;
  device::v1::ListDeviceEventsResponse events;
};

// FetchDevice gets the device alone. `name` is what a person typed.
absl::StatusOr<device::v1::Device> FetchDevice(rpc::Channel& inventory,
                                               absl::string_view name);

// FetchEvents gets the events of a device, by its full name.
absl::StatusOr<device::v1::ListDeviceEventsResponse> FetchEvents(
    rpc::Channel& inventory, const std::string& name);

// FetchRecord gets everything.
absl::StatusOr<DeviceRecord> FetchRecord(rpc::Channel& inventory,
                                         absl::string_view name);

// PrintRecord prints it for people, PrintRecordJson as one JSON object with the
// members device, keys, certificates, events.
void PrintRecord(const DeviceRecord& record, absl::Time now, std::ostream& out);
void PrintRecordJson(const DeviceRecord& record, std::ostream& out);

// PrintEvents prints a timeline for people.
void PrintEvents(const device::v1::ListDeviceEventsResponse& events,
                 std::ostream& out, absl::string_view indent);

// DeviceStateText returns "active".
std::string DeviceStateText(device::v1::DeviceState state);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DEVICE_RECORD_H_
