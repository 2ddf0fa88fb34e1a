// DeviceRecord is all that the services know of one device.

#ifndef BIRTHMARK_SERVICES_CLI_DEVICE_RECORD_H_
#define BIRTHMARK_SERVICES_CLI_DEVICE_RECORD_H_

#include <optional>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "birthmark/certificate/v1/certificate_service.pb.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "birthmark/device/v1/finding_service.pb.h"
#include "lib/rpc/channel.h"

namespace birthmark::cli {

struct DeviceRecord {
  device::v1::Device device;
  device::v1::ListDeviceKeysResponse keys;
  certificate::v1::ListCertificatesResponse certificates;
  device::v1::ListFindingsResponse findings;    // that are not closed
  device::v1::ListDeviceEventsResponse events;  // the newest, newest first
  // Of a device whose end was ordered.
  std::optional<device::v1::Decommission> decommission;
};

// FetchDevice gets the device alone. `text` is what a person typed: its uid,
// its name, its serial number, or the serial number or key id of a certificate
// of it. Where a living device and retired ones had the same serial number, it
// is the living one. NOT_FOUND / DEVICE_NOT_FOUND; INVALID_ARGUMENT / USAGE,
// with their names, if several fit.
absl::StatusOr<device::v1::Device> FetchDevice(rpc::Channel& inventory,
                                               absl::string_view text);

// FetchEvents gets all events of a device, by its full name, oldest first.
absl::StatusOr<device::v1::ListDeviceEventsResponse> FetchEvents(
    rpc::Channel& inventory, const std::string& name);

// FetchDecommission gets what is known of its end.
absl::StatusOr<device::v1::Decommission> FetchDecommission(
    rpc::Channel& inventory, const std::string& name);

// FetchRecord gets everything, in six calls at most.
absl::StatusOr<DeviceRecord> FetchRecord(rpc::Channel& inventory,
                                         absl::string_view text);

// PrintRecord prints it for people, PrintRecordJson as one JSON object with the
// members device, keys, certificates, findings, decommission, events.
void PrintRecord(const DeviceRecord& record, absl::Time now, std::ostream& out);
void PrintRecordJson(const DeviceRecord& record, std::ostream& out);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DEVICE_RECORD_H_
