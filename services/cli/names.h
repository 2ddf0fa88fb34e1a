// Names as people type them, turned into resource names of the API. Pure
// functions; errors are INVALID_ARGUMENT / USAGE.

#ifndef BIRTHMARK_SERVICES_CLI_NAMES_H_
#define BIRTHMARK_SERVICES_CLI_NAMES_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "birthmark/certificate/v1/certificate_service.pb.h"

namespace birthmark::cli {

// FleetName takes "acme" or "fleets/acme".
absl::StatusOr<std::string> FleetName(absl::string_view text);

// SplitLine takes "acme/line-1" or "fleets/acme/lines/line-1" and returns the
// fleet's name and the line's id; LineName returns the line's name.
absl::StatusOr<std::pair<std::string, std::string>> SplitLine(
    absl::string_view text);
absl::StatusOr<std::string> LineName(absl::string_view text);

// BatchName takes "acme/line-1/first" or the full name.
absl::StatusOr<std::string> BatchName(absl::string_view text);

// IssuerName takes "ldevid" or "issuers/ldevid".
absl::StatusOr<std::string> IssuerName(absl::string_view text);

// RevocationJobName takes "leak-42" or "revocationJobs/leak-42".
absl::StatusOr<std::string> RevocationJobName(absl::string_view text);

// DeviceJobName takes "acme/scrap-42" or "fleets/acme/deviceJobs/scrap-42".
absl::StatusOr<std::string> DeviceJobName(absl::string_view text);

// FindingName takes "acme/ID" or "fleets/acme/findings/ID".
absl::StatusOr<std::string> FindingName(absl::string_view text);

// TransferName takes an id or "transfers/ID".
absl::StatusOr<std::string> TransferName(absl::string_view text);

// ReplacementName takes "acme/ID" or "fleets/acme/replacements/ID".
absl::StatusOr<std::string> ReplacementName(absl::string_view text);

// KeyAuditName takes an id or "keyAudits/ID".
absl::StatusOr<std::string> KeyAuditName(absl::string_view text);

// ShortName returns "acme/x" for "fleets/acme/things/x": what the above take.
std::string ShortName(absl::string_view name);

// DeviceName takes a uid, for a device in any fleet, or the full name.
absl::StatusOr<std::string> DeviceName(absl::string_view text);

// CertificateName takes a serial number in hex, of any issuer, or the full
// name.
absl::StatusOr<std::string> CertificateName(absl::string_view text);

// ParseTime takes a time in UTC: "2026-01-31T12:00:00Z", as this program prints
// it, "2026-01-31 12:00:00Z", or a day, "2026-01-31", which is its beginning.
absl::StatusOr<absl::Time> ParseTime(absl::string_view text);

// ParseReason takes the names of RFC 5280 5.3.1, "keyCompromise", in any case,
// with or without dashes or underscores.
absl::StatusOr<certificate::v1::RevocationReason> ParseReason(
    absl::string_view text);

// ReasonText returns the name of RFC 5280.
std::string ReasonText(certificate::v1::RevocationReason reason);

// ReasonNames returns the names of the reasons to revoke, for help: all but
// certificateHold, which is no revocation.
std::string ReasonNames();

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_NAMES_H_
