#include "lib/storage/fake_fleet_store.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"

namespace birthmark::storage {
namespace {

absl::Status Fail(absl::StatusCode code, absl::string_view reason,
                  absl::string_view fleet_id) {
  return MakeError(code, reason, "fake",
                   {{"resource", absl::StrCat("fleets/", fleet_id)}});
}

}  // namespace

absl::Status FakeFleetStore::Create(const FleetRow& row,
                                    const Mutation& mutation) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  FleetRow fresh = row;
  fresh.version = 1;
  if (!transaction->fleets.emplace(row.fleet_id, fresh).second) {
    return Fail(absl::StatusCode::kAlreadyExists, reasons::kFleetExists,
                row.fleet_id);
  }
  BIRTHMARK_RETURN_IF_ERROR(FakeRecord(transaction.tables(), mutation));
  transaction.Commit();
  return absl::OkStatus();
}

absl::StatusOr<FleetRow> FakeFleetStore::Get(absl::string_view fleet_id) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto found = transaction->fleets.find(std::string(fleet_id));
  if (found == transaction->fleets.end()) {
    return Fail(absl::StatusCode::kNotFound, reasons::kFleetNotFound, fleet_id);
  }
  return found->second;
}

absl::StatusOr<std::vector<FleetRow>> FakeFleetStore::List(
    const std::optional<FleetCursor>& after, int limit) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<FleetRow> rows;
  for (const auto& [id, row] : transaction->fleets) {
    if (!after.has_value() ||
        std::tie(row.create_time, row.fleet_id) >
            std::tie(after->create_time, after->fleet_id)) {
      rows.push_back(row);
    }
  }
  std::sort(rows.begin(), rows.end(), [](const FleetRow& a, const FleetRow& b) {
    return std::tie(a.create_time, a.fleet_id) <
           std::tie(b.create_time, b.fleet_id);
  });
  rows.resize(std::min<size_t>(rows.size(), limit));
  return rows;
}

absl::StatusOr<FleetRow> FakeFleetStore::Update(const FleetRow& row,
                                                const Mutation& mutation) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto found = transaction->fleets.find(row.fleet_id);
  if (found == transaction->fleets.end()) {
    return Fail(absl::StatusCode::kNotFound, reasons::kFleetNotFound,
                row.fleet_id);
  }
  FleetRow& stored = found->second;
  if (stored.version != row.version) {
    return Fail(absl::StatusCode::kAborted, reasons::kEtagMismatch,
                row.fleet_id);
  }
  stored.display_name = row.display_name;
  stored.idevid_profile = row.idevid_profile;
  stored.ldevid_profile = row.ldevid_profile;
  stored.update_time = row.update_time;
  ++stored.version;
  BIRTHMARK_RETURN_IF_ERROR(FakeRecord(transaction.tables(), mutation));
  transaction.Commit();
  return stored;
}

}  // namespace birthmark::storage
