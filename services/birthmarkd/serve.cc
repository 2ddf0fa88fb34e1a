#include "services/birthmarkd/serve.h"

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "lib/base/status_macros.h"
#include "lib/config/validate.h"
#include "lib/http/telemetry_endpoint.h"
#include "lib/rpc/authenticator.h"
#include "lib/rpc/identity.h"
#include "lib/rpc/router.h"
#include "lib/rpc/server.h"
#include "lib/storage/database.h"
#include "lib/storage/migrator.h"
#include "lib/storage/pg_gate_store.h"
#include "lib/telemetry/log.h"
#include "lib/telemetry/metrics.h"
#include "lib/telemetry/rpc_metrics.h"
#include "services/birthmarkd/role.h"
#include "services/birthmarkd/status_gate.h"
#include "services/birthmarkd/stop_signal.h"

namespace birthmark::birthmarkd {
namespace {

constexpr absl::Duration kDefaultDrain = absl::Seconds(20);

using config::v1::ServerConfig;
using MakeRole = absl::StatusOr<std::unique_ptr<Role>> (*)(const Host&,
                                                           storage::Database&);

// Part is a role with its own database connections, since it has its own
// grants.
struct Part {
  const char* name;
  MakeRole make;
  std::unique_ptr<storage::Database> database;
};

// Roles ends them in the opposite order of their making: those that call before
// those that are called.
class Roles {
 public:
  Roles() = default;
  ~Roles() {
    while (!roles_.empty()) {
      roles_.pop_back();
    }
  }
  Roles(const Roles&) = delete;
  Roles& operator=(const Roles&) = delete;

  void Add(std::unique_ptr<Role> role) { roles_.push_back(std::move(role)); }

  absl::Status Start() {
    for (const auto& role : roles_) {
      BIRTHMARK_RETURN_IF_ERROR(role->Start());
    }
    return absl::OkStatus();
  }

  absl::Status Ready() const {
    for (const auto& role : roles_) {
      BIRTHMARK_RETURN_IF_ERROR(role->Ready());
    }
    return absl::OkStatus();
  }

  void Shutdown(absl::Duration drain) {
    for (const auto& role : roles_) {
      role->Shutdown(drain);
    }
  }

  std::string http_address() const {
    for (const auto& role : roles_) {
      if (std::string address = role->http_address(); !address.empty()) {
        return address;
      }
    }
    return "";
  }

