// The fields by which a factory describes a device, and what a line may make.
// Pure functions.

#ifndef BIRTHMARK_LIB_POLICY_DEVICE_FIELDS_H_
#define BIRTHMARK_LIB_POLICY_DEVICE_FIELDS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace birthmark::policy {

// Bounds of X.520 attributes (RFC 5280 Appendix A.1), since model and serial
// number become common name and serialNumber of an IDevID.
inline constexpr size_t kMaxFieldLength = 64;
inline constexpr size_t kMaxModels = 64;

// CheckSerialNumber: 1 to 64 characters of PrintableString (X.680 41.4), with
// no space at either end. `field` names the request's field.
// kInvalidArgument / INVALID_FIELD, metadata field; so do all below.
absl::Status CheckSerialNumber(absl::string_view value,
                               absl::string_view field = "serial_number");

// CheckModel: 1 to 64 printable ASCII characters, with no space at either end.
absl::Status CheckModel(absl::string_view value,
                        absl::string_view field = "model");

// CheckHardwareRevision: empty, or as CheckModel.
absl::Status CheckHardwareRevision(
    absl::string_view value, absl::string_view field = "hardware_revision");

// CheckModels: 1 to 64 models, each as CheckModel, none twice.
absl::Status CheckModels(absl::Span<const std::string> models,
                         absl::string_view field = "line.models");

// CheckModelAllowed says whether a line with `models` may make `model`.
// kFailedPrecondition / MODEL_NOT_ALLOWED, metadata model.
absl::Status CheckModelAllowed(absl::Span<const std::string> models,
                               absl::string_view model);

}  // namespace birthmark::policy

#endif  // BIRTHMARK_LIB_POLICY_DEVICE_FIELDS_H_
