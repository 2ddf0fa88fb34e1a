// Reasons of errors that the command line itself finds; those of the services
// are in lib/base/reasons.h. docs/errors.md lists them all.

#ifndef BIRTHMARK_SERVICES_CLI_REASONS_H_
#define BIRTHMARK_SERVICES_CLI_REASONS_H_

#include "absl/strings/string_view.h"

namespace birthmark::cli::reasons {

// INVALID_ARGUMENT: the command line cannot be understood.
inline constexpr absl::string_view kUsage = "USAGE";
// INVALID_ARGUMENT: an input file cannot be understood. Metadata: path.
inline constexpr absl::string_view kInputMalformed = "INPUT_MALFORMED";
// A local file cannot be read or written. Metadata: path.
inline constexpr absl::string_view kFileUnusable = "FILE_UNUSABLE";
// RESOURCE_EXHAUSTED: no room for the output. Metadata: path.
inline constexpr absl::string_view kDiskFull = "DISK_FULL";
// FAILED_PRECONDITION: another process writes to the same folder. Metadata:
// path, pid.
inline constexpr absl::string_view kFolderInUse = "FOLDER_IN_USE";
// FAILED_PRECONDITION: a folder that must be empty is not. Metadata: path.
inline constexpr absl::string_view kFolderNotEmpty = "FOLDER_NOT_EMPTY";
// FAILED_PRECONDITION: a job would be about no certificate or device.
inline constexpr absl::string_view kNothingSelected = "NOTHING_SELECTED";
// FAILED_PRECONDITION: a signed record does not verify: do not trust it.
// Metadata: why.
inline constexpr absl::string_view kNotVerified = "NOT_VERIFIED";
// FAILED_PRECONDITION: a device has no certificate of decommission yet.
// Metadata: resource.
inline constexpr absl::string_view kNotCertified = "NOT_CERTIFIED";
// ALREADY_EXISTS: the deployment has an operator of this name. Metadata: path.
inline constexpr absl::string_view kOperatorExists = "OPERATOR_EXISTS";
// FAILED_PRECONDITION: a CRL is older than the one before, has run out, or is
// not the one that was asked for. Metadata: resource.
inline constexpr absl::string_view kCrlNotCurrent = "CRL_NOT_CURRENT";
// FAILED_PRECONDITION: a CRL runs out soon and there is no newer one. Metadata:
// path.
inline constexpr absl::string_view kCrlExpires = "CRL_EXPIRES";
// UNAVAILABLE: what reads the file could not be told of its change.
inline constexpr absl::string_view kNotNotified = "NOT_NOTIFIED";
// CANCELLED: a signal or an answer of the user ended the command.
inline constexpr absl::string_view kInterrupted = "INTERRUPTED";

// What `failures.csv` may say beside the reasons of the service.

// NOT_FOUND: a CSR without a row in the CSV.
inline constexpr absl::string_view kRowMissing = "CSV_ROW_MISSING";
// NOT_FOUND: a row in the CSV without a CSR.
inline constexpr absl::string_view kCsrMissing = "CSR_MISSING";
// INVALID_ARGUMENT: a row of the CSV has too few or too many fields.
inline constexpr absl::string_view kRowMalformed = "CSV_ROW_MALFORMED";
// INVALID_ARGUMENT: the id stands in more than one row of the CSV.
inline constexpr absl::string_view kDuplicateId = "DUPLICATE_ID";
// ALREADY_EXISTS: the output holds a certificate for another key.
inline constexpr absl::string_view kOutputMismatch = "OUTPUT_MISMATCH";
// INTERNAL: the service answered with a certificate that is not for this CSR.
inline constexpr absl::string_view kWrongCertificate = "WRONG_CERTIFICATE";

}  // namespace birthmark::cli::reasons

#endif  // BIRTHMARK_SERVICES_CLI_REASONS_H_
