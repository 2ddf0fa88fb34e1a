// Items of batches, as they are recorded. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_ITEM_SQL_H_
#define BIRTHMARK_LIB_STORAGE_ITEM_SQL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/storage/session.h"

namespace birthmark::storage {

// ItemRecord is a row of `batch_items`: admitted if `status` is OK.
struct ItemRecord {
  std::string item_id;
  std::string csr_sha256;
  std::string device_uid;
  std::string serial;
  absl::Status status;
  absl::Time time;
};

// RecordItems writes `records`, of distinct items, and returns how many of the
// admitted ones it wrote. With kInsertRest it writes over failures of earlier
// attempts, never over an admission; with kInsertNone it writes over nothing,
// and -1 says that there was something: the transaction must be rerun.
int64_t RecordItems(Session& session, int64_t batch_key,
                    std::vector<ItemRecord> records, IfTaken if_taken);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_ITEM_SQL_H_
