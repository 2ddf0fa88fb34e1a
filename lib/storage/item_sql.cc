#include "lib/storage/item_sql.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/storage/bulk.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr BulkColumn kColumns[] = {
    Column<sql::Bigint>("batch_key"),
    Column<sql::Text>("item_id"),
    Column<sql::Bytea>("csr_sha256"),
    Column<sql::Uuid>("device_uid"),
    Column<sql::Bytea>("serial"),
    Column<sql::Smallint>("error_code"),
    Column<sql::Text>("error_reason"),
    Column<sql::Text>("error_text"),
    Column<sql::Timestamptz>("create_time"),
};
constexpr BulkTable kItems = {"batch_items", kColumns};
constexpr char kOverFailures[] = R"(
    ON CONFLICT (batch_key, item_id) DO UPDATE
    SET csr_sha256 = excluded.csr_sha256, device_uid = excluded.device_uid,
        serial = excluded.serial, error_code = excluded.error_code,
        error_reason = excluded.error_reason,
        error_text = excluded.error_text, create_time = excluded.create_time
    WHERE batch_items.serial IS NULL
    RETURNING serial IS NOT NULL)";

}  // namespace

int64_t RecordItems(Session& session, int64_t batch_key,
                    std::vector<ItemRecord> records, IfTaken if_taken) {
  if (records.empty()) {
    return 0;
  }
  // In one order everywhere, so that transactions do not wait in a circle.
  std::sort(records.begin(), records.end(),
            [](const ItemRecord& a, const ItemRecord& b) {
              return a.item_id < b.item_id;
            });
  int64_t admitted = 0;
  BulkRows rows(kItems, records.size());
  for (const ItemRecord& record : records) {
    rows.Add<sql::Bigint>(batch_key)
        .Add<sql::Text>(record.item_id)
        .Add<sql::Bytea>(record.csr_sha256);
    if (record.status.ok()) {
      ++admitted;
      rows.Add<sql::Uuid>(record.device_uid)
          .Add<sql::Bytea>(record.serial)
          .AddNull()
          .AddNull()
          .AddNull();
    } else {
      rows.AddNull()
          .AddNull()
          .Add<sql::Smallint>(record.status.raw_code())
          .Add<sql::Text>(Reason(record.status))
          .Add<sql::Text>(absl::string_view(record.status.message()));
    }
    rows.Add<sql::Timestamptz>(record.time);
  }
  if (if_taken == IfTaken::kInsertNone) {
    return session.InsertBulk(rows, if_taken) == 0 ? -1 : admitted;
  }
  const auto result = session.ExecBulk(rows, "items_upsert", kOverFailures);
  return std::count_if(result.begin(), result.end(),
                       [](const auto& row) { return ReadBool(row[0]); });
}

}  // namespace birthmark::storage
