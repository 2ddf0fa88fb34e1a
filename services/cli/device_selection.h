// Which devices a command is about, from its options. Pure functions.

#ifndef BIRTHMARK_SERVICES_CLI_DEVICE_SELECTION_H_
#define BIRTHMARK_SERVICES_CLI_DEVICE_SELECTION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/cli/command.h"

namespace birthmark::cli {

struct DeviceSelection {
  std::string parent;  // fleets/acme, or fleets/-
  std::string filter;  // as ListDevices takes it; empty: all
};

// DeviceSelectionParams are --fleet, --filter and an option for each of the
// usual terms.
std::vector<Param> DeviceSelectionParams();

// DeviceSelectionFrom joins what was given with AND. INVALID_ARGUMENT / USAGE.
absl::StatusOr<DeviceSelection> DeviceSelectionFrom(const Arguments& args,
                                                    absl::Time now);

// FilterTerm returns `field = "value"`, with what must be escaped.
std::string FilterTerm(absl::string_view field, absl::string_view value);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DEVICE_SELECTION_H_
