// Output: tables for people, JSON for machines, times and bytes as text. Pure
// functions but for the printing ones.

#ifndef BIRTHMARK_SERVICES_CLI_OUTPUT_H_
#define BIRTHMARK_SERVICES_CLI_OUTPUT_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "google/protobuf/timestamp.pb.h"

namespace birthmark::cli {

// Table is rows under a heading, in columns as wide as they must be.
class Table {
 public:
  explicit Table(std::vector<std::string> heading)
      : heading_(std::move(heading)) {}

  // AlignRight is for columns of numbers. Returns *this.
  Table& AlignRight(size_t column);

  // Add appends a row. Missing cells are empty; control characters in cells are
  // replaced, since they come from elsewhere.
  void Add(std::vector<std::string> row);

  size_t size() const { return rows_.size(); }

  // Print writes heading and rows, each line with `indent` in front. Nothing
  // at all if there are no rows.
  void Print(std::ostream& out, absl::string_view indent = "") const;

 private:
  std::vector<std::string> heading_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> right_;
};

// PrintFields writes "name:  value" lines with the values in one column.
// Fields without a value are left out.
void PrintFields(std::ostream& out,
                 const std::vector<std::pair<std::string, std::string>>& fields,
                 absl::string_view indent = "");

// PrintJson writes `message` in protobuf's JSON mapping with the names of the
// .proto files, and a newline.
void PrintJson(std::ostream& out, const google::protobuf::Message& message);

// ToTime returns InfinitePast for a timestamp that is all zero, i.e. unset.
absl::Time ToTime(const google::protobuf::Timestamp& timestamp);

// TimeText returns "2026-01-31 12:00:00Z", "never" for the end of the year
// 9999, "-" for InfinitePast.
std::string TimeText(absl::Time time);
std::string TimeText(const google::protobuf::Timestamp& timestamp);

// AgeText returns "12 s ago", "3 min ago", "5 h ago", "40 d ago" or, for the
// future, "in 5 h"; "never" for InfinitePast.
std::string AgeText(absl::Time time, absl::Time now);

// EnumText returns the name of a protobuf enum value without its prefix, in
// lower case: DEVICE_STATE_ACTIVE is "active".
std::string EnumText(absl::string_view value_name, absl::string_view prefix);

// LastSegment returns what follows the last slash of a resource name.
std::string LastSegment(absl::string_view name);

// SizeText returns "812 B", "4.2 KiB", "1.3 MiB", "2.0 GiB".
std::string SizeText(int64_t bytes);

// CountText returns "1 device", "2 devices".
std::string CountText(int64_t count, absl::string_view noun);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_OUTPUT_H_
