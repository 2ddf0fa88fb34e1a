#include "services/status/testing.h"

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <set>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "birthmark/ca/v1/ca_service.pb.h"
#include "lib/base/status_macros.h"
#include "lib/http/testing.h"
#include "lib/x509/crl.h"
#include "lib/x509/csr.h"
#include "lib/x509/ocsp_request.h"
#include "lib/x509/oid.h"

namespace birthmark::status {
namespace {

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::cerr << value.status() << "\n";
    std::abort();
  }
  return *std::move(value);
}

Issuers MakeIssuers(const x509::TestCa& ca, const x509::TestCa& other) {
  return Must(Issuers::New({{"device", {*ca.issuer, *ca.root}},
                            {"other", {*other.issuer, *other.root}}}));
}

}  // namespace

FakeCa::FakeCa(const x509::TestCa& ca, storage::FakeDatabase& database,
               Clock& clock)
    : ca_(ca), database_(database), clock_(clock) {}

void FakeCa::Fail(absl::Status status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  failure_ = std::move(status);
}

void FakeCa::Spoil(std::function<void(x509::CertificateTemplateSpec&,
                                      x509::CertificateVariables&)>
                       spoil) {
  const std::lock_guard<std::mutex> lock(mutex_);
  spoil_ = std::move(spoil);
}

void FakeCa::BeforeCrl(std::function<void(int shard)> before) {
  const std::lock_guard<std::mutex> lock(mutex_);
  before_crl_ = std::move(before);
}

int FakeCa::certified() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return certified_;
}

std::vector<int> FakeCa::signed_crls() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return signed_;
}

absl::Status FakeCa::DoUnary(absl::string_view method,
                             const google::protobuf::Message& request,
                             google::protobuf::Message& response,
                             absl::Duration /*timeout*/) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    BIRTHMARK_RETURN_IF_ERROR(failure_);
  }
  if (method == "birthmark.ca.v1.OcspSigner.CertifyResponder") {
    const auto& asked =
        static_cast<const ca::v1::CertifyResponderRequest&>(request);
    if (asked.issuer() != "issuers/device") {
      return absl::NotFoundError("no such issuer");
    }
    BIRTHMARK_ASSIGN_OR_RETURN(const std::string der, Certify(asked.csr_der()));
    static_cast<ca::v1::CertifyResponderResponse&>(response)
        .set_certificate_der(der);
    return absl::OkStatus();
  }
  if (method == "birthmark.ca.v1.CrlSigner.SignCrl") {
    const auto& asked = static_cast<const ca::v1::SignCrlRequest&>(request);
    std::function<void(int)> before;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      signed_.push_back(asked.shard());
      before = before_crl_;
    }
    if (before) {
      before(asked.shard());
    }
    static_cast<ca::v1::SignCrlResponse&>(response).set_revision(
        SignCrl(std::string(absl::StripPrefix(asked.issuer(), "issuers/")),
                asked.shard()));
    return absl::OkStatus();
  }
  return absl::UnimplementedError("not in this CA");
}

absl::StatusOr<std::string> FakeCa::Certify(const std::string& csr_der) {
  BIRTHMARK_ASSIGN_OR_RETURN(const x509::Csr csr, x509::Csr::Parse(csr_der));
  BIRTHMARK_RETURN_IF_ERROR(csr.VerifyProofOfPossession());
  x509::CertificateTemplateSpec spec = ca_.LeafSpec();
  spec.extended_key_usages = {x509::Oid(x509::oids::kOcspSigning)};
  spec.ocsp_no_check = true;
  x509::CertificateVariables vars =
      x509::OcspResponderVariables(csr.spki_der());
  vars.not_before = clock_.Now() - absl::Minutes(5);
  vars.not_after = clock_.Now() + responder_life;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (spoil_) {
    spoil_(spec, vars);
  }
  ++certified_;
  return x509::Issue(spec, vars, ca_.issuer_key)->der;
}

int64_t FakeCa::SignCrl(const std::string& issuer_id, int shard) {
  storage::FakeDatabase::Transaction transaction(database_);
  storage::CrlRow& row = transaction->crls[{issuer_id, shard}];
  row.issuer_id = issuer_id;
  row.crl_shard = shard;
  row.number =
      std::max<int64_t>(row.number + 1, absl::ToUnixMillis(clock_.Now()));
  row.revision =
      storage::FakeLatestRevision(transaction.tables(), {issuer_id, shard});
  row.expired_before = row.this_update;
  row.this_update = clock_.Now();
  row.next_update = row.this_update + crl_life;
  std::vector<std::string> serials;
  for (const auto& [serial, revocation] : transaction->revocations) {
    if (revocation.issuer_id == issuer_id && revocation.crl_shard == shard &&
        revocation.state != storage::RevocationState::kReleased &&
        revocation.not_after >= row.expired_before) {
      serials.push_back(serial);
    }
  }
  row.entries = static_cast<int>(serials.size());
  row.crl_der = MakeCrl(ca_, shard, static_cast<uint64_t>(row.number),
                        row.this_update, row.next_update, serials);
  transaction.Commit();
  return row.revision;
}

