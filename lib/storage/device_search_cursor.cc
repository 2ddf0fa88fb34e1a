#include "lib/storage/device_search_cursor.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/storage/big_endian.h"

namespace birthmark::storage {
namespace {

constexpr char kVersion = '1';
constexpr size_t kUidSize = 36;
// Version, order, driver, ordinal, whether whole, time, uid.
constexpr size_t kFixed = 5 + sizeof(int64_t) + kUidSize;
constexpr size_t kMaxText = 1024;
constexpr absl::string_view kDrivers = "?=amlbsvfnpkcSPNC";

// Of whatever version: PostgreSQL would fail on anything else.
bool IsUuid(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !absl::ascii_isxdigit(text[i])) {
      return false;
    }
  }
  return text.size() == kUidSize;
}

}  // namespace

std::string EncodeCursor(DeviceOrder order, const DeviceSearchCursor& cursor) {
  std::string bytes = {kVersion,
                       static_cast<char>('0' + static_cast<int>(order)),
                       static_cast<char>(cursor.plan.driver),
                       static_cast<char>('0' + cursor.plan.ordinal),
                       cursor.plan.whole ? 'w'
                       : cursor.at_start ? 's'
                                         : '-'};
  AppendBigEndian(absl::ToUnixMicros(cursor.create_time), bytes);
  return absl::StrCat(bytes,
                      cursor.device_uid.empty() ? std::string(kUidSize, '0')
                                                : cursor.device_uid,
                      cursor.text);
}

absl::StatusOr<DeviceSearchCursor> DecodeCursor(DeviceOrder order,
                                                absl::string_view text) {
  const absl::Status bad = MakeError(
      absl::StatusCode::kInvalidArgument, reasons::kPageTokenMismatch,
      "the cursor belongs to another search", {{"field", "page_token"}});
  DeviceSearchCursor cursor;
  if (text.empty()) {
    return cursor;
  }
  if (text.size() < kFixed || text.size() > kFixed + kMaxText ||
      text[0] != kVersion || text[1] != '0' + static_cast<int>(order) ||
      kDrivers.find(text[2]) == absl::string_view::npos || text[3] < '0' ||
      text[3] > '0' + 63 ||
      (text[4] != 'w' && text[4] != 's' && text[4] != '-')) {
    return bad;
  }
  cursor.plan = {static_cast<SearchDriver>(text[2]),
                 static_cast<size_t>(text[3] - '0'), text[4] == 'w'};
  cursor.at_start = text[4] == 's';
  cursor.create_time =
      absl::FromUnixMicros(ReadBigEndian<int64_t>(text.data() + 5));
  cursor.device_uid = std::string(text.substr(5 + sizeof(int64_t), kUidSize));
  cursor.text = std::string(text.substr(kFixed));
  if (!cursor.at_start && !IsUuid(cursor.device_uid)) {
    return bad;
  }
  return cursor;
}

}  // namespace birthmark::storage
