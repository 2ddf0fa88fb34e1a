// What the contract tests of the stores stand on: the stores of one backend,
// and rows to put into them. Only for lib/storage's tests.

#ifndef BIRTHMARK_LIB_STORAGE_STORE_FIXTURE_H_
#define BIRTHMARK_LIB_STORAGE_STORE_FIXTURE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "lib/audit/entry.h"
#include "lib/storage/batch_store.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/crl_shard_store.h"
#include "lib/storage/crl_store.h"
#include "lib/storage/device_store.h"
#include "lib/storage/enforcement_store.h"
#include "lib/storage/fleet_store.h"
#include "lib/storage/gate_store.h"
#include "lib/storage/key_audit_store.h"
#include "lib/storage/line_store.h"
#include "lib/storage/registration_store.h"
#include "lib/storage/request_store.h"
#include "lib/storage/revocation_job_store.h"
#include "lib/storage/revocation_log.h"
#include "lib/storage/revocation_store.h"
#include "lib/storage/status_store.h"

namespace birthmark::storage {

class Database;

// Backend is one of each store, all on the same data.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual FleetStore& fleets() = 0;
  virtual LineStore& lines() = 0;
  virtual BatchStore& batches() = 0;
  virtual DeviceStore& devices() = 0;
  virtual RegistrationStore& registration() = 0;
  virtual CertificateStore& certificates() = 0;
  virtual RevocationStore& revocations() = 0;
  virtual RevocationJobStore& jobs() = 0;
  virtual EnforcementStore& enforcement() = 0;
  virtual RevocationLog& log() = 0;
  virtual CrlStore& crls() = 0;
  virtual CrlShardStore& shards() = 0;
  virtual StatusStore& status() = 0;
  virtual GateStore& gate() = 0;
  virtual RequestStore& requests() = 0;
  virtual KeyAuditStore& key_audits() = 0;
  // Audit returns the resources of all audit entries with `action`, sorted.
  virtual std::vector<std::string> Audit(absl::string_view action) = 0;
  // Of PostgreSQL alone, for the stores that have no fake: the database under
  // the role of a service, and what `sql` returns.
  virtual Database* AsRole(absl::string_view /*role*/) { return nullptr; }
  virtual std::string Sql(absl::string_view /*sql*/) { return ""; }
};

struct BackendFactory {
  const char* name;
  std::unique_ptr<Backend> (*make)();
};

// Each kind of backend has its factory. The test that links this says which
// there are.
std::vector<BackendFactory> Backends();

std::string BackendName(const testing::TestParamInfo<BackendFactory>& info);

// StoreTest is the fixture of all contract tests.
class StoreTest : public testing::TestWithParam<BackendFactory> {
 protected:
  static constexpr char kActor[] = "spiffe://birthmark.test/operator/ada";

  StoreTest() : backend_(GetParam().make()) {}

  // Now is a whole second that moves on with each call.
  absl::Time Now() { return time_ += absl::Seconds(1); }
  std::string Uid();
  std::string Digest();  // 32 octets that nobody else has
  std::string Serial();  // 16 octets, rising

  audit::Entry Entry(absl::string_view action = "thing.change",
                     absl::string_view resource = "things/1");
  Mutation Change(absl::string_view action = "thing.change",
                  absl::string_view resource = "things/1");
  DeviceEventRow Event(absl::string_view kind);
  FleetRow Fleet(absl::string_view id);
  LineRow Line(absl::string_view id, int64_t quota = 0);
  KeyRow ClientKey(absl::string_view owner);
  AdmissionRequest Item(absl::string_view id);
  CertificateRow Certificate(const KeyRow& key,
                             absl::string_view issuer_id = "idevid");

  // Setting the scene: fleet "acme", line "one", batch "b1". Each ends the test
  // program if the store refuses.
  void GivenFleet(absl::string_view id = "acme");
  void GivenLine(absl::string_view id = "one", int64_t quota = 0);
  BatchRow GivenBatch(absl::string_view id = "b1");
  // A device with its certificate; what it was made of.
  AdmissionRequest GivenDevice(const BatchRow& batch, absl::string_view item);
  CertificateRow GivenCertificate(const KeyRow& key,
                                  absl::string_view issuer_id = "idevid");
  // The device's next operational certificate.
  CertificateRow GivenOperational(const AdmissionRequest& device);
  absl::StatusOr<Enrolled> Enroll(const AdmissionRequest& device,
                                  const KeyRow& key);
  KeyRow OperationalKey(absl::string_view device_uid);
  Contact ContactOf(const AdmissionRequest& device, absl::string_view serial);
  // One device's report, with an event of the kind `firmware_reported`.
  absl::Status Report(const Contact& contact, std::vector<FirmwareRow> reports);

  BatchStore::AlertMaker Alerts();
  absl::StatusOr<std::vector<Admission>> Admit(
      const BatchRow& batch, const std::vector<AdmissionRequest>& requests);
  // What a revocation says of itself, and what it leaves behind.
  RevocationRow RowFor(const CertificateRow& certificate, int reason);
  RevocationStore::MutationMaker Records(absl::string_view action);
  absl::StatusOr<RevocationRow> Revoke(const CertificateRow& certificate,
                                       int reason, int64_t version = 1);
  absl::StatusOr<RevocationRow> Hold(const CertificateRow& certificate,
                                     int64_t version = 1);
  absl::StatusOr<RevocationRow> Release(const CertificateRow& certificate,
                                        int64_t version);
  DeviceAct ActOf(DeviceActKind kind);
  // With the audit entry device.{kind of the event}.
  absl::StatusOr<DeviceRow> Act(absl::string_view device_uid,
                                DeviceActKind kind, int64_t version = 0);
  absl::StatusOr<DeviceRow> Decommission(absl::string_view device_uid,
                                         int64_t version);

  std::unique_ptr<Backend> backend_;

 private:
  absl::Time time_ = absl::FromUnixSeconds(1795000000);
  int count_ = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_STORE_FIXTURE_H_
