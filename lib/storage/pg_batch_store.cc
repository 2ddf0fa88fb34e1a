#include "lib/storage/pg_batch_store.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/item_sql.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

#define BATCH_COLUMNS                                                     \
  "batch_key, fleet_id, line_id, batch_id, profile, state, create_time, " \
  "key_protection "

constexpr Statement kLineExists = {
    "batch_line_exists",
    "SELECT FROM lines WHERE fleet_id = $1 AND line_id = $2"};
constexpr Statement kInsert = {"batch_insert", R"(
    INSERT INTO batches
      (fleet_id, line_id, batch_id, profile, state, create_time, key_protection)
    VALUES ($1, $2, $3, $4, 1, $5, $6)
    ON CONFLICT DO NOTHING
    RETURNING )" BATCH_COLUMNS};
constexpr Statement kGet = {"batch_get", "SELECT " BATCH_COLUMNS R"(
    FROM batches WHERE fleet_id = $1 AND line_id = $2 AND batch_id = $3)"};
constexpr Statement kCount = {"batch_count", R"(
    SELECT count(c.serial), count(i.error_code)
    FROM batch_items i
    LEFT JOIN LATERAL (SELECT serial, certificate_der FROM certificates
                       WHERE serial = i.serial LIMIT 1) c ON true
    WHERE i.batch_key = $1)"};
constexpr Statement kList = {"batch_list", "SELECT " BATCH_COLUMNS R"(
    FROM batches
    WHERE fleet_id = $1 AND line_id = $2 AND batch_key > $3
    ORDER BY batch_key LIMIT $4)"};
constexpr Statement kClose = {"batch_close", R"(
    UPDATE batches SET state = 2
    WHERE fleet_id = $1 AND line_id = $2 AND batch_id = $3 AND state = 1
    RETURNING )" BATCH_COLUMNS};
constexpr Statement kResults = {"batch_results", R"(
    SELECT i.item_id, i.device_uid, i.error_code, i.error_reason, i.error_text,
           c.certificate_der
    FROM batch_items i
    LEFT JOIN LATERAL (SELECT serial, certificate_der FROM certificates
                       WHERE serial = i.serial LIMIT 1) c ON true
    WHERE i.batch_key = $1 AND i.item_id > $2
    ORDER BY i.item_id LIMIT $3)"};

BatchRow ReadBatch(const pqxx::row& row) {
  return {.batch_key = ReadInt(row[0]),
          .fleet_id = ReadText(row[1]),
          .line_id = ReadText(row[2]),
          .batch_id = ReadText(row[3]),
          .profile = ReadText(row[4]),
          .state = static_cast<BatchState>(ReadInt(row[5])),
          .create_time = ReadTime(row[6]),
          .key_protection = static_cast<KeyProtection>(ReadInt(row[7]))};
}

ItemResult ReadResult(const pqxx::row& row) {
  ItemResult item = {.item_id = ReadText(row[0]),
                     .device_uid = ReadText(row[1]),
                     .certificate_der = ReadBytes(row[5])};
  if (!row[2].is_null()) {
    item.status = MakeError(static_cast<absl::StatusCode>(ReadInt(row[2])),
                            ReadText(row[3]), ReadText(row[4]));
  } else if (item.certificate_der.empty()) {
    item.status =
        MakeError(absl::StatusCode::kUnavailable, reasons::kSignerOffline,
                  "admitted, but not signed yet: send it again");
  }
  return item;
}

std::string LineName(absl::string_view fleet_id, absl::string_view line_id) {
  return absl::StrCat("fleets/", fleet_id, "/lines/", line_id);
}

absl::Status NotFound(absl::string_view fleet_id, absl::string_view line_id,
                      absl::string_view batch_id) {
  return MakeError(absl::StatusCode::kNotFound, reasons::kBatchNotFound,
                   "there is no such batch",
                   {{"resource", absl::StrCat(LineName(fleet_id, line_id),
                                              "/batches/", batch_id)}});
}

}  // namespace

