#include "services/registration/testing.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/rpc/status.h"
#include "lib/rpc/timestamp.h"
#include "lib/x509/csr.h"
#include "lib/x509/name.h"

namespace birthmark::registration {
namespace {

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

constexpr char kChange[] = "test.change";
constexpr absl::Duration kValidity = absl::Hours(90 * 24);

}  // namespace

std::string MakeCsr(crypto::KeyAlgorithm algorithm) {
  const auto key = Get(keys::LocalKey::Generate(algorithm));
  x509::CsrRequest request;
  request.subject.CommonName("ignored");
  return Get(x509::CreateCsr(
      request, key->public_key().spki_der(), key->algorithm(),
      [&](absl::string_view message) { return key->Sign(message); }));
}

policy::Profile MakeProfile(policy::ProfileKind kind) {
  policy::Profile profile;
  profile.id = std::string(policy::ProfileKindName(kind));
  profile.version = 1;
  profile.kind = kind;
  profile.issuer = "issuer";
  if (kind != policy::ProfileKind::kIdevid) {
    profile.validity = kValidity;
  }
  profile.key_algorithms = {crypto::KeyAlgorithm::kP256};
  return profile;
}

FakeCa::FakeCa(storage::CertificateStore& certificates, Clock& clock)
    : certificates_(certificates),
      clock_(clock),
      key_(Get(keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256))) {
  x509::DistinguishedName issuer;
  issuer.CommonName("Fake CA");
  x509::CertificateTemplateSpec spec;
  spec.signature_algorithm = key_->algorithm();
  spec.issuer_name_der = Get(issuer.ToDer());
  template_ = Get(x509::CertificateTemplate::New(spec));
}

void FakeCa::FailNext(absl::Status status) {
  std::lock_guard<std::mutex> lock(mutex_);
  failures_.push_back(std::move(status));
}

void FakeCa::RefuseModel(std::string model) {
  std::lock_guard<std::mutex> lock(mutex_);
  refused_model_ = std::move(model);
}

int FakeCa::signatures() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return signatures_;
}

absl::StatusOr<std::string> FakeCa::IssueOne(
    const std::string& profile, const ca::v1::CertificateRequest& request) {
  if (!refused_model_.empty() && request.device().model() == refused_model_) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kProfileViolation, "no", {{"rule", "lint"}});
  }
  if (const auto known = certificates_.Get("", request.serial()); known.ok()) {
    return known->certificate_der;
  }
  const absl::Time now = NowSeconds(clock_);
  x509::CertificateVariables variables;
  variables.serial = request.serial();
  variables.not_before = now;
  variables.not_after = now + kValidity;
  variables.subject.CommonName(
      absl::StrCat("subject ", request.device().uid(), request.line().line()));
  variables.spki_der = request.spki_der();
  const std::string tbs = Get(template_->BuildTbs(variables));
  storage::CertificateRow row;
  row.serial = request.serial();
  row.issuer_id = "issuer";
  row.profile = profile;
  row.profile_version = 1;
  row.spki_sha256 = crypto::Sha256(request.spki_der());
  row.device_uid = request.device().uid();
  row.fleet_id = request.device().fleet();
  row.not_before = variables.not_before;
  row.not_after = variables.not_after;
  row.certificate_der = Get(
      x509::AssembleCertificate(tbs, key_->algorithm(), Get(key_->Sign(tbs))));
  row.create_time = now;
  ++signatures_;
  const auto stored = certificates_.Insert(
      {row},
      {audit::NewEntry(clock_, "ca", "certificate.issue", "certificate")});
  if (!stored.ok()) {
    return stored.status();
  }
  return stored->front();
}

absl::Status FakeCa::Issue(const ca::v1::IssueCertificatesRequest& request,
                           ca::v1::IssueCertificatesResponse& response) {
  for (const ca::v1::CertificateRequest& one : request.requests()) {
    auto& result = *response.add_results();
    const absl::StatusOr<std::string> der = IssueOne(request.profile(), one);
    if (der.ok()) {
      result.set_certificate_der(*der);
    } else {
      *result.mutable_error() = rpc::ToProto(der.status());
    }
  }
  response.add_issuer_chain_der("issuer");
  return absl::OkStatus();
}

