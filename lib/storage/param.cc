#include "lib/storage/param.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "lib/base/json_string.h"
#include "nlohmann/json.hpp"

namespace birthmark::storage {
namespace {

absl::string_view View(const pqxx::field& field) {
  return absl::string_view(field.c_str(), field.size());
}

template <typename Integer>
Integer Checked(int64_t value) {
  if (value < std::numeric_limits<Integer>::min() ||
      value > std::numeric_limits<Integer>::max()) {
    throw std::invalid_argument("an integer out of range");
  }
  return static_cast<Integer>(value);
}

std::string JsonText(const std::map<std::string, std::string>& value) {
  std::string json;
  AppendJsonObject(value, json);
  return json;
}

// PostgreSQL's text ends at a zero octet; half a value must not be kept.
void CheckText(absl::string_view value) {
  if (absl::StrContains(value, '\0')) {
    throw std::invalid_argument("a zero octet in a text");
  }
}

}  // namespace

Param Text(absl::string_view value) {
  CheckText(value);
  return {Param::Format::kText, std::string(value)};
}

Param TextOrNull(absl::string_view value) {
  return value.empty() ? Param() : Text(value);
}

Param Bytes(absl::string_view value) {
  return {Param::Format::kBinary, std::string(value)};
}

Param BytesOrNull(absl::string_view value) {
  return value.empty() ? Param() : Bytes(value);
}

Param Int(int64_t value) { return Text(absl::StrCat(value)); }

Param At(absl::Time value) {
  return Text(
      absl::FormatTime("%E4Y-%m-%d %H:%M:%E6S+00", value, absl::UTCTimeZone()));
}

Param AtOrNull(const std::optional<absl::Time>& value) {
  return value.has_value() ? At(*value) : Param();
}

Param Json(const std::map<std::string, std::string>& value) {
  return Text(JsonText(value));
}

Param BeforeAllTime() { return Text("-infinity"); }

Param BinaryArray(int32_t oid, int64_t count, bool has_null,
                  absl::string_view elements) {
  // src/backend/utils/adt/arrayfuncs.c, array_recv: number of dimensions,
  // whether there are NULLs, type; then for each dimension its size and lower
  // bound.
  std::string array;
  array.reserve(20 + elements.size());
  AppendBigEndian(int32_t{count == 0 ? 0 : 1}, array);
  AppendBigEndian(int32_t{has_null ? 1 : 0}, array);
  AppendBigEndian(oid, array);
  if (count != 0) {
    AppendBigEndian(Checked<int32_t>(count), array);
    AppendBigEndian(int32_t{1}, array);
    array.append(elements.data(), elements.size());
  }
  return {Param::Format::kBinary, std::move(array)};
}

namespace sql {

void Bytea::Append(Value value, std::string& bytes) {
  bytes.append(value.data(), value.size());
}

void Text::Append(Value value, std::string& bytes) {
  CheckText(value);
  bytes.append(value.data(), value.size());
}

void Uuid::Append(Value value, std::string& bytes) {
  const std::string digits = absl::StrReplaceAll(value, {{"-", ""}});
  if (digits.size() != 32 || !absl::c_all_of(digits, [](unsigned char c) {
        return absl::ascii_isxdigit(c);
      })) {
    throw std::invalid_argument("not a UUID");
  }
  bytes += absl::HexStringToBytes(digits);
}

void Smallint::Append(Value value, std::string& bytes) {
  AppendBigEndian(Checked<int16_t>(value), bytes);
}

void Integer::Append(Value value, std::string& bytes) {
  AppendBigEndian(Checked<int32_t>(value), bytes);
}

void Bigint::Append(Value value, std::string& bytes) {
  AppendBigEndian(value, bytes);
}

void Timestamptz::Append(Value value, std::string& bytes) {
  // Microseconds since 2000.
  constexpr int64_t kEpoch = 946684800 * int64_t{1000000};
  AppendBigEndian(absl::ToUnixMicros(value) - kEpoch, bytes);
}

void Jsonb::Append(const Value& value, std::string& bytes) {
  bytes += '\x01';  // the format's version
  AppendJsonObject(value, bytes);
}

}  // namespace sql

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
