// Params: values on their way to PostgreSQL and back. Byte strings and arrays
// go in its binary format, which neither side has to spell out and parse; all
// else goes, and everything comes back, as text. Only for lib/storage. Pure
// functions; those that make a text throw std::invalid_argument for what
// PostgreSQL cannot keep.

#ifndef BIRTHMARK_LIB_STORAGE_PARAM_H_
#define BIRTHMARK_LIB_STORAGE_PARAM_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/big_endian.h"
#include "pqxx/field"

namespace birthmark::storage {

// Param is a value for a statement; NULL if nothing else is said.
struct Param {
  enum class Format { kNull, kText, kBinary };
  Format format = Format::kNull;
  std::string value;
};

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

// BinaryArray is an array of `count` elements of the type with this number:
// `elements` has each after its length, four octets, which is -1 for a NULL.
Param BinaryArray(int32_t oid, int64_t count, bool has_null,
                  absl::string_view elements);

// ArrayOf collects the elements of one array parameter, whose declared type in
// the statement must be that of `Type`, one of the structs below.
template <typename Type>
class ArrayOf {
 public:
  using Value = typename Type::Value;

  ArrayOf() = default;
  template <typename Values>
  explicit ArrayOf(const Values& values) {
    for (const auto& value : values) {
      Add(value);
    }
  }

  ArrayOf& Add(const Value& value) {
    const size_t start = bytes_.size();
    bytes_.resize(start + kLengthSize);
    Type::Append(value, bytes_);
    WriteBigEndian(static_cast<int32_t>(bytes_.size() - start - kLengthSize),
                   &bytes_[start]);
    ++count_;
    return *this;
  }
  ArrayOf& AddNull() {
    AppendBigEndian(int32_t{-1}, bytes_);
    has_null_ = true;
    ++count_;
    return *this;
  }
  ArrayOf& AddUnlessEmpty(const Value& value) requires requires {
    value.empty();
  }
  { return value.empty() ? AddNull() : Add(value); }
  ArrayOf& AddIfAny(const std::optional<Value>& value) {
    return value.has_value() ? Add(*value) : AddNull();
  }
  // Take ends the array.
  Param Take() { return BinaryArray(Type::kOid, count_, has_null_, bytes_); }

 private:
  static constexpr size_t kLengthSize = 4;
  std::string bytes_;  // of the elements, each after its length
  int64_t count_ = 0;
  bool has_null_ = false;
};

namespace sql {

// Each is one of PostgreSQL's types: kName and kOid are its name and number,
// Append appends the binary format of a value.
struct Bytea {
  using Value = absl::string_view;
  static constexpr char kName[] = "bytea";
  static constexpr int32_t kOid = 17;
  static void Append(Value value, std::string& bytes);
};
struct Text {
  using Value = absl::string_view;
  static constexpr char kName[] = "text";
  static constexpr int32_t kOid = 25;
  static void Append(Value value, std::string& bytes);
};
struct Uuid {
  using Value = absl::string_view;  // as text, with or without hyphens
  static constexpr char kName[] = "uuid";
  static constexpr int32_t kOid = 2950;
  static void Append(Value value, std::string& bytes);
};
struct Smallint {
  using Value = int64_t;
  static constexpr char kName[] = "smallint";
  static constexpr int32_t kOid = 21;
  static void Append(Value value, std::string& bytes);
};
struct Integer {
  using Value = int64_t;
  static constexpr char kName[] = "integer";
  static constexpr int32_t kOid = 23;
  static void Append(Value value, std::string& bytes);
};
struct Bigint {
  using Value = int64_t;
  static constexpr char kName[] = "bigint";
  static constexpr int32_t kOid = 20;
  static void Append(Value value, std::string& bytes);
};
struct Timestamptz {
  using Value = absl::Time;
  static constexpr char kName[] = "timestamptz";
  static constexpr int32_t kOid = 1184;
  static void Append(Value value, std::string& bytes);
};
struct Jsonb {
  using Value = std::map<std::string, std::string>;
  static constexpr char kName[] = "jsonb";
  static constexpr int32_t kOid = 3802;
  static void Append(const Value& value, std::string& bytes);
};

}  // namespace sql

using BytesArray = ArrayOf<sql::Bytea>;
using TextArray = ArrayOf<sql::Text>;
using UuidArray = ArrayOf<sql::Uuid>;
using SmallintArray = ArrayOf<sql::Smallint>;
using IntegerArray = ArrayOf<sql::Integer>;
using BigintArray = ArrayOf<sql::Bigint>;
using TimeArray = ArrayOf<sql::Timestamptz>;
using JsonArray = ArrayOf<sql::Jsonb>;

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