absl::Status FakeCa::DoUnary(absl::string_view method,
                             const google::protobuf::Message& request,
                             google::protobuf::Message& response,
                             absl::Duration) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!failures_.empty()) {
    absl::Status status = failures_.front();
    failures_.pop_front();
    return status;
  }
  if (method == "birthmark.ca.v1.CertificateAuthority.GetIssuer") {
    auto& issuer = dynamic_cast<ca::v1::Issuer&>(response);
    issuer.add_certificate_chain_der("issuer");
    issuer.add_certificate_chain_der("root");
    return absl::OkStatus();
  }
  if (method == "birthmark.ca.v1.CrlSigner.SignCrl") {
    const auto& asked = dynamic_cast<const ca::v1::SignCrlRequest&>(request);
    auto& made = dynamic_cast<ca::v1::SignCrlResponse&>(response);
    made.set_crl_der(absl::StrCat("crl of ", asked.issuer()));
    made.set_number(asked.shard() + 7);
    *made.mutable_this_update_time() = rpc::ToTimestamp(clock_.Now());
    return absl::OkStatus();
  }
  return Issue(dynamic_cast<const ca::v1::IssueCertificatesRequest&>(request),
               dynamic_cast<ca::v1::IssueCertificatesResponse&>(response));
}

World::World()
    : fleets(database),
      lines(database),
      batches(database),
      registrations(database),
      revocations(database),
      requests(database),
      revocation_jobs(database),
      enforcement(database),
      crl_shards(database),
      revocation_log(database),
      certificates(database),
      ca(certificates, clock),
      page_tokens("secret"),
      serials(clock) {
  storage::FleetRow fleet;
  fleet.fleet_id = "acme";
  fleet.idevid_profile = "idevid";
  fleet.ldevid_profile = "ldevid";
  Check(fleets.Create(fleet, Change()));
  storage::LineRow line;
  line.fleet_id = "acme";
  line.line_id = "l1";
  line.models = {"m1", "m2"};
  storage::KeyRow key;
  key.spki_sha256 = std::string(32, 'k');
  key.serial = std::string(16, 's');
  key.usage = storage::KeyUsage::kClient;
  Check(lines.Create(line, key, Change()).status());
  batch.fleet_id = "acme";
  batch.line_id = "l1";
  batch.batch_id = "b1";
  batch.profile = "idevid";
  batch = Get(batches.Create(batch, Change()));
}

rpc::Caller World::Operator(const std::string& name) {
  rpc::Caller caller;
  caller.role = options::v1::ROLE_OPERATOR;
  caller.actor = absl::StrCat("spiffe://test/operator/", name);
  caller.name = name;
  return caller;
}

rpc::Caller World::EnforcementPoint(const std::string& name) {
  rpc::Caller caller;
  caller.role = options::v1::ROLE_ENFORCEMENT_POINT;
  caller.actor = absl::StrCat("spiffe://test/enforcement-point/", name);
  caller.name = name;
  return caller;
}

rpc::Caller World::Line(const std::string& fleet, const std::string& name) {
  rpc::Caller caller;
  caller.role = options::v1::ROLE_LINE;
  caller.actor = absl::StrCat("spiffe://test/fleet/", fleet, "/line/", name);
  caller.fleet = fleet;
  caller.name = name;
  return caller;
}

Dependencies World::dependencies() {
  return {fleets,
          lines,
          batches,
          registrations,
          revocations,
          requests,
          revocation_jobs,
          enforcement,
          crl_shards,
          revocation_log,
          wipes,
          /*journal=*/nullptr,
          [](storage::ChangeListener::Callbacks) { return nullptr; },
          ca,
          page_tokens,
          key_challenges,
          serials,
          clock,
          metrics};
}

storage::Mutation World::Change() {
  storage::Mutation mutation;
  mutation.audit.push_back(audit::NewEntry(clock, "test", kChange, "things/1"));
  return mutation;
}

std::vector<std::string> World::actions() {
  std::vector<std::string> actions;
  for (const audit::Entry& entry : database.audit()) {
    if (entry.action != kChange) {
      actions.push_back(entry.action);
    }
  }
  return actions;
}

}  // namespace birthmark::registration
