// ReadPage is the frame of a List method: page size, token, one row too many to
// see whether there is another page.

#ifndef BIRTHMARK_LIB_RPC_READ_PAGE_H_
#define BIRTHMARK_LIB_RPC_READ_PAGE_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/rpc/page.h"

namespace birthmark::rpc {

// Cursor is a position in a list that is ordered by time, then by keys.
struct Cursor {
  absl::Time time;
  std::vector<std::string> keys;
};

// EncodeCursor and DecodeCursor turn a cursor into text and back. Keys hold no
// line feed. kInvalidArgument / PAGE_TOKEN_MISMATCH for text that EncodeCursor
// did not make of `key_count` keys.
std::string EncodeCursor(const Cursor& cursor);
absl::StatusOr<Cursor> DecodeCursor(absl::string_view text, size_t key_count);

// Page is a page of rows and the token of the next one, empty on the last.
template <typename Row>
struct Page {
  std::vector<Row> rows;
  std::string next_page_token;
};

// ReadPage reads the page that `request` asks for. `fetch(cursor, limit)`
// returns at most `limit` rows after `cursor`, which is "" at first;
// `cursor_of(row)` returns the cursor that leads to what follows `row`. Fails
// as PageSize, PageTokenCodec::Open and `fetch` do.
template <typename Row, typename Request, typename Fetch, typename CursorOf>
absl::StatusOr<Page<Row>> ReadPage(const PageTokenCodec& codec,
                                   const Request& request, const Fetch& fetch,
                                   const CursorOf& cursor_of) {
  absl::StatusOr<int> size = PageSize(request.page_size());
  if (!size.ok()) {
    return size.status();
  }
  absl::StatusOr<std::string> cursor = codec.Open(request);
  if (!cursor.ok()) {
    return cursor.status();
  }
  absl::StatusOr<std::vector<Row>> rows = fetch(*cursor, *size + 1);
  if (!rows.ok()) {
    return rows.status();
  }
  Page<Row> page;
  page.rows = *std::move(rows);
  if (page.rows.size() > static_cast<size_t>(*size)) {
    page.rows.resize(*size);
    page.next_page_token = codec.Seal(cursor_of(page.rows.back()), request);
  }
  return page;
}

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_READ_PAGE_H_