absl::StatusOr<BatchRow> PgBatchStore::Create(const BatchRow& row,
                                              const Mutation& mutation) {
  BatchRow batch;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact([&](Session& session)
                                                   -> absl::Status {
    if (session.Exec(kLineExists, Text(row.fleet_id), Text(row.line_id))
            .empty()) {
      return MakeError(absl::StatusCode::kNotFound, reasons::kLineNotFound,
                       "there is no such line",
                       {{"resource", LineName(row.fleet_id, row.line_id)}});
    }
    const auto inserted =
        session.Exec(kInsert, Text(row.fleet_id), Text(row.line_id),
                     Text(row.batch_id), Text(row.profile), At(row.create_time),
                     Int(static_cast<int>(row.key_protection)));
    if (!inserted.empty()) {
      batch = ReadBatch(inserted[0]);
      return RecordMutation(session, mutation);
    }
    const auto found = session.Exec(kGet, Text(row.fleet_id), Text(row.line_id),
                                    Text(row.batch_id));
    if (found.empty()) {
      return session.Rerun();
    }
    batch = ReadBatch(found[0]);
    if (batch.profile != row.profile ||
        (row.key_protection != KeyProtection::kNotSaid &&
         batch.key_protection != row.key_protection)) {
      return MakeError(
          absl::StatusCode::kAlreadyExists, reasons::kBatchExists,
          "there is a batch of this name with another profile or protection "
          "of keys",
          {{"resource", absl::StrCat(LineName(row.fleet_id, row.line_id),
                                     "/batches/", row.batch_id)}});
    }
    return absl::OkStatus();
  }));
  return batch;
}

absl::StatusOr<BatchRow> PgBatchStore::Get(absl::string_view fleet_id,
                                           absl::string_view line_id,
                                           absl::string_view batch_id) {
  BatchRow batch;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        const auto found =
            session.Exec(kGet, Text(fleet_id), Text(line_id), Text(batch_id));
        if (found.empty()) {
          return NotFound(fleet_id, line_id, batch_id);
        }
        batch = ReadBatch(found[0]);
        return absl::OkStatus();
      }));
  return batch;
}

absl::StatusOr<BatchCounts> PgBatchStore::Count(int64_t batch_key) {
  BatchCounts counts;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        const auto result = session.Exec(kCount, Int(batch_key));
        counts = {.issued = ReadInt(result[0][0]),
                  .failed = ReadInt(result[0][1])};
        return absl::OkStatus();
      }));
  return counts;
}

absl::StatusOr<std::vector<BatchRow>> PgBatchStore::List(
    absl::string_view fleet_id, absl::string_view line_id, int64_t after_key,
    int limit) {
  std::vector<BatchRow> batches;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        batches.clear();
        for (const auto& row :
             session.Exec(kList, Text(fleet_id), Text(line_id), Int(after_key),
                          Int(limit))) {
          batches.push_back(ReadBatch(row));
        }
        return absl::OkStatus();
      }));
  return batches;
}

absl::StatusOr<BatchRow> PgBatchStore::Close(absl::string_view fleet_id,
                                             absl::string_view line_id,
                                             absl::string_view batch_id,
                                             const Mutation& mutation) {
  BatchRow batch;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        const auto closed =
            session.Exec(kClose, Text(fleet_id), Text(line_id), Text(batch_id));
        if (!closed.empty()) {
          batch = ReadBatch(closed[0]);
          return RecordMutation(session, mutation);
        }
        const auto found =
            session.Exec(kGet, Text(fleet_id), Text(line_id), Text(batch_id));
        if (found.empty()) {
          return NotFound(fleet_id, line_id, batch_id);
        }
        batch = ReadBatch(found[0]);
        return absl::OkStatus();
      }));
  return batch;
}

absl::Status PgBatchStore::RecordFailures(
    int64_t batch_key, absl::Span<const ItemFailure> failures,
    absl::Time time) {
  // The last word on each item: one statement may not write a row twice.
  std::map<std::string, ItemRecord> records;
  for (const ItemFailure& failure : failures) {
    if (!failure.status.ok()) {
      records[failure.item_id] = {.item_id = failure.item_id,
                                  .csr_sha256 = failure.csr_sha256,
                                  .status = failure.status,
                                  .time = time};
    }
  }
  std::vector<ItemRecord> list;
  list.reserve(records.size());
  for (auto& [id, record] : records) {
    list.push_back(std::move(record));
  }
  return database_.Transact(
      [&](Session& session) -> absl::Status {
        RecordItems(session, batch_key, list, IfTaken::kInsertRest);
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun);
}

absl::StatusOr<std::vector<ItemResult>> PgBatchStore::ListResults(
    int64_t batch_key, absl::string_view after, int limit) {
  std::vector<ItemResult> items;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        items.clear();
        for (const auto& row :
             session.Exec(kResults, Int(batch_key), Text(after), Int(limit))) {
          items.push_back(ReadResult(row));
        }
        return absl::OkStatus();
      }));
  return items;
}

}  // namespace birthmark::storage
