#include "services/birthmarkd/migrate.h"

#include "birthmark/config/v1/server_config.pb.h"
#include "lib/base/status_macros.h"
#include "lib/config/validate.h"
#include "lib/storage/migrator.h"
#include "lib/storage/pg_certificate_store.h"
#include "lib/storage/pg_crl_shard_store.h"
#include "services/birthmarkd/record_certificates.h"
#include "services/birthmarkd/role.h"

namespace birthmark::birthmarkd {

absl::Status Migrate(const std::string& config_path, Clock& clock,
                     std::ostream& out) {
  BIRTHMARK_ASSIGN_OR_RETURN(const config::v1::MigrateConfig config,
                             config::LoadMigrateConfig(config_path));
  BIRTHMARK_ASSIGN_OR_RETURN(auto database,
                             OpenDatabase(config.database(), "database"));
  const auto applied = storage::Migrate(*database, clock);
  if (!applied.ok()) {
    return InField("database", applied.status());
  }
  for (const std::string& name : *applied) {
    out << "applied " << name << "\n";
  }
  if (applied->empty()) {
    out << "the schema was up to date\n";
  }
  storage::PgCertificateStore certificates(*database);
  storage::PgCrlShardStore shards(*database);
  BIRTHMARK_ASSIGN_OR_RETURN(
      const int added, RecordCertificates(config, certificates, shards, clock));
  out << "recorded " << added << " certificates";
  if (added < config.certificates_size()) {
    out << ", " << config.certificates_size() - added << " were there";
  }
  out << "\n";
  return absl::OkStatus();
}

}  // namespace birthmark::birthmarkd
