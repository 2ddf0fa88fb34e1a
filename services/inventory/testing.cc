#include "services/inventory/testing.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/audit/new_entry.h"
#include "lib/base/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ids.h"
#include "lib/keys/local_key.h"
#include "lib/x509/certificate_builder.h"
#include "lib/x509/name.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::inventory {
namespace {

constexpr char kChange[] = "test.change";

void Check(const absl::Status& status) {
  if (!status.ok()) {
    std::fprintf(stderr, "testing: %s\n", status.ToString().c_str());
    std::abort();
  }
}

template <typename T>
T Get(absl::StatusOr<T> value) {
  Check(value.status());
  return *std::move(value);
}

// A certificate for `key`, signed by itself.
std::string MakeCertificate(const keys::LocalKey& key,
                            const storage::CertificateRow& row) {
  x509::DistinguishedName name;
  name.CommonName("Test");
  x509::CertificateTemplateSpec spec;
  spec.signature_algorithm = key.algorithm();
  spec.issuer_name_der = Get(name.ToDer());
  x509::CertificateVariables variables;
  variables.serial = row.serial;
  variables.not_before = row.not_before;
  variables.not_after = row.not_after;
  variables.subject.CommonName("a device");
  variables.spki_der = key.public_key().spki_der();
  const auto maker = Get(x509::CertificateTemplate::New(spec));
  const std::string tbs = Get(maker.BuildTbs(variables));
  return Get(
      x509::AssembleCertificate(tbs, key.algorithm(), Get(key.Sign(tbs))));
}

// One database for all worlds of a test program, emptied by each.
struct Connections {
  std::unique_ptr<storage::Database> OpenAs(absl::string_view role) const {
    return Get(storage::Database::Open(
        tests::PostgresCluster::Shared().Dsn(name, role), 8));
  }

  const std::string name = tests::PostgresCluster::Shared().CreateDatabase();
  const std::unique_ptr<storage::Database> ca =
      OpenAs(tests::PostgresCluster::kCa);
  const std::unique_ptr<storage::Database> registration =
      OpenAs(tests::PostgresCluster::kRegistration);
  const std::unique_ptr<storage::Database> inventory =
      OpenAs(tests::PostgresCluster::kInventory);
};

Connections& Shared() {
  static Connections connections;
  return connections;
}

Connections& Emptied() {
  tests::PostgresCluster::Shared().Empty(Shared().name);
  return Shared();
}

}  // namespace

World::World()
    : fleets_(*Emptied().inventory),
      lines_(*Shared().registration),
      batches_(*Shared().registration),
      registration_(*Shared().registration),
      devices_(*Shared().inventory),
      decommissions_(*Shared().inventory),
      transfers_(*Shared().inventory),
      issued_(*Shared().ca),
      certificates_(*Shared().inventory),
      requests_(*Shared().inventory),
      page_tokens_("secret"),
      rpc_metrics_(registry_),
      router_({}, clock_, rpc_metrics_),
      services_(dependencies()) {
  services_.Register(router_);
  storage::FleetRow fleet;
  fleet.fleet_id = "acme";
  fleet.idevid_profile = "idevid";
  fleet.ldevid_profile = "ldevid";
  fleet.create_time = fleet.update_time = clock_.Now();
  Check(fleets_.Create(fleet, Change()));
  fleet.fleet_id = "other";
  clock_.Advance(absl::Seconds(1));
  fleet.create_time = fleet.update_time = clock_.Now();
  Check(fleets_.Create(fleet, Change()));
  storage::LineRow line;
  line.fleet_id = "acme";
  line.line_id = "l1";
  line.models = {"m1", "m2"};
  storage::KeyRow key;
  key.spki_sha256 = std::string(32, 'k');
  key.serial = std::string(16, 's');
  key.usage = storage::KeyUsage::kClient;
  key.owner = "fleets/acme/lines/l1";
  key.create_time = line.create_time = clock_.Now();
  Check(lines_.Create(line, key, Change()).status());
  batch_.fleet_id = "acme";
  batch_.line_id = "l1";
  batch_.batch_id = "b1";
  batch_.profile = "idevid";
  batch_.create_time = clock_.Now();
  batch_ = Get(batches_.Create(batch_, Change()));
}

Dependencies World::dependencies() {
  return {fleets_,       devices_,  decommissions_, transfers_,
          certificates_, requests_, page_tokens_,   clock_};
}

storage::Database& World::database() { return *Shared().inventory; }

rpc::Caller World::Operator(absl::string_view name) {
  rpc::Caller caller;
  caller.role = options::v1::ROLE_OPERATOR;
  caller.actor = absl::StrCat("spiffe://test/operator/", name);
  caller.name = std::string(name);
  return caller;
}

