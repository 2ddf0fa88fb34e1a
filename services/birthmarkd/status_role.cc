#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/config/validate.h"
#include "lib/storage/change_listener.h"
#include "lib/storage/pg_revocation_log.h"
#include "lib/storage/pg_status_store.h"
#include "services/birthmarkd/role.h"
#include "services/status/services.h"

namespace birthmark::birthmarkd {
namespace {

class StatusRole : public Role {
 public:
  static absl::StatusOr<std::unique_ptr<Role>> New(
      const Host& host, storage::Database& database,
      std::unique_ptr<rpc::Channel> ca, const std::string& dsn,
      status::Options options) {
    auto role =
        std::unique_ptr<StatusRole>(new StatusRole(database, std::move(ca)));
    auto services = status::Services::New(
        {.statuses = role->statuses_,
         .revocations = role->revocations_,
         .listen =
             [dsn](storage::ChangeListener::Callbacks callbacks) {
               return storage::ChangeListener::Start(
                   {.dsn = dsn,
                    .channels = {storage::kRevocationsChannel,
                                 storage::kCrlsChannel},
                    .ownership = storage::kCrlPublisherLock},
                   std::move(callbacks));
             },
         .ca = *role->ca_,
         .clock = host.clock,
         .metrics = host.metrics},
        std::move(options));
    if (!services.ok()) {
      return InField("status", services.status());
    }
    role->services_ = *std::move(services);
    return std::unique_ptr<Role>(std::move(role));
  }

  // All of it is served over HTTP.
  void Register(rpc::Router& /*router*/) override {}

  absl::Status Start() override {
    return InField("status.http_address", services_->Start());
  }
  std::string http_address() const override {
    return services_->http_address();
  }
  absl::Status Ready() const override { return services_->Ready(); }
  void Shutdown(absl::Duration drain) override { services_->Shutdown(drain); }

 private:
  StatusRole(storage::Database& database, std::unique_ptr<rpc::Channel> ca)
      : statuses_(database), revocations_(database), ca_(std::move(ca)) {}

  storage::PgStatusStore statuses_;
  storage::PgRevocationLog revocations_;
  const std::unique_ptr<rpc::Channel> ca_;
  std::unique_ptr<status::Services> services_;
};

absl::Duration DurationOf(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Role>> NewStatusRole(
    const Host& host, storage::Database& database) {
  const config::v1::StatusConfig& section = host.config.status();
  BIRTHMARK_ASSIGN_OR_RETURN(
      auto ca, ChannelToCa(host, section.has_ca() ? &section.ca() : nullptr,
                           options::v1::ROLE_STATUS, "status.ca"));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::string dsn,
      config::ReadSecretLine(section.database().dsn_file()));
  status::Options options;
  options.http_address = section.http_address();
  for (const config::v1::IssuerCertificate& issuer : section.issuers()) {
    auto chain = LoadChain(issuer.certificate_file());
    if (!chain.ok()) {
      return InField(absl::StrCat("status.issuers \"", issuer.id(), "\""),
                     chain.status());
    }
    options.issuers.push_back({issuer.id(), *std::move(chain)});
  }
  options.ocsp_lifetime = DurationOf(section.ocsp_lifetime());
  options.http_max_age = DurationOf(section.http_max_age());
  options.ocsp_cache_mib = section.ocsp_cache_mib();
  options.crl_cache_mib = section.crl_cache_mib();
  options.threads = section.threads();
  options.connections = section.connections();
  options.crl_interval = DurationOf(section.crl_interval());
  return StatusRole::New(host, database, std::move(ca), dsn,
                         std::move(options));
}

}  // namespace birthmark::birthmarkd
