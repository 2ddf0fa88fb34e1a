#include "services/inventory/testing.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ids.h"
#include "lib/keys/local_key.h"
#include "lib/x509/certificate_builder.h"
#include "lib/x509/name.h"

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

}  // namespace

World::World()
    : fleets_(database_),
      lines_(database_),
      batches_(database_),
      devices_(database_),
      certificates_(database_),
      requests_(database_),
      page_tokens_("secret"),
      rpc_metrics_(registry_),
      router_({}, clock_, rpc_metrics_),
      services_(Dependencies{fleets_, devices_, certificates_, requests_,
                             page_tokens_, clock_}) {
  services_.Register(router_);
  storage::FleetRow fleet;
  fleet.fleet_id = "acme";
  fleet.idevid_profile = "idevid";
  fleet.ldevid_profile = "ldevid";
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
  Check(lines_.Create(line, key, Change()).status());
  batch_.fleet_id = "acme";
  batch_.line_id = "l1";
  batch_.batch_id = "b1";
  batch_.profile = "idevid";
  batch_ = Get(batches_.Create(batch_, Change()));
}

rpc::Caller World::Operator() {
  rpc::Caller caller;
  caller.role = options::v1::ROLE_OPERATOR;
  caller.actor = "spiffe://test/operator/ada";
  caller.name = "ada";
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
  Check(certificates_.Insert({row}, {Change().audit[0]}).status());
  return Get(devices_.Get("acme", uid));
}

std::string World::SerialOf(const storage::DeviceRow& device) {
  return HexEncode(Get(devices_.ListKeys(device.device_uid, "", 1))[0].serial);
}

std::vector<std::string> World::actions() {
  std::vector<std::string> actions;
  for (const audit::Entry& entry : database_.audit()) {
    if (entry.action != kChange) {
      actions.push_back(entry.action);
    }
  }
  return actions;
}

}  // namespace birthmark::inventory
