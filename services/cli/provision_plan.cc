#include "services/cli/provision_plan.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "services/cli/csv.h"
#include "services/cli/error_report.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

constexpr absl::string_view kCsrSuffix = ".csr";
constexpr size_t kCsvLimit = size_t{256} << 20;
constexpr size_t kIdLimit = 128;

enum Column { kId, kModel, kSerialNumber, kHardwareRevision, kColumnCount };
constexpr absl::string_view kColumnNames[kColumnCount] = {
    "id", "model", "serial_number", "hardware_revision"};

bool IsItemId(absl::string_view id) {
  return !id.empty() && id.size() <= kIdLimit &&
         std::all_of(id.begin(), id.end(),
                     [](char c) { return absl::ascii_isgraph(c) && c != '/'; });
}

absl::Status Problem(absl::StatusCode code, absl::string_view reason,
                     absl::string_view text, const std::string& id) {
  return MakeError(code, reason, text, {{"field", "id"}, {"item", id}});
}

// Header says at which position each column stands; -1: it is not there.
struct Header {
  int position[kColumnCount] = {-1, -1, -1, -1};
  size_t width = 0;
};

absl::StatusOr<Header> ReadHeader(const CsvRow& row,
                                  std::vector<std::string>& warnings) {
  Header header;
  header.width = row.fields.size();
  for (size_t i = 0; i < row.fields.size(); ++i) {
    const auto* name = std::find(std::begin(kColumnNames),
                                 std::end(kColumnNames), row.fields[i]);
    if (name == std::end(kColumnNames)) {
      warnings.push_back(
          absl::StrCat("the CSV's column '", row.fields[i], "' is ignored"));
      continue;
    }
    int& position = header.position[name - std::begin(kColumnNames)];
    if (position >= 0) {
      return MakeError(absl::StatusCode::kInvalidArgument,
                       reasons::kInputMalformed,
                       absl::StrCat("the CSV has two columns '", *name, "'"));
    }
    position = static_cast<int>(i);
  }
  for (const Column column : {kId, kModel, kSerialNumber}) {
    if (header.position[column] < 0) {
      return MakeError(
          absl::StatusCode::kInvalidArgument, reasons::kInputMalformed,
          absl::StrCat("the CSV has no column '", kColumnNames[column],
                       "'; its first line must be "
                       "id,model,serial_number,hardware_revision"));
    }
  }
  return header;
}

// Absent columns and fields beyond the end of a short row are empty.
std::string Field(const CsvRow& row, const Header& header, Column column) {
  const int position = header.position[column];
  if (position < 0 || static_cast<size_t>(position) >= row.fields.size()) {
    return "";
  }
  return row.fields[static_cast<size_t>(position)];
}

PlannedItem ItemOf(const CsvRow& row, const Header& header) {
  PlannedItem item;
  item.id = Field(row, header, kId);
  item.model = Field(row, header, kModel);
  item.serial_number = Field(row, header, kSerialNumber);
  item.hardware_revision = Field(row, header, kHardwareRevision);
  if (row.fields.size() != header.width) {
    item.problem =
        Problem(absl::StatusCode::kInvalidArgument, reasons::kRowMalformed,
                absl::StrCat("line ", row.line, " of the CSV has ",
                             row.fields.size(), " fields, not ", header.width),
                item.id);
  } else if (!IsItemId(item.id)) {
    item.problem = Problem(
        absl::StatusCode::kInvalidArgument, ::birthmark::reasons::kInvalidField,
        absl::StrCat("line ", row.line,
                     " of the CSV: an id has 1 to 128 printable ASCII "
                     "characters without space or slash"),
        item.id);
  }
  return item;
}

void MarkDuplicates(std::vector<PlannedItem>& items) {
  std::unordered_map<std::string, size_t> first;
  std::vector<PlannedItem> unique;
  for (PlannedItem& item : items) {
    const auto [place, is_new] = first.emplace(item.id, unique.size());
    if (is_new) {
      unique.push_back(std::move(item));
      continue;
    }
    // Which of the rows is right is not for us to guess.
    PlannedItem& other = unique[place->second];
    other.problem =
        Problem(absl::StatusCode::kInvalidArgument, reasons::kDuplicateId,
                "the id stands in more than one row of the CSV", other.id);
  }
  items = std::move(unique);
}

}  // namespace

absl::StatusOr<ProvisionPlan> MakePlan(const std::vector<std::string>& csr_ids,
                                       absl::string_view csv) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<CsvRow> rows, ParseCsv(csv));
  if (rows.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     reasons::kInputMalformed, "the CSV is empty");
  }
  ProvisionPlan plan;
  BIRTHMARK_ASSIGN_OR_RETURN(const Header header,
                             ReadHeader(rows.front(), plan.warnings));
  for (size_t i = 1; i < rows.size(); ++i) {
    plan.items.push_back(ItemOf(rows[i], header));
  }
  MarkDuplicates(plan.items);

  const std::unordered_set<std::string> have_csr(csr_ids.begin(),
                                                 csr_ids.end());
  std::unordered_set<std::string> have_row;
  for (PlannedItem& item : plan.items) {
    have_row.insert(item.id);
    if (item.problem.ok() && have_csr.count(item.id) == 0) {
      item.problem =
          Problem(absl::StatusCode::kNotFound, reasons::kCsrMissing,
                  absl::StrCat("there is no ", item.id, kCsrSuffix), item.id);
    }
  }
  for (const std::string& id : csr_ids) {
    if (have_row.count(id) == 0) {
      PlannedItem item;
      item.id = id;
      item.problem = Problem(absl::StatusCode::kNotFound, reasons::kRowMissing,
                             "the CSV has no row with this id", id);
      plan.items.push_back(std::move(item));
    }
  }
  return plan;
}

absl::StatusOr<ProvisionPlan> ReadPlan(const std::string& csr_dir,
                                       const std::string& csv_path) {
  const absl::StatusOr<std::string> csv = ReadFile(csv_path, kCsvLimit);
  if (!csv.ok()) {
    return FileError(csv.status(), csv_path);
  }
  std::vector<std::string> ids;
  std::error_code error;
  std::filesystem::directory_iterator entry(csr_dir, error);
  for (; !error && entry != std::filesystem::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (absl::EndsWith(name, std::string(kCsrSuffix))) {
      ids.push_back(name.substr(0, name.size() - kCsrSuffix.size()));
    }
  }
  if (error) {
    return FileError(absl::ErrnoToStatus(error.value(),
                                         absl::StrCat("cannot list ", csr_dir)),
                     csr_dir);
  }
  std::sort(ids.begin(), ids.end());
  return MakePlan(ids, *csv);
}

}  // namespace birthmark::cli
