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
#include "lib/storage/pg_crl_store.h"
#include "lib/storage/pg_device_store.h"
#include "lib/storage/pg_fleet_store.h"
#include "lib/storage/pg_gate_store.h"
#include "lib/storage/pg_line_store.h"
#include "lib/storage/pg_registration_store.h"
#include "lib/storage/pg_request_store.h"
#include "lib/storage/pg_revocation_store.h"
#include "lib/storage/store_fixture.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

using tests::PostgresCluster;

std::unique_ptr<Database> OpenAs(absl::string_view name,
                                 absl::string_view role) {
  auto database = Database::Open(PostgresCluster::Shared().Dsn(name, role), 4);
  if (!database.ok()) {
    std::cerr << database.status() << std::endl;
    abort();
  }
  return *std::move(database);
}

class PgBackend : public Backend {
 public:
  FleetStore& fleets() override { return fleets_; }
  LineStore& lines() override { return lines_; }
  BatchStore& batches() override { return batches_; }
  DeviceStore& devices() override { return devices_; }
  RegistrationStore& registration() override { return registration_store_; }
  CertificateStore& certificates() override { return certificates_; }
  RevocationStore& revocations() override { return revocations_; }
  CrlStore& crls() override { return crls_; }
  GateStore& gate() override { return gate_; }
  RequestStore& requests() override { return requests_; }
  std::vector<std::string> Audit(absl::string_view action) override {
    return absl::StrSplit(
        PostgresCluster::Shared().Sql(
            name_, absl::StrCat("SELECT resource FROM audit_entries "
                                "WHERE action = '",
                                action, "' ORDER BY resource")),
        '\n', absl::SkipEmpty());
  }

 private:
  const std::string name_ = PostgresCluster::Shared().CreateDatabase();
  const std::unique_ptr<Database> ca_ = OpenAs(name_, PostgresCluster::kCa);
  const std::unique_ptr<Database> registration_ =
      OpenAs(name_, PostgresCluster::kRegistration);
  const std::unique_ptr<Database> inventory_ =
      OpenAs(name_, PostgresCluster::kInventory);
  PgFleetStore fleets_{*inventory_};
  PgLineStore lines_{*registration_};
  PgBatchStore batches_{*registration_};
  PgDeviceStore devices_{*inventory_};
  PgRegistrationStore registration_store_{*registration_};
  PgCertificateStore certificates_{*ca_};
  PgRevocationStore revocations_{*registration_};
  PgCrlStore crls_{*ca_};
  PgGateStore gate_{*inventory_};
  PgRequestStore requests_{*registration_};
};

std::unique_ptr<Backend> MakePgBackend() {
  return std::make_unique<PgBackend>();
}

}  // namespace

std::vector<BackendFactory> Backends() { return {{"Pg", &MakePgBackend}}; }

}  // namespace birthmark::storage
