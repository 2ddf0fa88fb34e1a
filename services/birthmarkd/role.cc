#include "services/birthmarkd/role.h"

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/config/validate.h"

namespace birthmark::birthmarkd {
namespace {

constexpr int kDefaultConnections = 8;

}  // namespace

absl::Status InField(absl::string_view field, const absl::Status& status) {
  if (status.ok()) {
    return status;
  }
  absl::Status named(status.code(),
                     absl::StrCat(field, ": ", status.message()));
  const auto info = GetErrorInfo(status);
  return info.has_value() ? WithErrorInfo(std::move(named), *info) : named;
}

absl::StatusOr<std::unique_ptr<storage::Database>> OpenDatabase(
    const config::v1::Database& section, absl::string_view field) {
  auto dsn = config::ReadSecretLine(section.dsn_file());
  if (!dsn.ok()) {
    return InField(absl::StrCat(field, ".dsn_file"), dsn.status());
  }
  auto database = storage::Database::Open(*dsn, section.connections() > 0
                                                    ? section.connections()
                                                    : kDefaultConnections);
  if (!database.ok()) {
    return InField(field, database.status());
  }
  return database;
}

}  // namespace birthmark::birthmarkd
