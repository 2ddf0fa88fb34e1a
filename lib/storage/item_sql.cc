#include "lib/storage/item_sql.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr char kInsertSql[] = R"(
    INSERT INTO batch_items
      (batch_key, item_id, csr_sha256, device_uid, serial, error_code,
       error_reason, error_text, create_time)
    SELECT $1::bigint, u.*
    FROM unnest($2::text[], $3::bytea[], $4::uuid[], $5::bytea[],
                $6::smallint[], $7::text[], $8::text[], $9::timestamptz[]) u)";
constexpr Statement kInsert = {"items_insert", kInsertSql};
constexpr Statement kUpsert = {"items_upsert", kInsertSql, R"(
    ON CONFLICT (batch_key, item_id) DO UPDATE
    SET csr_sha256 = excluded.csr_sha256, device_uid = excluded.device_uid,
        serial = excluded.serial, error_code = excluded.error_code,
        error_reason = excluded.error_reason,
        error_text = excluded.error_text, create_time = excluded.create_time
    WHERE batch_items.serial IS NULL
    RETURNING serial IS NOT NULL)"};

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
  TextArray ids, reasons, texts;
  BytesArray csrs, serials;
  UuidArray devices;
  SmallintArray codes;
  TimeArray times;
  for (const ItemRecord& record : records) {
    const bool ok = record.status.ok();
    ids.Add(record.item_id);
    csrs.Add(record.csr_sha256);
    times.Add(record.time);
    if (ok) {
      ++admitted;
      devices.Add(record.device_uid);
      serials.Add(record.serial);
      codes.AddNull();
      reasons.AddNull();
      texts.AddNull();
    } else {
      devices.AddNull();
      serials.AddNull();
      codes.Add(record.status.raw_code());
      reasons.Add(Reason(record.status));
      texts.Add(absl::string_view(record.status.message()));
    }
  }
  if (if_taken == IfTaken::kInsertNone) {
    const int64_t written =
        session.Insert(kInsert, Int(batch_key), ids.Take(), csrs.Take(),
                       devices.Take(), serials.Take(), codes.Take(),
                       reasons.Take(), texts.Take(), times.Take());
    return written == 0 ? -1 : admitted;
  }
  const auto result = session.Exec(
      kUpsert, Int(batch_key), ids.Take(), csrs.Take(), devices.Take(),
      serials.Take(), codes.Take(), reasons.Take(), texts.Take(), times.Take());
  return std::count_if(result.begin(), result.end(),
                       [](const auto& row) { return ReadBool(row[0]); });
}

}  // namespace birthmark::storage
