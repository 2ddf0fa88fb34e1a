// The stores on PostgreSQL, each under the role of the service that uses it:
// what a role may not do fails the contract tests.

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "lib/storage/database.h"
#include "lib/storage/pg_batch_store.h"
#include "lib/storage/pg_certificate_store.h"
#include "lib/storage/pg_crl_shard_store.h"
#include "lib/storage/pg_crl_store.h"
#include "lib/storage/pg_device_store.h"
#include "lib/storage/pg_enforcement_store.h"
#include "lib/storage/pg_fleet_store.h"
#include "lib/storage/pg_gate_store.h"
#include "lib/storage/pg_key_audit_store.h"
#include "lib/storage/pg_line_store.h"
#include "lib/storage/pg_registration_store.h"
#include "lib/storage/pg_request_store.h"
#include "lib/storage/pg_revocation_job_store.h"
#include "lib/storage/pg_revocation_log.h"
#include "lib/storage/pg_revocation_store.h"
#include "lib/storage/pg_status_store.h"
#include "lib/storage/store_fixture.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using tests::PostgresCluster;

// One database for all tests, emptied before each.
struct Connections {
  std::unique_ptr<Database> OpenAs(absl::string_view role) const {
    auto database =
        Database::Open(PostgresCluster::Shared().Dsn(name, role), 4);
    if (!database.ok()) {
      std::cerr << database.status() << std::endl;
      abort();
    }
    return *std::move(database);
  }

  const std::string name = PostgresCluster::Shared().CreateDatabase();
  const std::unique_ptr<Database> ca = OpenAs(PostgresCluster::kCa);
  const std::unique_ptr<Database> registration =
      OpenAs(PostgresCluster::kRegistration);
  const std::unique_ptr<Database> inventory =
      OpenAs(PostgresCluster::kInventory);
  const std::unique_ptr<Database> status = OpenAs(PostgresCluster::kStatus);
};

Connections& Shared() {
  static Connections connections;
  return connections;
}

class PgBackend : public Backend {
 public:
  PgBackend() { PostgresCluster::Shared().Empty(shared_.name); }

  FleetStore& fleets() override { return fleets_; }
  LineStore& lines() override { return lines_; }
  BatchStore& batches() override { return batches_; }
  DeviceStore& devices() override { return devices_; }
  RegistrationStore& registration() override { return registration_store_; }
  CertificateStore& certificates() override { return certificates_; }
  RevocationStore& revocations() override { return revocations_; }
  RevocationJobStore& jobs() override { return jobs_; }
  EnforcementStore& enforcement() override { return enforcement_; }
  RevocationLog& log() override { return log_; }
  CrlStore& crls() override { return crls_; }
  CrlShardStore& shards() override { return shards_; }
  StatusStore& status() override { return status_; }
  GateStore& gate() override { return gate_; }
  RequestStore& requests() override { return requests_; }
  KeyAuditStore& key_audits() override { return key_audits_; }
  std::vector<std::string> Audit(absl::string_view action) override {
    return absl::StrSplit(
        PostgresCluster::Shared().Sql(
            shared_.name, absl::StrCat("SELECT resource FROM audit_entries "
                                       "WHERE action = '",
                                       action, "' ORDER BY resource")),
        '\n', absl::SkipEmpty());
  }
  Database* AsRole(absl::string_view role) override {
    return role == PostgresCluster::kInventory      ? shared_.inventory.get()
           : role == PostgresCluster::kRegistration ? shared_.registration.get()
           : role == PostgresCluster::kStatus       ? shared_.status.get()
                                                    : shared_.ca.get();
  }
  std::string Sql(absl::string_view sql) override {
    return PostgresCluster::Shared().Sql(shared_.name, std::string(sql));
  }

 private:
  Connections& shared_ = Shared();
  PgFleetStore fleets_{*shared_.inventory};
  PgLineStore lines_{*shared_.registration};
  PgBatchStore batches_{*shared_.registration};
  PgDeviceStore devices_{*shared_.inventory};
  PgRegistrationStore registration_store_{*shared_.registration};
  PgCertificateStore certificates_{*shared_.ca};
  PgRevocationStore revocations_{*shared_.registration};
  PgRevocationJobStore jobs_{*shared_.registration};
  PgEnforcementStore enforcement_{*shared_.registration};
  PgRevocationLog log_{*shared_.registration};
  PgCrlStore crls_{*shared_.ca};
  PgCrlShardStore shards_{*shared_.ca};
  PgStatusStore status_{*shared_.status};
  PgGateStore gate_{*shared_.inventory};
  PgRequestStore requests_{*shared_.registration};
  PgKeyAuditStore key_audits_{*shared_.inventory};
};

std::unique_ptr<Backend> MakePgBackend() {
  return std::make_unique<PgBackend>();
}

}  // namespace

std::vector<BackendFactory> Backends() { return {{"Pg", &MakePgBackend}}; }

}  // namespace birthmark::storage
