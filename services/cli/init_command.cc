#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/ids.h"
#include "lib/base/status_macros.h"
#include "lib/x509/spiffe.h"
#include "nlohmann/json.hpp"
#include "services/cli/commands.h"
#include "services/cli/deployment.h"
#include "services/cli/error_report.h"

namespace birthmark::cli {
namespace {

// sun_path of a Unix socket, without the terminating zero (unix(7)).
constexpr size_t kSocketPathLimit = 107;
constexpr size_t kOrganizationLimit = 64;  // X.520 ub-organization-name
constexpr int64_t kHighestPort = 65535;
constexpr int64_t kHighestBasePort = kHighestPort - kHttpPortOffset;

absl::Status CheckUrl(absl::string_view flag, const std::string& url) {
  if (!url.empty() &&
      (!absl::StartsWith(url, "http://") || absl::EndsWith(url, "/"))) {
    return UsageError(absl::StrCat(
        flag, " must start with http:// and not end with a slash"));
  }
  return absl::OkStatus();
}

absl::Status Check(const DeploymentOptions& options) {
  const absl::Status domain = x509::ValidateTrustDomain(options.trust_domain);
  if (!domain.ok() || absl::StrContains(options.trust_domain, "_")) {
    return UsageError(
        absl::StrCat("--trust-domain must be a DNS name in lower case such as "
                     "birthmark.example, not '",
                     options.trust_domain, "'"));
  }
  if (options.organization.size() > kOrganizationLimit ||
      (options.organization.empty() &&
       options.trust_domain.size() > kOrganizationLimit)) {
    return UsageError("--organization must have 1 to 64 characters");
  }
  if (!IsResourceId(options.operator_name)) {
    return UsageError("--operator must match [a-z0-9-]{1,63}");
  }
  if (options.base_port < 1 || options.base_port > kHighestBasePort) {
    return UsageError(
        absl::StrCat("--base-port must be from 1 to ", kHighestBasePort));
  }
  if (options.http_port > kHighestPort) {
    return UsageError(
        absl::StrCat("--http-port must be from 0 to ", kHighestPort));
  }
  const std::string longest = Address(options, "registration");
  if (options.sockets &&
      longest.size() - absl::string_view("unix:").size() > kSocketPathLimit) {
    return UsageError(
        absl::StrCat(options.dir, " is too long for Unix sockets: ", longest,
                     " has over ", kSocketPathLimit, " characters"));
  }
  return CheckUrl("--crl-base-url", options.published.crl_base_url);
}

void PrintNextSteps(const DeploymentOptions& options, std::ostream& out) {
  const std::string& dir = options.dir;
  out << "Made the deployment " << options.trust_domain << " in " << dir
      << "\n\nNext:\n"
      << "  1. Move the root key to a vault, on two media, and delete it "
         "here:\n"
      << "       " << dir << "/offline\n"
      << "  2. Make the database and its owner, as a PostgreSQL superuser:\n"
      << "       createuser --createrole birthmark_owner\n"
      << "       createdb --owner birthmark_owner " << options.database_name
      << "\n"
      << "     and check the connection strings in " << dir << "/db\n"
      << "  3. Create the tables and record the certificates made here:\n"
      << "       birthmarkd migrate --config " << dir
      << "/config/migrate.textproto\n";
  if (options.one_process) {
    out << "  4. Start all roles in one process:\n"
        << "       birthmarkd serve --config " << dir
        << "/config/birthmarkd.textproto\n";
  } else {
    out << "  4. Start one process per role:\n";
    for (const absl::string_view role : kRoles) {
      out << "       birthmarkd serve --config " << dir << "/config/" << role
          << ".textproto\n";
    }
  }
  if (options.published.ocsp_url.empty()) {
    out << "     No certificate will say where its status is to be asked: "
           "--public-url was not given.\n";
  } else {
    out << "     Verifiers must reach port " << options.http_port << " as "
        << options.published.ocsp_url << "\n";
  }
  out << "  5. Work as the operator " << options.operator_name << ":\n"
      << "       export BIRTHMARK_IDENTITY=" << dir << "/operator\n"
      << "       birthmark fleet create FLEET\n"
      << "       birthmark line create FLEET/LINE --models MODEL --out line\n"
      << "\nBefore real devices are made, set the manufacturer and the type of "
         "hardware in\n"
      << dir << "/profiles/idevid.textproto.\n";
}

int PortOf(int64_t number) {
  return static_cast<int>(std::min(number, kHighestPort + 1));
}

// What the role status serves, as it is reached from outside.
Published PublishedBelow(const std::string& url) {
  if (url.empty()) {
    return {};
  }
  return {.crl_base_url = url + "/crl",
          .ocsp_url = url + "/ocsp",
          .ca_issuers_base_url = url + "/ca"};
}

absl::StatusOr<int> Init(const Arguments& args, Context& context) {
  DeploymentOptions options;
  std::error_code error;
  options.dir = std::filesystem::absolute(args.Text("DIR"), error)
                    .lexically_normal()
                    .string();
  if (options.dir.size() > 1 && options.dir.back() == '/') {
    options.dir.pop_back();
  }
  options.trust_domain = args.Text("--trust-domain");
  options.organization = args.Text("--organization");
  options.operator_name = args.Text("--operator");
  options.listen_host = args.Text("--listen-host");
  options.base_port = PortOf(args.Integer("--base-port"));
  options.http_port = args.Has("--http-port")
                          ? PortOf(args.Integer("--http-port"))
                          : options.base_port + kHttpPortOffset;
  options.sockets = args.Switch("--sockets");
  options.one_process = args.Switch("--one-process");
  const std::string public_url = args.Text("--public-url");
  BIRTHMARK_RETURN_IF_ERROR(CheckUrl("--public-url", public_url));
  options.published = PublishedBelow(public_url);
  if (args.Has("--crl-base-url")) {
    options.published.crl_base_url = args.Text("--crl-base-url");
  }
  options.database_host = args.Text("--database-host");
  options.database_name = args.Text("--database-name");
  BIRTHMARK_RETURN_IF_ERROR(Check(options));
  BIRTHMARK_RETURN_IF_ERROR(MakeDeployment(options, context.clock));
  if (context.json) {
    context.out << nlohmann::json{{"directory", options.dir},
                                  {"trust_domain", options.trust_domain},
                                  {"operator", options.operator_name},
                                  {"roots_file",
                                   options.dir + "/trust/root.pem"},
                                  {"identity", options.dir + "/operator"}}
                       .dump(2, ' ', false,
                             nlohmann::json::error_handler_t::replace)
                << '\n';
  } else {
    PrintNextSteps(options, context.out);
  }
  return kExitOk;
}

}  // namespace

std::vector<Command> InitCommands() {
  return {{
      .path = "init",
      .summary = "Makes a deployment: keys, certificates, configuration.",
      .details =
          "Makes a root key and certificate, issuers for birth certificates,\n"
          "operational certificates and internal identities, certificates for\n"
          "the services and a first operator, and configuration files. DIR "
          "must be\nempty or missing.",
      .examples =
          "birthmark init /srv/birthmark --trust-domain birthmark.example "
          "--organization Example",
      .params =
          {{.name = "DIR", .help = "the folder to make", .required = true},
           {.name = "--trust-domain",
            .value = "NAME",
            .help = "DNS name that all identities of the deployment share",
            .required = true},
           {.name = "--organization",
            .value = "NAME",
            .help = "organisation in certificates [default: the trust domain, "
                    "in those of CAs]"},
           {.name = "--operator",
            .value = "NAME",
            .help = "name of the first operator",
            .default_value = "admin"},
           {.name = "--listen-host",
            .value = "HOST",
            .help = "address that the services listen on",
            .default_value = "127.0.0.1"},
           {.name = "--base-port",
            .value = "N",
            .help = "port of registration; inventory, ca and status get the "
                    "next three",
            .kind = ParamKind::kInteger,
            .default_value = "8441"},
           {.name = "--http-port",
            .value = "N",
            .help = "port of OCSP and CRLs, 0 for a free one [default: 2000 "
                    "above the base port]",
            .kind = ParamKind::kInteger},
           {.name = "--sockets",
            .help = "listen on Unix sockets in DIR/run, not on TCP, but for "
                    "OCSP and CRLs",
            .kind = ParamKind::kSwitch},
           {.name = "--one-process",
            .help = "clients talk to one process that hosts all roles",
            .kind = ParamKind::kSwitch},
           {.name = "--public-url",
            .value = "URL",
            .help = "how verifiers reach the role status, e.g. "
                    "http://status.example; certificates point there for OCSP, "
                    "CRLs and issuers"},
           {.name = "--crl-base-url",
            .value = "URL",
            .help = "where CRLs are published, if elsewhere"},
           {.name = "--database-host",
            .value = "HOST",
            .help = "PostgreSQL's host, or the folder of its socket",
            .default_value = "/var/run/postgresql"},
           {.name = "--database-name",
            .value = "NAME",
            .help = "the database",
            .default_value = "birthmark"}},
      .run = Init,
  }};
}

}  // namespace birthmark::cli
