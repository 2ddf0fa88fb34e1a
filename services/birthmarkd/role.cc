#include "services/birthmarkd/role.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/config/profile_loader.h"
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

absl::StatusOr<std::vector<policy::Profile>> LoadProfilesOf(
    const google::protobuf::RepeatedPtrField<std::string>& files,
    absl::string_view field) {
  auto profiles = config::LoadProfiles(
      std::vector<std::string>(files.begin(), files.end()));
  if (!profiles.ok()) {
    return InField(field, profiles.status());
  }
  return profiles;
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
    // The services' own roles in the database come with the first migration.
    const absl::string_view text = database.status().message();
    const bool missing = absl::StrContains(text, "role \"birthmark_") &&
                         absl::StrContains(text, "does not exist");
    return InField(missing
                       ? absl::StrCat(field, ": run `birthmarkd migrate` first")
                       : std::string(field),
                   database.status());
  }
  return database;
}

}  // namespace birthmark::birthmarkd
