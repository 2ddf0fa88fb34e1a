#include "services/cli/names.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "lib/base/ids.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "services/cli/error_report.h"

namespace birthmark::cli {
namespace {

using certificate::v1::RevocationReason;

constexpr absl::string_view kFleetPattern = "fleets/{fleet}";
constexpr absl::string_view kLinePattern = "fleets/{fleet}/lines/{line}";
constexpr absl::string_view kBatchPattern =
    "fleets/{fleet}/lines/{line}/batches/{batch}";
constexpr absl::string_view kIssuerPattern = "issuers/{issuer}";
constexpr absl::string_view kJobPattern = "revocationJobs/{job}";
constexpr absl::string_view kDevicePattern = "fleets/{fleet}/devices/{device}";
constexpr absl::string_view kDeviceJobPattern =
    "fleets/{fleet}/deviceJobs/{job}";
constexpr absl::string_view kFindingPattern =
    "fleets/{fleet}/findings/{finding}";
constexpr absl::string_view kReplacementPattern =
    "fleets/{fleet}/replacements/{replacement}";
constexpr absl::string_view kTransferPattern = "transfers/{transfer}";
constexpr absl::string_view kKeyAuditPattern = "keyAudits/{audit}";
constexpr absl::string_view kCertificatePattern =
    "issuers/{issuer}/certificates/{serial}";

struct ReasonName {
  RevocationReason reason;
  const char* name;
};
constexpr ReasonName kReasons[] = {
    {certificate::v1::REVOCATION_REASON_UNSPECIFIED, "unspecified"},
    {certificate::v1::REVOCATION_REASON_KEY_COMPROMISE, "keyCompromise"},
    {certificate::v1::REVOCATION_REASON_CA_COMPROMISE, "cACompromise"},
    {certificate::v1::REVOCATION_REASON_AFFILIATION_CHANGED,
     "affiliationChanged"},
    {certificate::v1::REVOCATION_REASON_SUPERSEDED, "superseded"},
    {certificate::v1::REVOCATION_REASON_CESSATION_OF_OPERATION,
     "cessationOfOperation"},
    {certificate::v1::REVOCATION_REASON_CERTIFICATE_HOLD, "certificateHold"},
    {certificate::v1::REVOCATION_REASON_PRIVILEGE_WITHDRAWN,
     "privilegeWithdrawn"},
    {certificate::v1::REVOCATION_REASON_AA_COMPROMISE, "aACompromise"},
};

absl::Status BadName(absl::string_view what, absl::string_view text,
                     absl::string_view form) {
  return UsageError(absl::StrCat("'", text, "' is no ", what, ": want ", form));
}

// "FLEET/ID" or the whole name.
absl::StatusOr<std::string> InFleet(absl::string_view pattern,
                                    absl::string_view what,
                                    absl::string_view text) {
  if (ParseName(pattern, text).ok()) {
    return std::string(text);
  }
  const std::vector<std::string> ids = absl::StrSplit(text, '/');
  if (ids.size() != 2 || !IsResourceId(ids[0]) || !IsResourceId(ids[1])) {
    return BadName(what, text, "FLEET/ID, as it is listed");
  }
  return FormatName(pattern, {ids[0], ids[1]});
}

// "ID" or the whole name.
absl::StatusOr<std::string> Alone(absl::string_view pattern,
                                  absl::string_view what,
                                  absl::string_view text) {
  if (IsResourceId(text)) {
    return FormatName(pattern, {text});
  }
  if (ParseName(pattern, text).ok()) {
    return std::string(text);
  }
  return BadName(what, text, "its id, as it is listed");
}

std::string Plain(absl::string_view text) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(text),
                             {{"-", ""}, {"_", ""}});
}

}  // namespace

absl::StatusOr<std::string> FleetName(absl::string_view text) {
  if (IsResourceId(text)) {
    return FormatName(kFleetPattern, {text});
  }
  if (ParseName(kFleetPattern, text).ok()) {
    return std::string(text);
  }
  return BadName("fleet", text, "FLEET, e.g. acme");
}

absl::StatusOr<std::pair<std::string, std::string>> SplitLine(
    absl::string_view text) {
  std::vector<std::string> ids;
  if (absl::StatusOr<std::vector<std::string>> parsed =
          ParseName(kLinePattern, text);
      parsed.ok()) {
    ids = *std::move(parsed);
  } else {
    ids = absl::StrSplit(text, '/');
  }
  if (ids.size() != 2 || !IsResourceId(ids[0]) || !IsResourceId(ids[1])) {
    return BadName("line", text, "FLEET/LINE, e.g. acme/line-1");
  }
  return std::make_pair(FormatName(kFleetPattern, {ids[0]}), ids[1]);
}

