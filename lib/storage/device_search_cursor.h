// DeviceSearchCursor is how far a search has come, and by which index. Only for
// lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_SEARCH_CURSOR_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_SEARCH_CURSOR_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/device_search_sql.h"
#include "lib/storage/device_search_store.h"

namespace birthmark::storage {

// SearchPlan is how a search goes on: which index, of which label or component,
// walked along or read whole and sorted.
struct SearchPlan {
  SearchDriver driver = SearchDriver::kNone;
  size_t ordinal = 0;  // in DeviceFilter::labels or firmware
  bool whole = false;
};

struct DeviceSearchCursor {
  SearchPlan plan;
  bool at_start = true;  // nothing was returned yet
  // Of the last device, what its order needs.
  absl::Time create_time;
  std::string device_uid;
  std::string text;  // serial number; or contact day, empty if it never called
};

std::string EncodeCursor(DeviceOrder order, const DeviceSearchCursor& cursor);

// DecodeCursor reads what EncodeCursor wrote for the same order.
// kInvalidArgument / PAGE_TOKEN_MISMATCH for anything else.
absl::StatusOr<DeviceSearchCursor> DecodeCursor(DeviceOrder order,
                                                absl::string_view text);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_SEARCH_CURSOR_H_