 private:
  std::vector<std::unique_ptr<Role>> roles_;
};

absl::Status AddPart(const char* name, MakeRole make,
                     const config::v1::Database& section,
                     std::vector<Part>& parts) {
  const std::string field = absl::StrCat(name, ".database");
  BIRTHMARK_ASSIGN_OR_RETURN(auto database, OpenDatabase(section, field));
  BIRTHMARK_RETURN_IF_ERROR(InField(field, storage::CheckSchema(*database)));
  parts.push_back({name, make, std::move(database)});
  return absl::OkStatus();
}

// The role `status` starts without its database and waits for it: what
// verifiers ask must be answered, if only with "later".
absl::Status AddStatusPart(const config::v1::Database& section,
                           std::vector<Part>& parts) {
  constexpr char kField[] = "status.database";
  BIRTHMARK_ASSIGN_OR_RETURN(auto database,
                             OpenDatabase(section, kField, /*at_once=*/false));
  const absl::Status schema = storage::CheckSchema(*database);
  if (absl::IsUnavailable(schema)) {
    telemetry::Log(telemetry::Level::kWarning, "database_not_reached",
                   {{"role", "status"}, {"error", schema.message()}});
  } else {
    BIRTHMARK_RETURN_IF_ERROR(InField(kField, schema));
  }
  parts.push_back({"status", NewStatusRole, std::move(database)});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Part>> OpenParts(const ServerConfig& config) {
  std::vector<Part> parts;
  if (config.has_ca()) {
    BIRTHMARK_RETURN_IF_ERROR(
        AddPart("ca", NewCaRole, config.ca().database(), parts));
  }
  if (config.has_registration()) {
    BIRTHMARK_RETURN_IF_ERROR(AddPart("registration", NewRegistrationRole,
                                      config.registration().database(), parts));
  }
  if (config.has_inventory()) {
    BIRTHMARK_RETURN_IF_ERROR(AddPart("inventory", NewInventoryRole,
                                      config.inventory().database(), parts));
  }
  if (config.has_status()) {
    BIRTHMARK_RETURN_IF_ERROR(AddStatusPart(config.status().database(), parts));
  }
  return parts;
}

rpc::IdentityFiles IdentityOf(const ServerConfig& config) {
  return {config.identity().certificate_file(),
          config.identity().private_key_file()};
}

rpc::TrustFiles TrustOf(const ServerConfig& config) {
  return {config.trust().roots_file(), config.trust().internal_issuer_file(),
          config.trust().idevid_issuer_file(),
          config.trust().ldevid_issuer_file()};
}

rpc::ServerOptions ServerOptionsOf(const ServerConfig& config) {
  rpc::ServerOptions options;
  options.listen_addresses = {config.listen_address()};
  options.identity = IdentityOf(config);
  options.worker_threads = config.limits().worker_threads();
  options.queued_calls = config.limits().queued_calls();
  options.message_bytes = config.limits().message_bytes();
  return options;
}

absl::Duration DrainOf(const ServerConfig& config) {
  if (!config.limits().has_drain_timeout()) {
    return kDefaultDrain;
  }
  const auto& drain = config.limits().drain_timeout();
  return absl::Seconds(drain.seconds()) + absl::Nanoseconds(drain.nanos());
}

absl::StatusOr<std::unique_ptr<http::TelemetryEndpoint>> StartTelemetry(
    const ServerConfig& config, const telemetry::Registry& metrics,
    const Roles& roles, const std::atomic<bool>& serving) {
  if (config.telemetry_address().empty()) {
    return nullptr;
  }
  auto endpoint = http::TelemetryEndpoint::Start(
      config.telemetry_address(), metrics, [&roles, &serving] {
        return serving ? roles.Ready() : absl::UnavailableError("not serving");
      });
  if (!endpoint.ok()) {
    return InField("telemetry_address", endpoint.status());
  }
  return endpoint;
}

std::string NamesOf(const std::vector<Part>& parts) {
  return absl::StrJoin(parts, ",", [](std::string* out, const Part& part) {
    out->append(part.name);
  });
}

}  // namespace

absl::Status Serve(const std::string& config_path, Clock& clock) {
  BIRTHMARK_ASSIGN_OR_RETURN(const ServerConfig config,
                             config::LoadServerConfig(config_path));
  telemetry::Registry metrics;
  telemetry::RpcMetrics rpc_metrics(metrics);
  BIRTHMARK_ASSIGN_OR_RETURN(std::vector<Part> parts, OpenParts(config));

  // Any role's database knows what was issued and revoked.
  storage::PgGateStore gate(*parts.front().database);
  rpc::Router::Options router_options;
  router_options.status_gate = MakeStatusGate(gate);
  rpc::Router router(std::move(router_options), clock, rpc_metrics);
  const Host host{config, clock, metrics, router};
  Roles roles;
  for (const Part& part : parts) {
    BIRTHMARK_ASSIGN_OR_RETURN(auto role, part.make(host, *part.database));
    role->Register(router);
    roles.Add(std::move(role));
  }

  auto authenticator =
      rpc::Authenticator::New(config.trust_domain(), TrustOf(config), clock);
  if (!authenticator.ok()) {
    return InField("trust", authenticator.status());
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      auto server,
      rpc::Server::Start(ServerOptionsOf(config), router, **authenticator));
  BIRTHMARK_RETURN_IF_ERROR(roles.Start());
  std::atomic<bool> serving{true};
  BIRTHMARK_ASSIGN_OR_RETURN(auto telemetry_endpoint,
                             StartTelemetry(config, metrics, roles, serving));
  StopSignal stop;
  telemetry::Log(
      telemetry::Level::kInfo, "serving",
      {{"roles", NamesOf(parts)},
       {"address", absl::StrJoin(server->addresses(), ",")},
       {"http", roles.http_address()},
       {"telemetry",
        telemetry_endpoint == nullptr ? "" : telemetry_endpoint->address()}});

  stop.Wait();
  serving = false;
  telemetry::Log(telemetry::Level::kInfo, "stopping",
                 {{"drain", DrainOf(config)}});
  roles.Shutdown(DrainOf(config));
  server->Shutdown(DrainOf(config));
  telemetry::Log(telemetry::Level::kInfo, "stopped");
  return absl::OkStatus();
}

absl::Status CheckConfig(const std::string& config_path) {
  BIRTHMARK_ASSIGN_OR_RETURN(const ServerConfig config,
                             config::LoadServerConfig(config_path));
  BIRTHMARK_RETURN_IF_ERROR(
      InField("identity", rpc::CheckIdentity(IdentityOf(config))));
  BIRTHMARK_RETURN_IF_ERROR(
      LoadProfilesOf(config.ca().profile_files(), "ca.profile_files").status());
  BIRTHMARK_RETURN_IF_ERROR(
      LoadProfilesOf(config.registration().profile_files(),
                     "registration.profile_files")
          .status());
  return absl::OkStatus();
}

}  // namespace birthmark::birthmarkd
