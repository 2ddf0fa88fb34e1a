#include "services/registration/firmware_check.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/timestamp.h"

namespace birthmark::registration {
namespace {

constexpr size_t kMaxVersionLength = 64;
constexpr size_t kDigestSize = 32;

absl::StatusOr<storage::FirmwareRow> CheckReport(
    const v1::FirmwareReport& report, const std::string& path, absl::Time now) {
  BIRTHMARK_RETURN_IF_ERROR(
      rpc::CheckId(report.component(), path + ".component"));
  const std::string& version = report.version();
  if (version.empty() || version.size() > kMaxVersionLength ||
      !std::all_of(version.begin(), version.end(), absl::ascii_isprint)) {
    return rpc::InvalidField(path + ".version",
                             absl::StrCat("must have 1 to ", kMaxVersionLength,
                                          " printable ASCII characters"));
  }
  if (report.digest().size() != kDigestSize) {
    return rpc::InvalidField(
        path + ".digest",
        absl::StrCat("must be a SHA-256 of ", kDigestSize, " octets, has ",
                     report.digest().size()));
  }
  if (report.security_version() < 0) {
    return rpc::InvalidField(path + ".security_version",
                             "must not be negative");
  }
  storage::FirmwareRow row;
  row.component = report.component();
  row.firmware_version = version;
  row.digest = report.digest();
  row.security_version = report.security_version();
  if (report.has_boot_time()) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        const absl::Time boot_time,
        rpc::FromTimestamp(report.boot_time(), path + ".boot_time"));
    // Whole seconds, as everything in the database.
    row.boot_time = absl::FromUnixSeconds(absl::ToUnixSeconds(boot_time));
  }
  row.report_time = now;
  return row;
}

}  // namespace

absl::StatusOr<std::vector<storage::FirmwareRow>> CheckFirmwareReports(
    const v1::ReportFirmwareRequest& request, absl::Time now) {
  if (request.reports().empty() ||
      request.reports_size() > kMaxFirmwareReports) {
    return rpc::InvalidField(
        "reports", absl::StrCat("must have 1 to ", kMaxFirmwareReports,
                                " entries, has ", request.reports_size()));
  }
  std::vector<storage::FirmwareRow> rows;
  std::set<std::string> components;
  for (int i = 0; i < request.reports_size(); ++i) {
    const std::string path = absl::StrCat("reports[", i, "]");
    BIRTHMARK_ASSIGN_OR_RETURN(storage::FirmwareRow row,
                               CheckReport(request.reports(i), path, now));
    if (!components.insert(row.component).second) {
      return rpc::InvalidField(path + ".component",
                               "is there twice: send one report for each");
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace birthmark::registration
