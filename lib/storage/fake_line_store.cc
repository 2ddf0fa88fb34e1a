#include "lib/storage/fake_line_store.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"

namespace birthmark::storage {
namespace {

absl::Status Fail(absl::StatusCode code, absl::string_view reason,
                  absl::string_view fleet_id, absl::string_view line_id) {
  return MakeError(
      code, reason, "fake",
      {{"resource", absl::StrCat("fleets/", fleet_id, "/lines/", line_id)}});
}

FakeDatabase::LineKey KeyOf(absl::string_view fleet_id,
                            absl::string_view line_id) {
  return {std::string(fleet_id), std::string(line_id)};
}

}  // namespace

absl::StatusOr<KeyRow> FakeLineStore::Create(const LineRow& row,
                                             const KeyRow& key,
                                             const Mutation& mutation) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  if (transaction->fleets.count(row.fleet_id) == 0) {
    return Fail(absl::StatusCode::kNotFound, reasons::kFleetNotFound,
                row.fleet_id, "");
  }
  const auto known = transaction->keys.find(key.spki_sha256);
  const auto line = transaction->lines.find(KeyOf(row.fleet_id, row.line_id));
  if (line != transaction->lines.end()) {
    if (known == transaction->keys.end() || known->second.owner != key.owner ||
        known->second.usage != key.usage ||
        transaction->certificates.count(known->second.serial) != 0 ||
        line->second.state != LineState::kActive ||
        line->second.models != row.models || line->second.quota != row.quota) {
      return Fail(absl::StatusCode::kAlreadyExists, reasons::kLineExists,
                  row.fleet_id, row.line_id);
    }
    return known->second;
  }
  if (known != transaction->keys.end()) {
    return Fail(absl::StatusCode::kAlreadyExists, reasons::kKeyAlreadyEnrolled,
                row.fleet_id, row.line_id);
  }
  LineRow fresh = row;
  fresh.issued = 0;
  fresh.version = 1;
  transaction->lines[KeyOf(row.fleet_id, row.line_id)] = fresh;
  transaction->keys[key.spki_sha256] = key;
  BIRTHMARK_RETURN_IF_ERROR(FakeRecord(transaction.tables(), mutation));
  transaction.Commit();
  return key;
}

absl::StatusOr<LineRow> FakeLineStore::Get(absl::string_view fleet_id,
                                           absl::string_view line_id) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto line = transaction->lines.find(KeyOf(fleet_id, line_id));
  if (line == transaction->lines.end()) {
    return Fail(absl::StatusCode::kNotFound, reasons::kLineNotFound, fleet_id,
                line_id);
  }
  return line->second;
}

absl::StatusOr<std::vector<LineRow>> FakeLineStore::List(
    absl::string_view fleet_id, const std::optional<LineCursor>& after,
    int limit) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<LineRow> rows;
  for (const auto& [key, row] : transaction->lines) {
    const bool later =
        !after.has_value() ||
        std::tie(row.create_time, row.fleet_id, row.line_id) >
            std::tie(after->create_time, after->fleet_id, after->line_id);
    if (later && (fleet_id.empty() || row.fleet_id == fleet_id)) {
      rows.push_back(row);
    }
  }
  std::sort(rows.begin(), rows.end(), [](const LineRow& a, const LineRow& b) {
    return std::tie(a.create_time, a.fleet_id, a.line_id) <
           std::tie(b.create_time, b.fleet_id, b.line_id);
  });
  rows.resize(std::min<size_t>(rows.size(), limit));
  return rows;
}

absl::StatusOr<LineRow> FakeLineStore::Disable(absl::string_view fleet_id,
                                               absl::string_view line_id,
                                               std::optional<int64_t> version,
                                               const Mutation& mutation) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto found = transaction->lines.find(KeyOf(fleet_id, line_id));
  if (found == transaction->lines.end()) {
    return Fail(absl::StatusCode::kNotFound, reasons::kLineNotFound, fleet_id,
                line_id);
  }
  LineRow& line = found->second;
  if (line.state == LineState::kDisabled) {
    return Fail(absl::StatusCode::kFailedPrecondition, reasons::kLineDisabled,
                fleet_id, line_id);
  }
  if (version.has_value() && *version != line.version) {
    return Fail(absl::StatusCode::kAborted, reasons::kEtagMismatch, fleet_id,
                line_id);
  }
  line.state = LineState::kDisabled;
  ++line.version;
  BIRTHMARK_RETURN_IF_ERROR(FakeRecord(transaction.tables(), mutation));
  transaction.Commit();
  return line;
}

}  // namespace birthmark::storage