std::string MakeCrl(const x509::TestCa& ca, int shard, uint64_t number,
                    absl::Time this_update, absl::Time next_update,
                    const std::vector<std::string>& serials) {
  x509::CrlSpec spec;
  spec.signature_algorithm = ca.issuer_key.algorithm();
  spec.issuer_name_der = std::string((*ca.issuer)->subject_der);
  spec.issuer_key_id = *(*ca.issuer)->subject_key_id;
  spec.number = number;
  spec.this_update = this_update;
  spec.next_update = next_update;
  spec.shard_uri = x509::CrlShardUri("http://crl.example/crl/device", shard);
  for (const std::string& serial : serials) {
    spec.entries.push_back({.serial = serial, .revocation_time = this_update});
  }
  const std::string tbs = Must(x509::BuildCrlTbs(spec));
  return Must(x509::AssembleCrl(tbs, spec.signature_algorithm,
                                ca.issuer_key.Sign(tbs)));
}

World::World()
    : ca("Device"),
      other_ca("Other"),
      issuers(MakeIssuers(ca, other_ca)),
      metrics(registry),
      statuses(database),
      log(database),
      fake_ca(ca, database, clock),
      ca_client(fake_ca),
      cache(size_t{8} << 20),
      feed(log, issuers, cache, clock, metrics),
      responders(issuers, ca_client, clock, metrics) {}

void World::Add(const std::string& serial, const std::string& issuer_id,
                int shard) {
  storage::FakeDatabase::Transaction transaction(database);
  storage::CertificateRow& row = transaction->certificates[serial];
  row.serial = serial;
  row.issuer_id = issuer_id;
  row.crl_shard = shard;
  row.not_before = clock.Now();
  row.not_after = clock.Now() + absl::Hours(24 * 90);
  storage::FakeDatabase::Shard& place =
      transaction->crl_shards[{issuer_id, shard}];
  ++place.assigned;
  place.live_until = std::max(place.live_until, row.not_after);
  transaction.Commit();
}

void World::Change(const std::string& serial, storage::RevocationState state,
                   int reason) {
  storage::FakeDatabase::Transaction transaction(database);
  const storage::CertificateRow& certificate =
      transaction->certificates.at(serial);
  storage::RevocationRow& row = transaction->revocations[serial];
  row.serial = serial;
  row.issuer_id = certificate.issuer_id;
  row.crl_shard = certificate.crl_shard;
  row.not_after = certificate.not_after;
  row.state = state;
  row.reason = reason;
  row.version += 1;
  row.revoke_time = NowSeconds(clock);
  row.update_time = NowSeconds(clock);
  transaction.Commit();
}

void World::Revoke(const std::string& serial, int reason) {
  Change(serial, storage::RevocationState::kRevoked, reason);
}

void World::Hold(const std::string& serial) {
  Change(serial, storage::RevocationState::kHeld, 6);
}

void World::Release(const std::string& serial) {
  Change(serial, storage::RevocationState::kReleased, 6);
}

void World::Certified() {
  responders.Renew();
  const absl::Status status = feed.Poll();
  if (!status.ok()) {
    std::cerr << status << "\n";
    std::abort();
  }
}

std::unique_ptr<storage::ChangeListener> TestListener::Listen(
    storage::ChangeListener::Callbacks callbacks) {
  class Listener : public storage::ChangeListener {
   public:
    explicit Listener(const std::atomic<bool>& owner) : owner_(owner) {}
    bool owner() const override { return owner_; }
    bool connected() const override { return true; }

   private:
    const std::atomic<bool>& owner_;
  };
  callbacks_ = std::move(callbacks);
  return std::make_unique<Listener>(owner);
}

void TestListener::Connect() {
  if (const absl::Status status = callbacks_.on_connected(); !status.ok()) {
    std::cerr << status << "\n";
    std::abort();
  }
}

void TestListener::Notify(absl::string_view channel,
                          absl::string_view payload) {
  callbacks_.on_notification(channel, payload);
}

void TestListener::Lose() {
  callbacks_.on_lost(absl::UnavailableError("gone"));
}

std::string Ask(const x509::Certificate& issuer,
                const std::vector<std::string>& serials, x509::OcspHash hash,
                std::optional<absl::string_view> nonce) {
  const x509::OcspIssuerHashes hashes = x509::OcspIssuerHashes::Of(issuer);
  std::vector<std::string> ids;
  for (const std::string& serial : serials) {
    ids.push_back(hashes.CertIdDer(hash, serial));
  }
  return Must(x509::BuildOcspRequest(ids, nonce));
}

http::Response Call(const http::Handler& handler,
                    const http::Request& request) {
  auto recorder = std::make_shared<http::AnswerRecorder>();
  handler(request, http::Responder(recorder, 0, 0));
  std::optional<http::Response> response;
  Eventually([&] {
    response = recorder->Take();
    return response.has_value();
  });
  if (!response.has_value()) {
    std::cerr << "no answer to " << request.path << "\n";
    std::abort();
  }
  return *std::move(response);
}

bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 60000; ++i) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return condition();
}

}  // namespace birthmark::status
