#include "services/inventory/device_filter.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"

namespace birthmark::inventory {
namespace {

constexpr struct {
  absl::string_view name;
  storage::DeviceState state;
} kStates[] = {
    {"REGISTERED", storage::DeviceState::kRegistered},
    {"ACTIVE", storage::DeviceState::kActive},
    {"QUARANTINED", storage::DeviceState::kQuarantined},
    {"DECOMMISSIONING", storage::DeviceState::kDecommissioning},
    {"DECOMMISSIONED", storage::DeviceState::kDecommissioned},
};

bool IsWordChar(char c) {
  return absl::ascii_isalnum(c) ||
         absl::string_view("_-./:+").find(c) != absl::string_view::npos;
}

// Parser goes through the text once.
class Parser {
 public:
  Parser(absl::string_view text, absl::string_view fleet_id) : text_(text) {
    filter_.fleet_id = std::string(fleet_id);
  }

  absl::StatusOr<storage::DeviceFilter> Parse() {
    SkipSpace();
    while (at_ < text_.size()) {
      BIRTHMARK_RETURN_IF_ERROR(Term());
      SkipSpace();
      if (at_ == text_.size()) {
        break;
      }
      if (Word() != "AND") {
        return Invalid("only AND joins terms here");
      }
      SkipSpace();
      if (at_ == text_.size()) {
        return Invalid("a term must follow AND");
      }
    }
    return filter_;
  }

 private:
  absl::Status Invalid(absl::string_view why) const {
    const std::string position = absl::StrCat(start_ + 1);
    return MakeError(
        absl::StatusCode::kInvalidArgument, reasons::kFilterInvalid,
        absl::StrCat("filter, at character ", position, ": ", why,
                     "; a filter is `field = value`, joined by AND"),
        {{"field", "filter"}, {"position", position}});
  }

  void SkipSpace() {
    while (at_ < text_.size() && absl::ascii_isspace(text_[at_])) {
      ++at_;
    }
    start_ = at_;
  }

  std::string Word() {
    start_ = at_;
    while (at_ < text_.size() && IsWordChar(text_[at_])) {
      ++at_;
    }
    return std::string(text_.substr(start_, at_ - start_));
  }

  absl::StatusOr<std::string> Value() {
    if (at_ == text_.size() || text_[at_] != '"') {
      std::string word = Word();
      if (word.empty()) {
        return Invalid(
            "a value must follow, in quotation marks if it holds "
            "more than letters, digits and _-./:+");
      }
      return word;
    }
    std::string value;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return value;
      }
      if (text_[at_] == '\\') {
        ++at_;
        if (at_ == text_.size() || (text_[at_] != '"' && text_[at_] != '\\')) {
          return Invalid("a backslash escapes \" and \\ only");
        }
      }
      value.push_back(text_[at_]);
    }
    return Invalid("the quotation mark is never closed");
  }

  absl::Status Term() {
    const std::string field = Word();
    if (!fields_.insert(field).second) {
      return Invalid(absl::StrCat(field, " is there twice"));
    }
    const size_t field_start = start_;
    SkipSpace();
    if (at_ == text_.size() || text_[at_] != '=') {
      return Invalid("only = compares here");
    }
    ++at_;
    SkipSpace();
    BIRTHMARK_ASSIGN_OR_RETURN(std::string value, Value());
    if (value.empty()) {
      return Invalid("a value must not be empty");
    }
    if (field == "state") {
      return State(value);
    }
    if (field == "model") {
      filter_.model = std::move(value);
      return absl::OkStatus();
    }
    if (field == "serial_number") {
      filter_.serial_number = std::move(value);
      return absl::OkStatus();
    }
    if (field == "line") {
      return Line(value);
    }
    if (field == "batch") {
      return Batch(value);
    }
    start_ = field_start;
    return Invalid(
        "the fields are state, model, serial_number, line and batch");
  }

  absl::Status State(absl::string_view value) {
    absl::ConsumePrefix(&value, "DEVICE_STATE_");
    for (const auto& [name, state] : kStates) {
      if (name == value) {
        filter_.state = state;
        return absl::OkStatus();
      }
    }
    return Invalid("there is no such state");
  }

  absl::Status Fleet(const std::string& fleet_id) {
    if (!filter_.fleet_id.empty() && filter_.fleet_id != fleet_id) {
      return Invalid("the name is of another fleet");
    }
    filter_.fleet_id = fleet_id;
    return absl::OkStatus();
  }

  absl::Status LineId(const std::string& line_id) {
    if (!filter_.line_id.empty() && filter_.line_id != line_id) {
      return Invalid("line and batch are of different lines");
    }
    filter_.line_id = line_id;
    return absl::OkStatus();
  }

  absl::Status Line(const std::string& value) {
    if (value.find('/') == std::string::npos) {
      return LineId(value);
    }
    const auto ids = ParseName("fleets/{fleet}/lines/{line}", value, "filter");
    if (!ids.ok()) {
      return Invalid("a line is an id or fleets/{fleet}/lines/{line}");
    }
    BIRTHMARK_RETURN_IF_ERROR(Fleet((*ids)[0]));
    return LineId((*ids)[1]);
  }

  absl::Status Batch(const std::string& value) {
    if (value.find('/') == std::string::npos) {
      filter_.batch_id = value;
      return absl::OkStatus();
    }
    const auto ids = ParseName("fleets/{fleet}/lines/{line}/batches/{batch}",
                               value, "filter");
    if (!ids.ok()) {
      return Invalid(
          "a batch is an id or fleets/{fleet}/lines/{line}/batches/{batch}");
    }
    BIRTHMARK_RETURN_IF_ERROR(Fleet((*ids)[0]));
    BIRTHMARK_RETURN_IF_ERROR(LineId((*ids)[1]));
    filter_.batch_id = (*ids)[2];
    return absl::OkStatus();
  }

  const absl::string_view text_;
  size_t at_ = 0;
  size_t start_ = 0;  // of the token that an error is about
  std::set<std::string> fields_;
  storage::DeviceFilter filter_;
};

}  // namespace

absl::StatusOr<storage::DeviceFilter> ParseDeviceFilter(
    absl::string_view text, absl::string_view fleet_id) {
  if (text.size() > kMaxFilterLength) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     reasons::kFilterInvalid,
                     absl::StrCat("filter: must have at most ",
                                  kMaxFilterLength, " characters"),
                     {{"field", "filter"}, {"position", "1"}});
  }
  return Parser(text, fleet_id).Parse();
}

}  // namespace birthmark::inventory
