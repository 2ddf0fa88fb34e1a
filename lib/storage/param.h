// Params: values on their way to PostgreSQL and back, in its text format. Only
// for lib/storage. Pure functions.

#ifndef BIRTHMARK_LIB_STORAGE_PARAM_H_
#define BIRTHMARK_LIB_STORAGE_PARAM_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pqxx/field"

namespace birthmark::storage {

// Param is a value for a statement; no value is NULL.
using Param = std::optional<std::string>;

Param Text(absl::string_view value);
Param TextOrNull(absl::string_view value);  // empty: NULL
Param Bytes(absl::string_view value);       // bytea
Param BytesOrNull(absl::string_view value);
Param Int(int64_t value);
// At cuts to microseconds, which is what PostgreSQL keeps.
Param At(absl::Time value);
Param AtOrNull(const std::optional<absl::Time>& value);
Param Json(const std::map<std::string, std::string>& value);

// The smallest timestamp, to start a page from.
Param BeforeAllTime();

// Array collects the elements of one array parameter.
class Array {
 public:
  Array& Add(const Param& element);
  // Take ends the array.
  Param Take();

 private:
  std::string text_ = "{";
};

// TextArray is a whole array of texts.
template <typename Texts>
Param TextArray(const Texts& texts) {
  Array array;
  for (const auto& text : texts) {
    array.Add(Text(text));
  }
  return array.Take();
}

// BytesArray is a whole array of byte strings.
template <typename Values>
Param BytesArray(const Values& values) {
  Array array;
  for (const auto& value : values) {
    array.Add(Bytes(value));
  }
  return array.Take();
}

// Readers of a result's fields; NULL reads as empty, 0 or no value.
std::string ReadText(const pqxx::field& field);
std::string ReadBytes(const pqxx::field& field);
int64_t ReadInt(const pqxx::field& field);
bool ReadBool(const pqxx::field& field);
absl::Time ReadTime(const pqxx::field& field);
std::optional<absl::Time> ReadOptionalTime(const pqxx::field& field);
std::map<std::string, std::string> ReadJson(const pqxx::field& field);
std::vector<std::string> ReadJsonTexts(const pqxx::field& field);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PARAM_H_
