#include "services/cli/csv.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

constexpr absl::string_view kByteOrderMark("\xef\xbb\xbf", 3);

class Reader {
 public:
  explicit Reader(absl::string_view text) : rest_(text) {
    absl::ConsumePrefix(&rest_, kByteOrderMark);
  }

  absl::StatusOr<std::vector<CsvRow>> ReadAll() {
    std::vector<CsvRow> rows;
    while (!rest_.empty()) {
      if (ConsumeLineEnd()) {
        continue;
      }
      BIRTHMARK_ASSIGN_OR_RETURN(CsvRow row, ReadRow());
      rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  absl::StatusOr<CsvRow> ReadRow() {
    CsvRow row;
    row.line = line_;
    do {
      BIRTHMARK_ASSIGN_OR_RETURN(
          std::string field,
          absl::StartsWith(rest_, "\"") ? ReadQuoted() : ReadPlain());
      row.fields.push_back(std::move(field));
    } while (absl::ConsumePrefix(&rest_, ","));
    if (!rest_.empty() && !ConsumeLineEnd()) {
      return Error("characters after a closing quote, or a bare CR");
    }
    return row;
  }

  absl::StatusOr<std::string> ReadPlain() {
    const size_t end = rest_.find_first_of(",\r\n");
    const absl::string_view field = rest_.substr(0, end);
    if (absl::StrContains(field, "\"")) {
      return Error("a quote inside a field that is not quoted");
    }
    if (field.find('\0') != absl::string_view::npos) {
      return Error("a NUL character");
    }
    rest_.remove_prefix(field.size());
    return std::string(field);
  }

  absl::StatusOr<std::string> ReadQuoted() {
    rest_.remove_prefix(1);
    std::string field;
    for (;;) {
      const size_t end = rest_.find('"');
      if (end == absl::string_view::npos) {
        return Error("a quote that is never closed");
      }
      const absl::string_view piece = rest_.substr(0, end);
      if (piece.find('\0') != absl::string_view::npos) {
        return Error("a NUL character");
      }
      for (const char c : piece) {
        line_ += c == '\n' ? 1 : 0;
      }
      absl::StrAppend(&field, piece);
      rest_.remove_prefix(end + 1);
      if (!absl::ConsumePrefix(&rest_, "\"")) {
        return field;
      }
      field.push_back('"');
    }
  }

  bool ConsumeLineEnd() {
    if (absl::ConsumePrefix(&rest_, "\r\n") ||
        absl::ConsumePrefix(&rest_, "\n")) {
      ++line_;
      return true;
    }
    return false;
  }

  absl::Status Error(absl::string_view what) const {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     reasons::kInputMalformed,
                     absl::StrCat("line ", line_, " of the CSV: ", what),
                     {{"line", absl::StrCat(line_)}});
  }

  absl::string_view rest_;
  int line_ = 1;
};

}  // namespace

absl::StatusOr<std::vector<CsvRow>> ParseCsv(absl::string_view text) {
  return Reader(text).ReadAll();
}

std::string CsvLine(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) {
    if (&field != &fields.front()) {
      line.push_back(',');
    }
    if (field.find_first_of(",\"\r\n") == std::string::npos) {
      line += field;
    } else {
      absl::StrAppend(&line, "\"", absl::StrReplaceAll(field, {{"\"", "\"\""}}),
                      "\"");
    }
  }
  line.push_back('\n');
  return line;
}

}  // namespace birthmark::cli
