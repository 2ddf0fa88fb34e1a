// MakeError builds a status that carries a machine-readable reason. The reason,
// its metadata and a retry delay travel inside the status as one payload, which
// lib/rpc turns into google.rpc details on the wire and back, without loss.
//
//   return MakeError(absl::StatusCode::kAborted, reasons::kEtagMismatch,
//                    "the device has changed", {{"resource", name}});
//
// Everything here is a pure function and thread-safe.

#ifndef BIRTHMARK_LIB_BASE_ERROR_H_
#define BIRTHMARK_LIB_BASE_ERROR_H_

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace birthmark {

// kErrorInfoTypeUrl is the payload's type URL. Its bytes are private to
// error.cc and never leave the process.
inline constexpr absl::string_view kErrorInfoTypeUrl = "birthmark/error_info";

// ErrorInfo is what a caller may act on without reading the text.
struct ErrorInfo {
  // One of lib/base/reasons.h, or empty if only retry_after is set.
  std::string reason;
  // Everything variable in the text; the keys of a reason never change.
  std::map<std::string, std::string> metadata;
  // How long to wait before the same call may succeed.
  std::optional<absl::Duration> retry_after;

  friend bool operator==(const ErrorInfo&, const ErrorInfo&) = default;
};

// ErrorMetadata is the brace list of key and value that MakeError takes.
using ErrorMetadata =
    std::initializer_list<std::pair<absl::string_view, absl::string_view>>;

// MakeError returns a status with `code` and `text` that carries `reason` and
// `metadata`. `code` must not be kOk: the result would be OK and carry nothing.
absl::Status MakeError(absl::StatusCode code, absl::string_view reason,
                       absl::string_view text, ErrorMetadata metadata = {});

// WithErrorInfo returns `status` with `info` in place of what it carried. An OK
// status is returned unchanged.
absl::Status WithErrorInfo(absl::Status status, const ErrorInfo& info);

// WithMetadata returns `status` with one more metadata entry; a value that the
// key already has stays. An OK status is returned unchanged.
absl::Status WithMetadata(absl::Status status, absl::string_view key,
                          absl::string_view value);

// WithRetryAfter returns `status` with the delay set, keeping reason and
// metadata. An OK status is returned unchanged.
absl::Status WithRetryAfter(absl::Status status, absl::Duration delay);

// GetErrorInfo returns what `status` carries, nothing if it carries nothing.
std::optional<ErrorInfo> GetErrorInfo(const absl::Status& status);

// Reason returns the reason that `status` carries, "" if there is none.
std::string Reason(const absl::Status& status);

}  // namespace birthmark

#endif  // BIRTHMARK_LIB_BASE_ERROR_H_
