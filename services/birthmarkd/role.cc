#include "services/birthmarkd/role.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/config/profile_loader.h"
#include "lib/config/validate.h"
#include "lib/rpc/caller.h"
#include "lib/rpc/grpc_channel.h"
#include "lib/rpc/local_channel.h"

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

absl::StatusOr<std::unique_ptr<rpc::Channel>> ChannelToCa(
    const Host& host, const config::v1::Endpoint* endpoint,
    options::v1::Role role, absl::string_view field) {
  if (endpoint == nullptr) {
    return std::make_unique<rpc::LocalChannel>(
        host.router, rpc::ServiceCaller(role, host.config.trust_domain()));
  }
  rpc::GrpcChannelOptions options;
  options.address = endpoint->address();
  options.server_name = endpoint->server_name();
  options.roots_file = host.config.trust().roots_file();
  options.identity = {host.config.identity().certificate_file(),
                      host.config.identity().private_key_file()};
  auto channel = rpc::GrpcChannel::New(options);
  if (!channel.ok()) {
    return InField(field, channel.status());
  }
  return std::unique_ptr<rpc::Channel>(*std::move(channel));
}

absl::StatusOr<std::vector<x509::Certificate>> LoadChain(
    const std::string& path) {
  auto pem = ReadFile(path);
  if (!pem.ok()) {
    return InField("certificate_file", pem.status());
  }
  auto chain = x509::Certificate::ParsePem(*pem);
  if (!chain.ok()) {
    return InField(absl::StrCat("certificate_file ", path), chain.status());
  }
  return chain;
}

absl::StatusOr<std::unique_ptr<storage::Database>> OpenDatabase(
    const config::v1::Database& section, absl::string_view field,
    bool at_once) {
  auto dsn = config::ReadSecretLine(section.dsn_file());
  if (!dsn.ok()) {
    return InField(absl::StrCat(field, ".dsn_file"), dsn.status());
  }
  storage::Database::Options options;
  options.dsn = *std::move(dsn);
  options.connections =
      section.connections() > 0 ? section.connections() : kDefaultConnections;
  options.connect_at_once = at_once;
  auto database = storage::Database::Open(std::move(options));
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
