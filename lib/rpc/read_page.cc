#include "lib/rpc/read_page.h"

#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"

namespace birthmark::rpc {

std::string EncodeCursor(const Cursor& cursor) {
  std::string text = absl::StrCat(absl::ToUnixMicros(cursor.time));
  for (const std::string& key : cursor.keys) {
    absl::StrAppend(&text, "\n", key);
  }
  return text;
}

absl::StatusOr<Cursor> DecodeCursor(absl::string_view text, size_t key_count) {
  std::vector<std::string> parts = absl::StrSplit(text, '\n');
  int64_t micros = 0;
  if (parts.size() != key_count + 1 || !absl::SimpleAtoi(parts[0], &micros)) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     reasons::kPageTokenMismatch,
                     "page_token was made by another version of this server: "
                     "start the list again",
                     {{"field", "page_token"}});
  }
  Cursor cursor;
  cursor.time = absl::FromUnixMicros(micros);
  cursor.keys.assign(parts.begin() + 1, parts.end());
  return cursor;
}

}  // namespace birthmark::rpc