storage::Mutation World::Change() {
  storage::Mutation mutation;
  mutation.audit.push_back(
      audit::NewEntry(clock_, "test", kChange, "things/1"));
  return mutation;
}

storage::DeviceRow World::AddDevice(const std::string& serial_number,
                                    const std::string& model) {
  clock_.Advance(absl::Seconds(1));
  crypto::RandomSerialSource serials(clock_);
  const auto key = Get(keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256));
  const std::string uid = crypto::NewUid(clock_);

  storage::AdmissionRequest request;
  request.item_id = serial_number;
  request.csr_sha256 = std::string(32, 'c');
  request.device.device_uid = uid;
  request.device.model = model;
  request.device.fleet_id = batch_.fleet_id;
  request.device.line_id = batch_.line_id;
  request.device.batch_id = batch_.batch_id;
  request.device.serial_number = serial_number;
  request.device.create_time = request.device.update_time = clock_.Now();
  request.key.spki_sha256 = crypto::Sha256(key->public_key().spki_der());
  request.key.device_uid = uid;
  request.key.serial = Get(HexDecode(serials.Next()));
  request.key.create_time = clock_.Now();
  request.event.device_uid = uid;
  request.event.fleet_id = batch_.fleet_id;
  request.event.event_id = crypto::NewUid(clock_);
  request.event.kind = "provisioned";
  request.event.create_time = clock_.Now();
  request.audit = Change().audit[0];
  Check(Get(batches_.Admit(batch_, {request},
                           /*sent_before=*/false, nullptr))[0]
            .status);

  storage::CertificateRow row;
  row.serial = request.key.serial;
  row.issuer_id = "idevid";
  row.profile = "idevid";
  row.profile_version = 3;
  row.spki_sha256 = request.key.spki_sha256;
  row.device_uid = uid;
  row.fleet_id = "acme";
  row.not_before = clock_.Now();
  row.not_after = clock_.Now() + absl::Hours(1);
  row.create_time = clock_.Now();
  row.certificate_der = MakeCertificate(*key, row);
  Check(issued_.Insert({row}, {Change().audit[0]}).status());
  return Get(devices_.Get("acme", uid));
}

storage::CertificateRow World::Activate(const storage::DeviceRow& device) {
  crypto::RandomSerialSource serials(clock_);
  const std::string birth =
      Get(devices_.ListKeys(device.device_uid, "", 1))[0].serial;
  clock_.Advance(absl::Seconds(1));
  const auto local = Get(keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256));
  storage::KeyRow key;
  key.spki_sha256 = crypto::Sha256(local->public_key().spki_der());
  key.device_uid = device.device_uid;
  key.owner = absl::StrCat("fleets/acme/devices/", device.device_uid);
  key.usage = storage::KeyUsage::kLdevid;
  key.serial = Get(HexDecode(serials.Next()));
  key.profile = "ldevid";
  key.create_time = clock_.Now();
  storage::DeviceEventRow event;
  event.fleet_id = device.fleet_id;
  event.event_id = crypto::NewUid(clock_);
  event.kind = "registered";
  event.from_state = static_cast<int>(device.state);
  event.create_time = clock_.Now();
  Check(registration_
            .Enroll({.device_uid = device.device_uid,
                     .serial = birth,
                     .actor = "device",
                     .time = clock_.Now()},
                    {.key = key, .event = event, .mutation = Change()})
            .status());
  storage::CertificateRow row;
  row.serial = key.serial;
  row.issuer_id = "ldevid";
  row.profile = "ldevid";
  row.profile_version = 1;
  row.spki_sha256 = key.spki_sha256;
  row.device_uid = device.device_uid;
  row.fleet_id = device.fleet_id;
  row.not_before = row.create_time = clock_.Now();
  row.not_after = clock_.Now() + absl::Hours(24);
  row.certificate_der = MakeCertificate(*local, row);
  Check(issued_.Insert({row}, {Change().audit[0]}).status());
  return row;
}

std::string World::SerialOf(const storage::DeviceRow& device) {
  return HexEncode(Get(devices_.ListKeys(device.device_uid, "", 1))[0].serial);
}

std::vector<std::string> World::actions() {
  return absl::StrSplit(
      Sql(absl::StrCat("SELECT action FROM audit_entries WHERE action <> '",
                       kChange, "' ORDER BY entry_time, entry_id")),
      '\n', absl::SkipEmpty());
}

std::string World::Sql(const std::string& statement) {
  return tests::PostgresCluster::Shared().Sql(Shared().name, statement);
}

}  // namespace birthmark::inventory
