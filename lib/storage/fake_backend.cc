// The fakes, under the same contract as what they stand for.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/audit/entry.h"
#include "lib/storage/fake_batch_store.h"
#include "lib/storage/fake_certificate_store.h"
#include "lib/storage/fake_crl_shard_store.h"
#include "lib/storage/fake_crl_store.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/fake_device_store.h"
#include "lib/storage/fake_enforcement_store.h"
#include "lib/storage/fake_fleet_store.h"
#include "lib/storage/fake_gate_store.h"
#include "lib/storage/fake_key_audit_store.h"
#include "lib/storage/fake_line_store.h"
#include "lib/storage/fake_registration_store.h"
#include "lib/storage/fake_request_store.h"
#include "lib/storage/fake_revocation_job_store.h"
#include "lib/storage/fake_revocation_log.h"
#include "lib/storage/fake_revocation_store.h"
#include "lib/storage/fake_status_store.h"
#include "lib/storage/store_fixture.h"

namespace birthmark::storage {
namespace {

class FakeBackend : public Backend {
 public:
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
    std::vector<std::string> resources;
    for (const audit::Entry& entry : database_.audit()) {
      if (entry.action == action) {
        resources.push_back(entry.resource);
      }
    }
    std::sort(resources.begin(), resources.end());
    return resources;
  }

 private:
  FakeDatabase database_;
  FakeFleetStore fleets_{database_};
  FakeLineStore lines_{database_};
  FakeBatchStore batches_{database_};
  FakeDeviceStore devices_{database_};
  FakeRegistrationStore registration_store_{database_};
  FakeCertificateStore certificates_{database_};
  FakeRevocationStore revocations_{database_};
  FakeRevocationJobStore jobs_{database_};
  FakeEnforcementStore enforcement_{database_};
  FakeRevocationLog log_{database_};
  FakeCrlStore crls_{database_};
  FakeCrlShardStore shards_{database_};
  FakeStatusStore status_{database_};
  FakeGateStore gate_{database_};
  FakeRequestStore requests_{database_};
  FakeKeyAuditStore key_audits_{database_};
};

std::unique_ptr<Backend> MakeFakeBackend() {
  return std::make_unique<FakeBackend>();
}

}  // namespace

std::vector<BackendFactory> Backends() { return {{"Fake", &MakeFakeBackend}}; }

}  // namespace birthmark::storage
