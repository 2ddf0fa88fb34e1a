#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "lib/crypto/secret.h"
#include "lib/keys/kek.h"
#include "lib/keys/sealed_file.h"
#include "lib/storage/pg_certificate_store.h"
#include "lib/storage/pg_crl_shard_store.h"
#include "lib/storage/pg_crl_store.h"
#include "services/birthmarkd/role.h"
#include "services/ca/services.h"

namespace birthmark::birthmarkd {
namespace {

class CaRole : public Role {
 public:
  static absl::StatusOr<std::unique_ptr<Role>> New(const Host& host,
                                                   storage::Database& database,
                                                   ca::Options options) {
    auto role = std::unique_ptr<CaRole>(new CaRole(host, database));
    auto services =
        ca::Services::New({role->certificates_, role->crls_, role->shards_,
                           role->serials_, host.clock, host.metrics},
                          std::move(options));
    if (!services.ok()) {
      return InField("ca", services.status());
    }
    role->services_ = *std::move(services);
    return std::unique_ptr<Role>(std::move(role));
  }

  void Register(rpc::Router& router) override { services_->Register(router); }

 private:
  CaRole(const Host& host, storage::Database& database)
      : certificates_(database),
        crls_(database),
        shards_(database),
        serials_(host.clock) {}

  storage::PgCertificateStore certificates_;
  storage::PgCrlStore crls_;
  storage::PgCrlShardStore shards_;
  crypto::RandomSerialSource serials_;
  std::unique_ptr<ca::Services> services_;
};

absl::StatusOr<ca::IssuerKey> OpenIssuer(
    const config::v1::IssuerConfig& section, const crypto::SecretBytes& kek) {
  ca::IssuerKey issuer;
  issuer.id = section.id();
  auto signer =
      keys::FileSigner::Open(section.sealed_key_file(), section.id(), kek);
  if (!signer.ok()) {
    return InField("sealed_key_file", signer.status());
  }
  issuer.signer = *std::move(signer);
  BIRTHMARK_ASSIGN_OR_RETURN(issuer.chain,
                             LoadChain(section.certificate_file()));
  return issuer;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Role>> NewCaRole(const Host& host,
                                                storage::Database& database) {
  const config::v1::CaConfig& section = host.config.ca();
  auto kek = keys::LoadKek(section.kek_file());
  if (!kek.ok()) {
    return InField("ca.kek_file", kek.status());
  }
  ca::Options options;
  options.trust_domain = host.config.trust_domain();
  for (const config::v1::IssuerConfig& issuer : section.issuers()) {
    auto opened = OpenIssuer(issuer, *kek);
    if (!opened.ok()) {
      return InField(absl::StrCat("ca.issuers \"", issuer.id(), "\""),
                     opened.status());
    }
    options.issuers.push_back(*std::move(opened));
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      options.profiles,
      LoadProfilesOf(section.profile_files(), "ca.profile_files"));
  options.crl_lifetime = absl::Seconds(section.crl_lifetime().seconds()) +
                         absl::Nanoseconds(section.crl_lifetime().nanos());
  options.crl_base_url = section.crl_base_url();
  options.crl_shard_size = section.crl_shard_size();
  options.ocsp_url = section.ocsp_url();
  options.ca_issuers_base_url = section.ca_issuers_base_url();
  return CaRole::New(host, database, std::move(options));
}

}  // namespace birthmark::birthmarkd