absl::StatusOr<std::string> LineName(absl::string_view text) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto parts, SplitLine(text));
  return absl::StrCat(parts.first, "/lines/", parts.second);
}

absl::StatusOr<std::string> BatchName(absl::string_view text) {
  if (ParseName(kBatchPattern, text).ok()) {
    return std::string(text);
  }
  const std::vector<std::string> ids = absl::StrSplit(text, '/');
  if (ids.size() != 3 ||
      !std::all_of(ids.begin(), ids.end(),
                   [](const auto& id) { return IsResourceId(id); })) {
    return BadName("batch", text, "FLEET/LINE/BATCH, e.g. acme/line-1/first");
  }
  return FormatName(kBatchPattern, {ids[0], ids[1], ids[2]});
}

absl::StatusOr<std::string> IssuerName(absl::string_view text) {
  if (IsResourceId(text)) {
    return FormatName(kIssuerPattern, {text});
  }
  if (ParseName(kIssuerPattern, text).ok()) {
    return std::string(text);
  }
  return BadName("issuer", text, "an issuer's id, e.g. ldevid");
}

absl::StatusOr<std::string> RevocationJobName(absl::string_view text) {
  if (IsResourceId(text)) {
    return FormatName(kJobPattern, {text});
  }
  if (ParseName(kJobPattern, text).ok()) {
    return std::string(text);
  }
  return BadName("revocation job", text, "NAME of [a-z0-9-], e.g. leak-42");
}

absl::StatusOr<std::string> DeviceJobName(absl::string_view text) {
  return InFleet(kDeviceJobPattern, "device job", text);
}

absl::StatusOr<std::string> FindingName(absl::string_view text) {
  return InFleet(kFindingPattern, "finding", text);
}

absl::StatusOr<std::string> ReplacementName(absl::string_view text) {
  return InFleet(kReplacementPattern, "replacement", text);
}

absl::StatusOr<std::string> TransferName(absl::string_view text) {
  return Alone(kTransferPattern, "transfer", text);
}

absl::StatusOr<std::string> KeyAuditName(absl::string_view text) {
  return Alone(kKeyAuditPattern, "key audit", text);
}

std::string ShortName(absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  return parts.size() == 4 ? absl::StrCat(parts[1], "/", parts[3])
                           : std::string(name);
}

absl::StatusOr<std::string> DeviceName(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  if (IsUid(lower)) {
    return FormatName(kDevicePattern, {"-", lower});
  }
  if (absl::StartsWith(text, "fleets/-/devices/") ||
      ParseName(kDevicePattern, text).ok()) {
    return std::string(text);
  }
  return BadName("device", text, "its uid or fleets/FLEET/devices/UID");
}

absl::StatusOr<std::string> CertificateName(absl::string_view text) {
  // As openssl prints it: upper case, perhaps with colons.
  const std::string serial =
      absl::StrReplaceAll(absl::AsciiStrToLower(text), {{":", ""}});
  if (IsSerial(serial)) {
    return FormatName(kCertificatePattern, {"-", serial});
  }
  if (absl::StartsWith(text, "issuers/-/certificates/") ||
      ParseName(kCertificatePattern, text).ok()) {
    return std::string(text);
  }
  return BadName("certificate", text,
                 "its serial number in hex or "
                 "issuers/ISSUER/certificates/SERIAL");
}

absl::StatusOr<absl::Time> ParseTime(absl::string_view text) {
  for (const char* format :
       {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%SZ", "%Y-%m-%d"}) {
    absl::Time time;
    if (absl::ParseTime(format, text, absl::UTCTimeZone(), &time, nullptr) &&
        time != absl::InfiniteFuture() && time != absl::InfinitePast()) {
      return time;
    }
  }
  return UsageError(absl::StrCat("'", text,
                                 "' is no time: want one in UTC such as "
                                 "2026-01-31T12:00:00Z, or a day"));
}

absl::StatusOr<RevocationReason> ParseReason(absl::string_view text) {
  for (const ReasonName& reason : kReasons) {
    if (Plain(reason.name) == Plain(text)) {
      return reason.reason;
    }
  }
  return UsageError(
      absl::StrCat("'", text, "' is no reason: want one of ", ReasonNames()));
}

std::string ReasonText(RevocationReason reason) {
  for (const ReasonName& known : kReasons) {
    if (known.reason == reason) {
      return known.name;
    }
  }
  return absl::StrCat("reason ", static_cast<int>(reason));
}

std::string ReasonNames() {
  std::vector<absl::string_view> names;
  for (const ReasonName& known : kReasons) {
    if (known.reason != certificate::v1::REVOCATION_REASON_CERTIFICATE_HOLD) {
      names.push_back(known.name);
    }
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace birthmark::cli
