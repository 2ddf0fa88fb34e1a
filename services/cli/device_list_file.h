// Lists of devices as people keep them.

#ifndef BIRTHMARK_SERVICES_CLI_DEVICE_LIST_FILE_H_
#define BIRTHMARK_SERVICES_CLI_DEVICE_LIST_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark::cli {

// ParseDeviceList returns the uids in a CSV, each once, in order: of its column
// `uid` or `name`, as `device export` writes them, or, without a heading, of
// the first column. Devices of another fleet than `fleet` ("fleets/acme"), and
// what is neither uid nor name, are errors: kInvalidArgument / INPUT_MALFORMED,
// with the line.
absl::StatusOr<std::vector<std::string>> ParseDeviceList(
    absl::string_view csv, absl::string_view fleet);

// ReadDeviceList is ParseDeviceList of the file at `path`. FILE_UNUSABLE too.
absl::StatusOr<std::vector<std::string>> ReadDeviceList(
    const std::string& path, absl::string_view fleet);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DEVICE_LIST_FILE_H_
