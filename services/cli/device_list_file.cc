#include "services/cli/device_list_file.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/ids.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "services/cli/csv.h"
#include "services/cli/error_report.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

// An export of a million devices, with all its columns.
constexpr size_t kFileLimit = size_t{512} << 20;

absl::Status Malformed(int line, absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInputMalformed,
                   absl::StrCat("line ", line, ": ", text),
                   {{"line", absl::StrCat(line)}});
}

// Which column names the devices; `is_heading` tells whether `row` is one.
size_t ColumnOf(const CsvRow& row, bool& is_heading) {
  for (const absl::string_view heading : {"uid", "name", "device"}) {
    const auto found = std::find(row.fields.begin(), row.fields.end(), heading);
    if (found != row.fields.end()) {
      is_heading = true;
      return static_cast<size_t>(found - row.fields.begin());
    }
  }
  is_heading = false;
  return 0;
}

absl::StatusOr<std::string> UidIn(const CsvRow& row, size_t column,
                                  absl::string_view fleet) {
  if (column >= row.fields.size()) {
    return Malformed(row.line, "the row is too short");
  }
  const std::string text(absl::StripAsciiWhitespace(row.fields[column]));
  const std::string lower = absl::AsciiStrToLower(text);
  if (IsUid(lower)) {
    return lower;
  }
  const auto ids = ParseName("fleets/{fleet}/devices/{device}", text);
  if (!ids.ok() || !IsUid((*ids)[1])) {
    return Malformed(row.line,
                     absl::StrCat("'", OneLine(text.substr(0, 80)),
                                  "' is no uid and no name of a device"));
  }
  if (FormatName("fleets/{fleet}", {(*ids)[0]}) != fleet) {
    return Malformed(row.line, absl::StrCat("the device is of fleet ",
                                            (*ids)[0], ", not of ", fleet));
  }
  return (*ids)[1];
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseDeviceList(
    absl::string_view csv, absl::string_view fleet) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<CsvRow> rows, ParseCsv(csv));
  std::vector<std::string> uids;
  if (rows.empty()) {
    return uids;
  }
  bool is_heading = false;
  const size_t column = ColumnOf(rows.front(), is_heading);
  std::unordered_set<std::string> seen;
  for (size_t i = is_heading ? 1 : 0; i < rows.size(); ++i) {
    BIRTHMARK_ASSIGN_OR_RETURN(std::string uid, UidIn(rows[i], column, fleet));
    if (seen.insert(uid).second) {
      uids.push_back(std::move(uid));
    }
  }
  return uids;
}

absl::StatusOr<std::vector<std::string>> ReadDeviceList(
    const std::string& path, absl::string_view fleet) {
  const absl::StatusOr<std::string> csv = ReadFile(path, kFileLimit);
  if (!csv.ok()) {
    return FileError(csv.status(), path);
  }
  absl::StatusOr<std::vector<std::string>> uids = ParseDeviceList(*csv, fleet);
  if (!uids.ok()) {
    return MakeError(uids.status().code(), reasons::kInputMalformed,
                     absl::StrCat(path, ": ", uids.status().message()),
                     {{"path", path}});
  }
  return uids;
}

}  // namespace birthmark::cli
