#include "lib/storage/fake_enforcement_store.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"

namespace birthmark::storage {
namespace {

absl::Status Fail(absl::StatusCode code, absl::string_view reason,
                  absl::string_view point_id) {
  return MakeError(
      code, reason, "fake",
      {{"resource", absl::StrCat("enforcementPoints/", point_id)}});
}

}  // namespace

absl::StatusOr<KeyRow> FakeEnforcementStore::Create(
    const EnforcementPointRow& row, const KeyRow& key,
    const Mutation& mutation) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto known = transaction->keys.find(key.spki_sha256);
  if (transaction->points.count(row.point_id) != 0) {
    if (known == transaction->keys.end() || known->second.owner != key.owner ||
        known->second.usage != key.usage ||
        transaction->certificates.count(known->second.serial) != 0) {
      return Fail(absl::StatusCode::kAlreadyExists,
                  reasons::kEnforcementPointExists, row.point_id);
    }
    return known->second;
  }
  if (known != transaction->keys.end()) {
    return Fail(absl::StatusCode::kAlreadyExists, reasons::kKeyAlreadyEnrolled,
                row.point_id);
  }
  transaction->points[row.point_id] = {.point_id = row.point_id,
                                       .create_time = row.create_time};
  transaction->keys[key.spki_sha256] = key;
  BIRTHMARK_RETURN_IF_ERROR(FakeRecord(transaction.tables(), mutation));
  transaction.Commit();
  return key;
}

absl::StatusOr<EnforcementPointRow> FakeEnforcementStore::Get(
    absl::string_view point_id) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto point = transaction->points.find(std::string(point_id));
  if (point == transaction->points.end()) {
    return Fail(absl::StatusCode::kNotFound, reasons::kEnforcementPointNotFound,
                point_id);
  }
  return point->second;
}

absl::StatusOr<std::vector<EnforcementPointRow>> FakeEnforcementStore::List(
    absl::string_view after, int limit) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<EnforcementPointRow> rows;
  for (const auto& [id, row] : transaction->points) {
    if (id > after && static_cast<int>(rows.size()) < limit) {
      rows.push_back(row);
    }
  }
  return rows;
}

absl::StatusOr<EnforcementPointRow> FakeEnforcementStore::Report(
    absl::string_view point_id, int64_t revision, absl::Time next_update,
    absl::Time now) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto point = transaction->points.find(std::string(point_id));
  if (point == transaction->points.end()) {
    return Fail(absl::StatusCode::kNotFound, reasons::kEnforcementPointNotFound,
                point_id);
  }
  point->second.revision = revision;
  point->second.next_update = next_update;
  point->second.report_time = now;
  transaction.Commit();
  return point->second;
}

}  // namespace birthmark::storage
