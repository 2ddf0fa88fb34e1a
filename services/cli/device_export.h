// Devices as rows of CSV and lines of JSON.

#ifndef BIRTHMARK_SERVICES_CLI_DEVICE_EXPORT_H_
#define BIRTHMARK_SERVICES_CLI_DEVICE_EXPORT_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/rpc/channel.h"
#include "services/cli/context.h"

namespace birthmark::cli {

// SpreadsheetText puts an apostrophe before text that a spreadsheet would take
// for a formula: what starts with = + - @, a tab or a carriage return. A pure
// function.
std::string SpreadsheetText(absl::string_view text);

// ExportHeading and ExportRow return lines of CSV. `raw` leaves text as it is,
// for programs; else it goes through SpreadsheetText. Pure functions.
std::string ExportHeading();
std::string ExportRow(const device::v1::Device& device, bool raw);

// ExportJson returns the device as one line of JSON with the names of the
// .proto files. A pure function.
std::string ExportJson(const device::v1::Device& device);

struct ExportOptions {
  bool as_json = false;
  bool raw = false;
  // How long a service that is away is asked again.
  absl::Duration patience = absl::Minutes(5);
  // The least and the longest pause between attempts.
  absl::Duration pause = absl::Milliseconds(200);
  absl::Duration longest_pause = absl::Seconds(10);
};

// ExportDevices writes what `request` lists to `out`, page after page, so that
// memory does not grow with their number, and how far it is to context.err. A
// service that goes away meanwhile is asked for the same page again. Returns
// how many were written; stops when `out` takes no more.
absl::StatusOr<int64_t> ExportDevices(rpc::Channel& inventory,
                                      device::v1::ListDevicesRequest request,
                                      const ExportOptions& options,
                                      std::ostream& out, Context& context);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DEVICE_EXPORT_H_
