#include "services/cli/deployment_config.h"

#include "absl/strings/str_cat.h"

namespace birthmark::cli {
namespace {

// What /metrics listens on, relative to the role's own port.
constexpr int kTelemetryOffset = 1000;

int PortOffset(absl::string_view role) {
  if (role == "inventory") {
    return 1;
  }
  if (role == "status") {
    return 3;
  }
  return role == "ca" ? 2 : 0;
}

void FillDatabase(absl::string_view role, config::v1::Database& database) {
  database.set_dsn_file(absl::StrCat("../db/", role, ".dsn"));
}

void FillEndpoint(const DeploymentOptions& options, absl::string_view role,
                  config::v1::Endpoint& endpoint) {
  endpoint.set_address(
      Address(options, options.one_process ? kAllRoles : role));
  endpoint.set_server_name(DnsName(options, role));
}

void FillCa(const DeploymentOptions& options,
            const std::vector<std::string>& profile_ids,
            config::v1::CaConfig& ca) {
  FillDatabase("ca", *ca.mutable_database());
  ca.set_kek_file("../ca/kek");
  for (const absl::string_view id : kIssuers) {
    config::v1::IssuerConfig& issuer = *ca.add_issuers();
    issuer.set_id(std::string(id));
    issuer.set_sealed_key_file(absl::StrCat("../ca/", id, ".sealed"));
    issuer.set_certificate_file(absl::StrCat("../ca/", id, ".chain.pem"));
  }
  for (const std::string& id : profile_ids) {
    ca.add_profile_files(absl::StrCat("../profiles/", id, ".textproto"));
  }
  ca.set_crl_base_url(options.published.crl_base_url);
  ca.set_ocsp_url(options.published.ocsp_url);
  ca.set_ca_issuers_base_url(options.published.ca_issuers_base_url);
}

// Not FillEndpoint: whoever runs a role alone runs the CA alone too.
void FillCaEndpoint(const DeploymentOptions& options,
                    config::v1::Endpoint& endpoint) {
  endpoint.set_address(Address(options, "ca"));
  endpoint.set_server_name(DnsName(options, "ca"));
}

void FillRegistration(const DeploymentOptions& options, absl::string_view role,
                      const std::vector<std::string>& profile_ids,
                      config::v1::RegistrationConfig& registration) {
  FillDatabase("registration", *registration.mutable_database());
  if (role != kAllRoles) {
    FillCaEndpoint(options, *registration.mutable_ca());
  }
  registration.set_revocation_journal_dir(absl::StrCat("../journal/", role));
  for (const std::string& id : profile_ids) {
    registration.add_profile_files(
        absl::StrCat("../profiles/", id, ".textproto"));
  }
}

void FillInventory(const DeploymentOptions& options, absl::string_view role,
                   config::v1::InventoryConfig& inventory) {
  FillDatabase("inventory", *inventory.mutable_database());
  if (role != kAllRoles) {
    FillCaEndpoint(options, *inventory.mutable_ca());
  }
}

void FillStatus(const DeploymentOptions& options, absl::string_view role,
                config::v1::StatusConfig& status) {
  FillDatabase("status", *status.mutable_database());
  if (role != kAllRoles) {
    FillCaEndpoint(options, *status.mutable_ca());
  }
  status.set_http_address(
      absl::StrCat(options.listen_host, ":", options.http_port));
  for (const absl::string_view id : kIssuers) {
    config::v1::IssuerCertificate& issuer = *status.add_issuers();
    issuer.set_id(std::string(id));
    issuer.set_certificate_file(absl::StrCat("../trust/", id, ".chain.pem"));
  }
}

}  // namespace

std::string Address(const DeploymentOptions& options, absl::string_view role) {
  if (options.sockets) {
    return absl::StrCat("unix:", options.dir, "/run/", role, ".sock");
  }
  return absl::StrCat(options.listen_host, ":",
                      options.base_port + PortOffset(role));
}

std::string DnsName(const DeploymentOptions& options, absl::string_view role) {
  return absl::StrCat(role, ".", options.trust_domain);
}

config::v1::ServerConfig ServerConfigFor(
    const DeploymentOptions& options, absl::string_view role,
    const std::vector<std::string>& profile_ids) {
  const bool all = role == kAllRoles;
  config::v1::ServerConfig config;
  config.set_trust_domain(options.trust_domain);
  config.set_listen_address(Address(options, role));
  config.mutable_identity()->set_certificate_file(
      absl::StrCat("../tls/", role, ".pem"));
  config.mutable_identity()->set_private_key_file(
      absl::StrCat("../tls/", role, ".key"));
  config::v1::Trust& trust = *config.mutable_trust();
  trust.set_roots_file("../trust/root.pem");
  trust.set_internal_issuer_file("../trust/internal.pem");
  trust.set_idevid_issuer_file("../trust/idevid.pem");
  trust.set_ldevid_issuer_file("../trust/ldevid.pem");
  if (!options.sockets) {
    config.set_telemetry_address(
        absl::StrCat(options.listen_host, ":",
                     options.base_port + PortOffset(role) + kTelemetryOffset));
  }
  if (all || role == "ca") {
    FillCa(options, profile_ids, *config.mutable_ca());
  }
  if (all || role == "registration") {
    FillRegistration(options, role, profile_ids,
                     *config.mutable_registration());
  }
  if (all || role == "inventory") {
    FillInventory(options, role, *config.mutable_inventory());
  }
  if (all || role == "status") {
    FillStatus(options, role, *config.mutable_status());
  }
  return config;
}

config::v1::MigrateConfig MigrateConfigFor() {
  config::v1::MigrateConfig config;
  FillDatabase("owner", *config.mutable_database());
  const auto add = [&config](const std::string& file, absl::string_view issuer,
                             absl::string_view profile) {
    config::v1::RecordedCertificate& recorded = *config.add_certificates();
    recorded.set_certificate_file(file);
    recorded.set_issuer(std::string(issuer));
    recorded.set_profile(std::string(profile));
  };
  add("../trust/root.pem", "root", "root");
  for (const absl::string_view issuer : kIssuers) {
    add(absl::StrCat("../trust/", issuer, ".pem"), "root", "issuer");
  }
  for (const absl::string_view role : kRoles) {
    add(absl::StrCat("../tls/", role, ".pem"), "internal", "service");
  }
  add(absl::StrCat("../tls/", kAllRoles, ".pem"), "internal", "service");
  add("../operator/operator.pem", "internal", "operator");
  return config;
}

config::v1::ClientConfig OperatorConfig(const DeploymentOptions& options) {
  config::v1::ClientConfig config;
  config.set_roots_file("roots.pem");
  config.mutable_identity()->set_certificate_file("operator.pem");
  config.mutable_identity()->set_private_key_file("operator.key");
  FillEndpoint(options, "registration", *config.mutable_registration());
  FillEndpoint(options, "inventory", *config.mutable_inventory());
  return config;
}

std::string Dsn(const DeploymentOptions& options, absl::string_view role) {
  return absl::StrCat("host=", options.database_host,
                      " dbname=", options.database_name, " user=birthmark_",
                      role, "\n");
}

}  // namespace birthmark::cli
