// What belongs to a device, in plain words. Pure functions but for the printing
// ones.

#ifndef BIRTHMARK_SERVICES_CLI_DEVICE_TEXT_H_
#define BIRTHMARK_SERVICES_CLI_DEVICE_TEXT_H_

#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "birthmark/certificate/v1/certificate_service.pb.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "birthmark/device/v1/finding_service.pb.h"

namespace birthmark::cli {

// DeviceStateText returns "active".
std::string DeviceStateText(device::v1::DeviceState state);

// FirmwareText returns "application 4.1.0, bootloader 2.0".
std::string FirmwareText(const device::v1::Device& device);

// LabelsText returns "owner=Ann (personal), site=berlin", in order of keys.
std::string LabelsText(const device::v1::Device& device);

// ShortId cuts a long hexadecimal id.
std::string ShortId(absl::string_view id);

// WhenText returns "2026-01-31 12:00:00Z (3 h ago)", "never" for a time that is
// unset.
std::string WhenText(const google::protobuf::Timestamp& time, absl::Time now);

// WipeText says what became of the wipe.
std::string WipeText(const device::v1::Decommission& decommission,
                     absl::Time now);

// The tables of a device. `whole_ids` shows key ids uncut.
void PrintFirmware(const google::protobuf::RepeatedPtrField<
                       device::v1::FirmwareState>& firmware,
                   absl::Time now, std::ostream& out, absl::string_view indent);
void PrintCertificates(const google::protobuf::RepeatedPtrField<
                           certificate::v1::Certificate>& certificates,
                       std::ostream& out, absl::string_view indent);
void PrintKeys(
    const google::protobuf::RepeatedPtrField<device::v1::DeviceKey>& keys,
    bool whole_ids, std::ostream& out, absl::string_view indent);
void PrintFindings(
    const google::protobuf::RepeatedPtrField<device::v1::Finding>& findings,
    bool with_device, absl::Time now, std::ostream& out,
    absl::string_view indent);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DEVICE_TEXT_H_
