#include "services/cli/output.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "google/protobuf/util/json_util.h"
#include "services/cli/error_report.h"

namespace birthmark::cli {
namespace {

// Width counts characters: the octets that do not continue a UTF-8 sequence.
size_t Width(absl::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(),
      [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

Table& Table::AlignRight(size_t column) {
  right_.push_back(column);
  return *this;
}

void Table::Add(std::vector<std::string> row) {
  row.resize(heading_.size());
  for (std::string& cell : row) {
    cell = cell.empty() ? "-" : OneLine(cell);
  }
  rows_.push_back(std::move(row));
}

void Table::Print(std::ostream& out, absl::string_view indent) const {
  if (rows_.empty()) {
    return;
  }
  std::vector<size_t> widths;
  for (size_t column = 0; column < heading_.size(); ++column) {
    size_t width = Width(heading_[column]);
    for (const auto& row : rows_) {
      width = std::max(width, Width(row[column]));
    }
    widths.push_back(width);
  }
  const auto print_row = [&](const std::vector<std::string>& row) {
    std::string line(indent);
    for (size_t column = 0; column < row.size(); ++column) {
      const std::string padding(widths[column] - Width(row[column]), ' ');
      const bool right =
          std::find(right_.begin(), right_.end(), column) != right_.end();
      absl::StrAppend(&line, column == 0 ? "" : "  ", right ? padding : "",
                      row[column], right ? "" : padding);
    }
    absl::StripTrailingAsciiWhitespace(&line);
    out << line << '\n';
  };
  print_row(heading_);
  for (const auto& row : rows_) {
    print_row(row);
  }
}

void PrintFields(std::ostream& out,
                 const std::vector<std::pair<std::string, std::string>>& fields,
                 absl::string_view indent) {
  size_t width = 0;
  for (const auto& [name, value] : fields) {
    if (!value.empty()) {
      width = std::max(width, Width(name));
    }
  }
  for (const auto& [name, value] : fields) {
    if (!value.empty()) {
      out << std::string(indent) << name << ':'
          << std::string(width - Width(name) + 2, ' ') << OneLine(value)
          << '\n';
    }
  }
}

void PrintJson(std::ostream& out, const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options)
           .ok()) {
    text = "{}\n";
  }
  out << text;
}

absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  if (timestamp.seconds() == 0 && timestamp.nanos() == 0) {
    return absl::InfinitePast();
  }
  return absl::FromUnixSeconds(timestamp.seconds()) +
         absl::Nanoseconds(timestamp.nanos());
}

std::string TimeText(absl::Time time) {
  if (time == absl::InfinitePast()) {
    return "-";
  }
  const absl::TimeZone utc = absl::UTCTimeZone();
  if (time == absl::InfiniteFuture() || utc.At(time).cs.year() >= 9999) {
    return "never";
  }
  return absl::FormatTime("%Y-%m-%d %H:%M:%SZ", time, utc);
}

std::string TimeText(const google::protobuf::Timestamp& timestamp) {
  return TimeText(ToTime(timestamp));
}

std::string AgeText(absl::Time time, absl::Time now) {
  if (time == absl::InfinitePast()) {
    return "never";
  }
  const absl::Duration age = now - time;
  const int64_t seconds = std::abs(absl::ToInt64Seconds(age));
  std::string text;
  if (seconds < 120) {
    text = absl::StrCat(seconds, " s");
  } else if (seconds < 120 * 60) {
    text = absl::StrCat(seconds / 60, " min");
  } else if (seconds < 48 * 3600) {
    text = absl::StrCat(seconds / 3600, " h");
  } else {
    text = absl::StrCat(seconds / 86400, " d");
  }
  return age < absl::ZeroDuration() ? absl::StrCat("in ", text)
                                    : absl::StrCat(text, " ago");
}

std::string EnumText(absl::string_view value_name, absl::string_view prefix) {
  absl::ConsumePrefix(&value_name, prefix);
  return absl::AsciiStrToLower(value_name);
}

std::string LastSegment(absl::string_view name) {
  const size_t slash = name.rfind('/');
  return std::string(slash == absl::string_view::npos ? name
                                                      : name.substr(slash + 1));
}

std::string SizeText(int64_t bytes) {
  if (bytes < 1024) {
    return absl::StrCat(bytes, " B");
  }
  double size = static_cast<double>(bytes);
  absl::string_view unit;
  for (const absl::string_view next : {"KiB", "MiB", "GiB"}) {
    if (!unit.empty() && size < 1023.95) {
      break;
    }
    size /= 1024;
    unit = next;
  }
  return absl::StrFormat("%.1f %s", size, unit);
}

std::string CountText(int64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

}  // namespace birthmark::cli
