// Role is one role that a process hosts, with everything it needs.

#ifndef BIRTHMARK_SERVICES_BIRTHMARKD_ROLE_H_
#define BIRTHMARK_SERVICES_BIRTHMARKD_ROLE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "birthmark/config/v1/server_config.pb.h"
#include "birthmark/options/v1/access.pb.h"
#include "google/protobuf/repeated_field.h"
#include "lib/base/clock.h"
#include "lib/policy/profile.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/router.h"
#include "lib/storage/database.h"
#include "lib/telemetry/metrics.h"
#include "lib/x509/certificate.h"

namespace birthmark::birthmarkd {

// A Role serves from Register until it is destroyed, which is after the server
// has shut down. Thread-safe.
class Role {
 public:
  virtual ~Role() = default;
  // Register makes the role's methods known to `router`.
  virtual void Register(rpc::Router& router) = 0;
  // Start begins what the role does of its own accord. By then all roles of the
  // process can be called.
  virtual absl::Status Start() { return absl::OkStatus(); }
  // http_address is where the role serves HTTP, "" if it does not.
  virtual std::string http_address() const { return ""; }
  // Ready says whether the role can do its work; the text says what is missing.
  virtual absl::Status Ready() const { return absl::OkStatus(); }
  // Shutdown ends what the role serves by itself, after at most `drain`.
  virtual void Shutdown(absl::Duration /*drain*/) {}
};

// Host is what roles share. All of it outlives them.
struct Host {
  const config::v1::ServerConfig& config;
  Clock& clock;
  telemetry::Registry& metrics;
  // For calls from role to role inside the process.
  const rpc::Router& router;
};

// Each builds one role, whose section `host.config` has, on its database, which
// must outlive it. Errors name the field of the configuration.
absl::StatusOr<std::unique_ptr<Role>> NewCaRole(const Host& host,
                                                storage::Database& database);
absl::StatusOr<std::unique_ptr<Role>> NewRegistrationRole(
    const Host& host, storage::Database& database);
absl::StatusOr<std::unique_ptr<Role>> NewInventoryRole(
    const Host& host, storage::Database& database);
absl::StatusOr<std::unique_ptr<Role>> NewStatusRole(
    const Host& host, storage::Database& database);

// ChannelToCa is the way to the CA for the service `role`: to `endpoint`, or
// inside the process if that is null. Errors name the field.
absl::StatusOr<std::unique_ptr<rpc::Channel>> ChannelToCa(
    const Host& host, const config::v1::Endpoint* endpoint,
    options::v1::Role role, absl::string_view field);

// LoadChain reads an issuer's certificate and those above it. Errors name the
// file.
absl::StatusOr<std::vector<x509::Certificate>> LoadChain(
    const std::string& path);

// LoadProfilesOf reads the profiles of a role's section. Errors name the field.
absl::StatusOr<std::vector<policy::Profile>> LoadProfilesOf(
    const google::protobuf::RepeatedPtrField<std::string>& files,
    absl::string_view field);

// OpenDatabase connects as `section` says; unless `at_once`, when it is needed.
// Errors name the field.
absl::StatusOr<std::unique_ptr<storage::Database>> OpenDatabase(
    const config::v1::Database& section, absl::string_view field,
    bool at_once = true);

// InField puts the name of a field in front of the text of an error.
absl::Status InField(absl::string_view field, const absl::Status& status);

}  // namespace birthmark::birthmarkd

#endif  // BIRTHMARK_SERVICES_BIRTHMARKD_ROLE_H_
