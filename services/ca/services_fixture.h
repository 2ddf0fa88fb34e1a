// ServicesTest calls the role `ca` as other services do, on stores in memory.

#ifndef BIRTHMARK_SERVICES_CA_SERVICES_FIXTURE_H_
#define BIRTHMARK_SERVICES_CA_SERVICES_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>

#include "birthmark/ca/v1/ca_service.pb.h"
#include "lib/base/fake_clock.h"
#include "lib/base/testing.h"
#include "lib/crypto/ids.h"
#include "lib/keys/fake_signer.h"
#include "lib/rpc/local_channel.h"
#include "lib/rpc/router.h"
#include "lib/storage/fake_certificate_store.h"
#include "lib/storage/fake_crl_shard_store.h"
#include "lib/storage/fake_crl_store.h"
#include "lib/storage/fake_database.h"
#include "lib/telemetry/metrics.h"
#include "lib/telemetry/rpc_metrics.h"
#include "services/ca/services.h"
#include "services/ca/test_issuer.h"

namespace birthmark::ca {

inline constexpr char kIssue[] =
    "birthmark.ca.v1.CertificateAuthority.IssueCertificates";
inline constexpr char kGetIssuer[] =
    "birthmark.ca.v1.CertificateAuthority.GetIssuer";
inline constexpr char kSignCrl[] = "birthmark.ca.v1.CrlSigner.SignCrl";
inline constexpr char kCertify[] =
    "birthmark.ca.v1.OcspSigner.CertifyResponder";

inline policy::Profile ProfileOf(policy::ProfileKind kind,
                                 const std::string& issuer) {
  policy::Profile profile;
  profile.id = std::string(policy::ProfileKindName(kind));
  profile.version = 1;
  profile.kind = kind;
  profile.issuer = issuer;
  if (kind != policy::ProfileKind::kIdevid) {
    profile.validity = kind == policy::ProfileKind::kOcspResponder
                           ? absl::Hours(24 * 7)
                           : absl::Hours(24 * 90);
  }
  profile.key_algorithms = {crypto::KeyAlgorithm::kP256};
  return profile;
}

class ServicesTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(services_, New(ValidOptions()));
    services_->Register(router_);
  }

  Options ValidOptions() {
    Options options;
    options.trust_domain = kTestTrustDomain;
    for (const char* id : {"idevid", "internal"}) {
      auto key = std::make_unique<keys::FakeSigner>();
      auto chain = hierarchy_.Certify(id, *key);
      options.issuers.push_back({id, std::move(key), std::move(chain)});
    }
    options.profiles = {
        ProfileOf(policy::ProfileKind::kIdevid, "idevid"),
        ProfileOf(policy::ProfileKind::kLine, "internal"),
        ProfileOf(policy::ProfileKind::kOcspResponder, "idevid")};
    options.crl_base_url = "http://crl.example";
    options.ocsp_url = "http://status.example/ocsp";
    options.ca_issuers_base_url = "http://status.example/ca";
    return options;
  }

  absl::StatusOr<std::unique_ptr<Services>> New(Options options) {
    return Services::New(
        {certificates_, crls_, shards_, serials_, clock_, registry_},
        std::move(options));
  }

  rpc::LocalChannel ChannelAs(options::v1::Role role) {
    return rpc::LocalChannel(router_,
                             rpc::ServiceCaller(role, kTestTrustDomain));
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(
      const char* method, const Request& request,
      options::v1::Role role = options::v1::ROLE_REGISTRATION) {
    rpc::LocalChannel channel = ChannelAs(role);
    rpc::Channel& base = channel;
    return base.Unary<Response>(method, request);
  }

  v1::IssueCertificatesRequest CreateValidRequest() {
    v1::IssueCertificatesRequest request;
    request.set_profile("profiles/idevid");
    request.set_on_behalf_of(
        "spiffe://birthmark.example/fleet/acme/line/line-1");
    v1::CertificateRequest* one = request.add_requests();
    one->set_serial(hierarchy_.Serial());
    one->set_spki_der(std::string(key_.public_key().spki_der()));
    one->mutable_device()->set_uid(crypto::NewUid(clock_));
    one->mutable_device()->set_fleet("acme");
    one->mutable_device()->set_model("thermo");
    one->mutable_device()->set_serial_number("SN-1");
    return request;
  }

  FakeClock clock_;
  TestHierarchy hierarchy_{clock_};
  telemetry::Registry registry_;
  telemetry::RpcMetrics rpc_metrics_{registry_};
  rpc::Router router_{{}, clock_, rpc_metrics_};
  storage::FakeDatabase database_;
  storage::FakeCertificateStore certificates_{database_};
  storage::FakeCrlStore crls_{database_};
  storage::FakeCrlShardStore shards_{database_};
  crypto::RandomSerialSource serials_{clock_};
  std::unique_ptr<Services> services_;
  keys::FakeSigner key_;
};

}  // namespace birthmark::ca

#endif  // BIRTHMARK_SERVICES_CA_SERVICES_FIXTURE_H_
