#include "lib/storage/param.h"

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace birthmark::storage {
namespace {

absl::string_view View(const pqxx::field& field) {
  return absl::string_view(field.c_str(), field.size());
}

}  // namespace

Param Text(absl::string_view value) { return std::string(value); }

Param TextOrNull(absl::string_view value) {
  return value.empty() ? Param() : Text(value);
}

Param Bytes(absl::string_view value) {
  return absl::StrCat("\\x", absl::BytesToHexString(value));
}

Param BytesOrNull(absl::string_view value) {
  return value.empty() ? Param() : Bytes(value);
}

Param Int(int64_t value) { return absl::StrCat(value); }

Param At(absl::Time value) {
  return absl::FormatTime("%E4Y-%m-%d %H:%M:%E6S+00", value,
                          absl::UTCTimeZone());
}

Param AtOrNull(const std::optional<absl::Time>& value) {
  return value.has_value() ? At(*value) : Param();
}

Param Json(const std::map<std::string, std::string>& value) {
  return nlohmann::json(value).dump(-1, ' ', false,
                                    nlohmann::json::error_handler_t::replace);
}

Param BeforeAllTime() { return "-infinity"; }

Array& Array::Add(const Param& element) {
  if (text_.size() > 1) {
    text_ += ',';
  }
  if (!element.has_value()) {
    text_ += "NULL";
    return *this;
  }
  text_ += '"';
  for (const char c : *element) {
    if (c == '"' || c == '\\') {
      text_ += '\\';
    }
    text_ += c;
  }
  text_ += '"';
  return *this;
}

Param Array::Take() {
  text_ += '}';
  return std::move(text_);
}

std::string ReadText(const pqxx::field& field) {
  return std::string(View(field));
}

std::string ReadBytes(const pqxx::field& field) {
  absl::string_view text = View(field);
  absl::ConsumePrefix(&text, "\\x");
  return absl::HexStringToBytes(text);
}

int64_t ReadInt(const pqxx::field& field) {
  int64_t value = 0;
  if (!field.is_null() && !absl::SimpleAtoi(View(field), &value)) {
    throw std::invalid_argument("not an integer");
  }
  return value;
}

bool ReadBool(const pqxx::field& field) { return View(field) == "t"; }

absl::Time ReadTime(const pqxx::field& field) {
  // The session's time zone is UTC and its style ISO: "+00" always ends it.
  absl::string_view text = View(field);
  absl::Time time;
  std::string error;
  if (!absl::ConsumeSuffix(&text, "+00") ||
      !absl::ParseTime("%E4Y-%m-%d %H:%M:%E*S", text, absl::UTCTimeZone(),
                       &time, &error)) {
    throw std::invalid_argument("not a time: " + error);
  }
  return time;
}

std::optional<absl::Time> ReadOptionalTime(const pqxx::field& field) {
  if (field.is_null()) {
    return std::nullopt;
  }
  return ReadTime(field);
}

std::map<std::string, std::string> ReadJson(const pqxx::field& field) {
  if (field.is_null()) {
    return {};
  }
  const auto json = nlohmann::json::parse(field.c_str());
  return json.get<std::map<std::string, std::string>>();
}

std::vector<std::string> ReadJsonTexts(const pqxx::field& field) {
  return nlohmann::json::parse(field.c_str()).get<std::vector<std::string>>();
}

}  // namespace birthmark::storage
