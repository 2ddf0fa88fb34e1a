// The configuration files of a new deployment. Pure functions. All paths are
// relative to the folder `config` (or `operator`), see deployment.h.

#ifndef BIRTHMARK_SERVICES_CLI_DEPLOYMENT_CONFIG_H_
#define BIRTHMARK_SERVICES_CLI_DEPLOYMENT_CONFIG_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "birthmark/config/v1/client_config.pb.h"
#include "birthmark/config/v1/server_config.pb.h"
#include "services/cli/ceremony.h"

namespace birthmark::cli {

struct DeploymentOptions {
  std::string dir;  // absolute
  std::string trust_domain;
  // organizationName of the CAs and, if given, of all that carries one.
  std::string organization;
  std::string operator_name;
  std::string listen_host;
  // TCP: registration listens here, inventory, ca and status on the next three.
  int base_port = 0;
  // Where status answers over HTTP, also if the rest listens on sockets; 0 for
  // any free port.
  int http_port = 0;
  // Unix sockets in `dir`/run instead of TCP.
  bool sockets = false;
  // Clients talk to one process with all roles, not to one per role.
  bool one_process = false;
  Published published;
  std::string database_host;
  std::string database_name;
};

// The roles that have a database role, an identity and a configuration.
inline constexpr absl::string_view kRoles[] = {"ca", "registration",
                                               "inventory", "status"};
// How far above the base port the HTTP port is, unless it is chosen.
inline constexpr int kHttpPortOffset = 2000;
// The process that hosts them all.
inline constexpr absl::string_view kAllRoles = "birthmarkd";
// The issuers, and the profiles that they start with.
inline constexpr absl::string_view kIssuers[] = {"idevid", "ldevid",
                                                 "internal"};

// Address returns where a role, or kAllRoles, listens.
std::string Address(const DeploymentOptions& options, absl::string_view role);

// DnsName returns the DNS name in the certificate of `role`.
std::string DnsName(const DeploymentOptions& options, absl::string_view role);

// ServerConfigFor returns the configuration of the process that hosts `role`,
// or all of them for kAllRoles.
config::v1::ServerConfig ServerConfigFor(
    const DeploymentOptions& options, absl::string_view role,
    const std::vector<std::string>& profile_ids);

// MigrateConfigFor lists what was certified before there was a database.
config::v1::MigrateConfig MigrateConfigFor();

// OperatorConfig is the operator's client.textproto.
config::v1::ClientConfig OperatorConfig(const DeploymentOptions& options);

// Dsn returns the connection string of a database role: a service role, or
// "owner".
std::string Dsn(const DeploymentOptions& options, absl::string_view role);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DEPLOYMENT_CONFIG_H_
