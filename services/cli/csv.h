// CSV as RFC 4180 defines it, strictly: fields with commas, quotes or line ends
// are quoted, quotes are doubled. Lines may end with CRLF or LF, and a byte
// order mark in front is skipped. Pure functions.

#ifndef BIRTHMARK_SERVICES_CLI_CSV_H_
#define BIRTHMARK_SERVICES_CLI_CSV_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark::cli {

struct CsvRow {
  int line = 0;  // where the row starts, from 1
  std::vector<std::string> fields;
};

// ParseCsv reads all rows; empty lines are skipped. Rows need not be equally
// long: that is for the caller to judge. kInvalidArgument / INPUT_MALFORMED,
// with the line, for a quote inside an unquoted field, anything between a
// closing quote and the next comma, a quote that is never closed, a NUL, or a
// bare CR.
absl::StatusOr<std::vector<CsvRow>> ParseCsv(absl::string_view text);

// CsvLine returns the fields as one line, quoted where necessary, with LF.
std::string CsvLine(const std::vector<std::string>& fields);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_CSV_H_
