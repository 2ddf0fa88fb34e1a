#include <memory>
#include <string>
#include <utility>

#include "lib/base/status_macros.h"
#include "lib/config/validate.h"
#include "lib/crypto/batch_verifier.h"
#include "lib/crypto/ids.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/page.h"
#include "lib/storage/change_listener.h"
#include "lib/storage/pg_batch_store.h"
#include "lib/storage/pg_crl_shard_store.h"
#include "lib/storage/pg_enforcement_store.h"
#include "lib/storage/pg_fleet_store.h"
#include "lib/storage/pg_line_store.h"
#include "lib/storage/pg_registration_store.h"
#include "lib/storage/pg_request_store.h"
#include "lib/storage/pg_revocation_job_store.h"
#include "lib/storage/pg_revocation_log.h"
#include "lib/storage/pg_revocation_store.h"
#include "lib/storage/pg_wipe_store.h"
#include "lib/storage/revocation_journal.h"
#include "lib/telemetry/log.h"
#include "services/birthmarkd/role.h"
#include "services/registration/services.h"

namespace birthmark::birthmarkd {
namespace {

class RegistrationRole : public Role {
 public:
  static absl::StatusOr<std::unique_ptr<Role>> New(
      const Host& host, storage::Database& database,
      std::unique_ptr<rpc::Channel> ca, const std::string& dsn,
      registration::Options options) {
    auto role = std::unique_ptr<RegistrationRole>(
        new RegistrationRole(host, database, std::move(ca), dsn));
    BIRTHMARK_RETURN_IF_ERROR(
        role->OpenJournal(host.config.registration().revocation_journal_dir()));
    auto services = registration::Services::New(
        {role->fleets_, role->lines_, role->batches_, role->registrations_,
         role->revocations_, role->requests_, role->revocation_jobs_,
         role->enforcement_, role->crl_shards_, role->revocation_log_,
         role->wipes_, role->journal_.get(),
         [dsn](storage::ChangeListener::Callbacks callbacks) {
           return storage::ChangeListener::Start(
               {.dsn = dsn, .channels = {storage::kRevocationsChannel}},
               std::move(callbacks));
         },
         *role->ca_, role->page_tokens_, role->key_challenges_, role->serials_,
         host.clock, host.metrics},
        std::move(options));
    if (!services.ok()) {
      return InField("registration", services.status());
    }
    role->services_ = *std::move(services);
    return std::unique_ptr<Role>(std::move(role));
  }

  void Register(rpc::Router& router) override { services_->Register(router); }

 private:
  RegistrationRole(const Host& host, storage::Database& database,
                   std::unique_ptr<rpc::Channel> ca, const std::string& dsn)
      : fleets_(database),
        lines_(database),
        batches_(database),
        registrations_(database),
        revocations_(database),
        requests_(database),
        revocation_jobs_(database),
        enforcement_(database),
        crl_shards_(database),
        revocation_log_(database),
        wipes_(database),
        ca_(std::move(ca)),
        page_tokens_(dsn),
        key_challenges_(dsn),
        serials_(host.clock) {}

  absl::Status OpenJournal(const std::string& folder) {
    if (folder.empty()) {
      return absl::OkStatus();
    }
    auto journal = storage::RevocationJournal::Open(folder);
    if (!journal.ok()) {
      return InField("registration.revocation_journal_dir", journal.status());
    }
    journal_ = *std::move(journal);
    return absl::OkStatus();
  }

  storage::PgFleetStore fleets_;
  storage::PgLineStore lines_;
  storage::PgBatchStore batches_;
  storage::PgRegistrationStore registrations_;
  storage::PgRevocationStore revocations_;
  storage::PgRequestStore requests_;
  storage::PgRevocationJobStore revocation_jobs_;
  storage::PgEnforcementStore enforcement_;
  storage::PgCrlShardStore crl_shards_;
  storage::PgRevocationLog revocation_log_;
  storage::PgWipeStore wipes_;
  std::unique_ptr<storage::RevocationJournal> journal_;
  const std::unique_ptr<rpc::Channel> ca_;
  const rpc::PageTokenCodec page_tokens_;
  const registration::KeyChallengeCodec key_challenges_;
  crypto::RandomSerialSource serials_;
  std::unique_ptr<registration::Services> services_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Role>> NewRegistrationRole(
    const Host& host, storage::Database& database) {
  const config::v1::RegistrationConfig& section = host.config.registration();
  BIRTHMARK_ASSIGN_OR_RETURN(
      auto ca, ChannelToCa(host, section.has_ca() ? &section.ca() : nullptr,
                           options::v1::ROLE_REGISTRATION, "registration.ca"));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::string dsn,
      config::ReadSecretLine(section.database().dsn_file()));
  registration::Options options;
  BIRTHMARK_ASSIGN_OR_RETURN(
      options.profiles,
      LoadProfilesOf(section.profile_files(), "registration.profile_files"));
  options.max_in_flight_items = section.max_in_flight_items();
  options.max_in_flight_total = section.max_in_flight_total();
  options.revocation_approval_threshold =
      section.revocation_approval_threshold();
  if (section.arithmetic() == config::v1::ARITHMETIC_BORINGSSL) {
    options.arithmetic = crypto::Arithmetic::kBoringSsl;
  }
  telemetry::Log(telemetry::Level::kInfo, "arithmetic",
                 {{"backend", crypto::ArithmeticName(options.arithmetic)}});
  return RegistrationRole::New(host, database, std::move(ca), dsn,
                               std::move(options));
}

}  // namespace birthmark::birthmarkd
