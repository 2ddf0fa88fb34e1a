#include "services/inventory/device_filter.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/x509/serial.h"

namespace birthmark::inventory {
namespace {

// What the database keeps of a time.
constexpr absl::Duration kTick = absl::Microseconds(1);

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

bool IsFieldChar(char c) {
  return absl::ascii_isalnum(c) ||
         absl::string_view("_-.").find(c) != absl::string_view::npos;
}

bool IsWordChar(char c) {
  return IsFieldChar(c) ||
         absl::string_view("/:+*").find(c) != absl::string_view::npos;
}

bool IsLabelKey(absl::string_view key) {
  return !key.empty() && key.size() <= 63 && absl::ascii_islower(key[0]) &&
         std::all_of(key.begin(), key.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) ||
                  c == '_' || c == '-';
         });
}

// Value is what stands behind an operator.
struct Value {
  std::string text;
  bool prefix = false;  // it ended in an asterisk, which is not in `text`
};

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
      if (Field() != "AND") {
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

  template <typename IsChar>
  absl::string_view Take(const IsChar& is_char) {
    start_ = at_;
    while (at_ < text_.size() && is_char(text_[at_])) {
      ++at_;
    }
    return text_.substr(start_, at_ - start_);
  }
  absl::string_view Field() { return Take(IsFieldChar); }

  // Takes the operator; empty if there is none.
  absl::string_view Operator() {
    SkipSpace();
    for (const absl::string_view op : {"<=", ">=", "<", ">", "=", ":"}) {
      if (absl::StartsWith(text_.substr(at_), op)) {
        at_ += op.size();
        return op;
      }
    }
    return "";
  }

  absl::StatusOr<Value> TakeValue() {
    Value value;
    if (at_ == text_.size() || text_[at_] != '"') {
      value.text = std::string(Take(IsWordChar));
      value.prefix = absl::EndsWith(value.text, "*");
    } else {
      BIRTHMARK_ASSIGN_OR_RETURN(value, Quoted());
    }
    if (value.text.empty()) {
      return Invalid(
          "a value must follow, in quotation marks if it holds more than "
          "letters, digits and _-./:+*");
    }
    if (value.text.size() > kMaxFilterValue) {
      return Invalid(absl::StrCat("a value must have at most ", kMaxFilterValue,
                                  " octets"));
    }
    if (value.prefix) {
      value.text.pop_back();
    }
    return value;
  }

  absl::StatusOr<Value> Quoted() {
    Value value;
    for (++at_; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (c == '"') {
        ++at_;
        return value;
      }
      value.prefix = c == '*';
      if (c == '\\') {
        ++at_;
        if (at_ == text_.size() ||
            (text_[at_] != '"' && text_[at_] != '\\' && text_[at_] != '*')) {
          return Invalid("a backslash escapes \" and \\ and * only");
        }
        c = text_[at_];
      }
      if (absl::ascii_iscntrl(c)) {
        return Invalid("a value must not hold control characters");
      }
      value.text.push_back(c);
    }
    return Invalid("the quotation mark is never closed");
  }

  absl::Status Term() {
    const absl::string_view field = Field();
    const size_t field_start = start_;
    const absl::string_view op = Operator();
    if (op.empty()) {
      return Invalid("a comparison must follow the field");
    }
    const bool is_time = field == "create_time" || field == "last_contact_time";
    if (op == ":") {
      if (!absl::StartsWith(field, "labels.") || at_ == text_.size() ||
          text_[at_] != '*') {
        return Invalid("a colon is for labels.{key}:* only");
      }
      ++at_;
    } else if (op != "=" && !is_time) {
      return Invalid("only = compares here");
    }
    std::optional<Value> value;
    if (op != ":") {
      SkipSpace();
      BIRTHMARK_ASSIGN_OR_RETURN(value, TakeValue());
    }
    const size_t value_start = start_;
    start_ = field_start;
    BIRTHMARK_RETURN_IF_ERROR(Once(field, op));
    if (absl::StartsWith(field, "labels.")) {
      return Label(field.substr(7), value, value_start);
    }
    if (absl::StartsWith(field, "firmware.")) {
      return Firmware(field.substr(9), *value, value_start);
    }
    if (is_time) {
      start_ = value_start;
      return Time(
          field == "create_time" ? filter_.created : filter_.last_contact, op,
          *value);
    }
    return Plain(field, *std::move(value), value_start);
  }

  // A field comes once; a time once for each end of its range.
  absl::Status Once(absl::string_view field, absl::string_view op) {
    bool fresh = true;
    if (op != ">" && op != ">=") {
      fresh = fields_.insert(absl::StrCat(field, " to")).second && fresh;
    }
    if (op != "<" && op != "<=") {
      fresh = fields_.insert(absl::StrCat(field, " from")).second && fresh;
    }
    return fresh ? absl::OkStatus()
                 : Invalid(absl::StrCat(field, " is there twice"));
  }

  absl::Status Plain(absl::string_view field, Value value, size_t at) {
    if (field == "serial_number") {
      start_ = at;
      return SerialNumber(std::move(value));
    }
    if (value.prefix) {
      value.text.push_back('*');  // an asterisk like any other character
    }
    if (field == "model") {
      filter_.model = std::move(value.text);
      return absl::OkStatus();
    }
    if (field == "hardware_revision") {
      filter_.hardware_revision = std::move(value.text);
      return absl::OkStatus();
    }
    absl::Status (Parser::*const read)(absl::string_view) =
        field == "state"         ? &Parser::State
        : field == "line"        ? &Parser::Line
        : field == "batch"       ? &Parser::Batch
        : field == "key"         ? &Parser::Key
        : field == "certificate" ? &Parser::Certificate
                                 : nullptr;
    if (read == nullptr) {
      return Invalid(
          "the fields are state, model, hardware_revision, line, batch, "
          "serial_number, firmware.{component}, labels.{key}, key, "
          "certificate, create_time and last_contact_time");
    }
    start_ = at;
    return (this->*read)(value.text);
  }

  absl::Status SerialNumber(Value value) {
    if (!value.prefix) {
      filter_.serial_number = std::move(value.text);
    } else if (value.text.empty()) {
      return Invalid("a prefix must not be empty");
    } else {
      filter_.serial_number_prefix = std::move(value.text);
    }
    return absl::OkStatus();
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

  absl::Status BirthFleet(const std::string& fleet_id) {
    if (!filter_.birth_fleet_id.empty() && filter_.birth_fleet_id != fleet_id) {
      return Invalid("line and batch are of different fleets");
    }
    filter_.birth_fleet_id = fleet_id;
    return absl::OkStatus();
  }

  absl::Status LineId(const std::string& line_id) {
    if (filter_.line_id.has_value() && filter_.line_id != line_id) {
      return Invalid("line and batch are of different lines");
    }
    filter_.line_id = line_id;
    return absl::OkStatus();
  }

  absl::Status Line(absl::string_view value) {
    if (IsResourceId(value)) {
      return LineId(std::string(value));
    }
    const auto ids = ParseName("fleets/{fleet}/lines/{line}", value, "filter");
    if (!ids.ok()) {
      return Invalid("a line is an id or fleets/{fleet}/lines/{line}");
    }
    BIRTHMARK_RETURN_IF_ERROR(BirthFleet((*ids)[0]));
    return LineId((*ids)[1]);
  }

  absl::Status Batch(absl::string_view value) {
    if (IsResourceId(value)) {
      filter_.batch_id = std::string(value);
      return absl::OkStatus();
    }
    const auto ids = ParseName("fleets/{fleet}/lines/{line}/batches/{batch}",
                               value, "filter");
    if (!ids.ok()) {
      return Invalid(
          "a batch is an id or fleets/{fleet}/lines/{line}/batches/{batch}");
    }
    BIRTHMARK_RETURN_IF_ERROR(BirthFleet((*ids)[0]));
    BIRTHMARK_RETURN_IF_ERROR(LineId((*ids)[1]));
    filter_.batch_id = (*ids)[2];
    return absl::OkStatus();
  }

  absl::Status Key(absl::string_view value) {
    if (!IsKeyId(value)) {
      return Invalid("a key is the lower-case hex SHA-256 of its SPKI");
    }
    filter_.spki_sha256 = *HexDecode(value);
    return absl::OkStatus();
  }

  absl::Status Certificate(absl::string_view value) {
    const auto serial = x509::SerialFromHex(value);
    if (!serial.ok()) {
      return Invalid("a certificate is its serial number in lower-case hex");
    }
    filter_.certificate_serial = *serial;
    return absl::OkStatus();
  }

  absl::Status Label(absl::string_view key, std::optional<Value> value,
                     size_t at) {
    if (!IsLabelKey(key)) {
      return Invalid("a label's key is [a-z][a-z0-9_-]{0,62}");
    }
    if (filter_.labels.size() == kMaxFilterMembers) {
      return Invalid(absl::StrCat("at most ", kMaxFilterMembers, " labels"));
    }
    start_ = at;
    storage::DeviceFilter::Label label = {.key = std::string(key)};
    if (value.has_value()) {
      label.value = absl::StrCat(value->text, value->prefix ? "*" : "");
    }
    filter_.labels.push_back(std::move(label));
    return absl::OkStatus();
  }

  absl::Status Firmware(absl::string_view component, const Value& value,
                        size_t at) {
    if (!IsResourceId(component)) {
      return Invalid("a component is [a-z0-9-]{1,63}");
    }
    if (filter_.firmware.size() == kMaxFilterMembers) {
      return Invalid(
          absl::StrCat("at most ", kMaxFilterMembers, " components"));
    }
    start_ = at;
    filter_.firmware.push_back(
        {std::string(component),
         absl::StrCat(value.text, value.prefix ? "*" : "")});
    return absl::OkStatus();
  }

  absl::Status Time(storage::TimeRange& range, absl::string_view op,
                    const Value& value) {
    absl::Time time;
    std::string ignored;
    if (value.prefix ||
        !absl::ParseTime(absl::RFC3339_full, value.text, &time, &ignored) ||
        time < absl::FromUnixSeconds(-62135596800) ||
        time > absl::FromUnixSeconds(253402300799)) {
      return Invalid("a time is like \"2026-01-31T00:00:00Z\"");
    }
    const absl::Time whole =
        absl::FromUnixMicros(absl::ToUnixMicros(time));  // rounded down
    const bool between = whole != time;
    if (op == "=") {
      range.from = between ? whole + kTick : whole;
      range.until = whole + kTick;
    } else if (op == ">" || op == ">=") {
      range.from = op == ">" || between ? whole + kTick : whole;
    } else {
      range.until = op == "<=" || between ? whole + kTick : whole;
    }
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
