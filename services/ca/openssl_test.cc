// What the authority makes, as another implementation sees it: the openssl
// command verifies chains, purposes and CRLs.

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/clock.h"
#include "lib/base/testing.h"
#include "lib/base/thread_pool.h"
#include "lib/crypto/ids.h"
#include "lib/keys/fake_signer.h"
#include "lib/storage/fake_certificate_store.h"
#include "lib/storage/fake_crl_store.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/fake_revocation_store.h"
#include "lib/telemetry/metrics.h"
#include "lib/x509/certificate.h"
#include "lib/x509/crl.h"
#include "lib/x509/serial.h"
#include "services/ca/batch_issuer.h"
#include "services/ca/crl_issuer.h"
#include "services/ca/test_issuer.h"

namespace birthmark::ca {
namespace {

using crypto::KeyAlgorithm;
using policy::ProfileKind;
using ::testing::HasSubstr;

struct Output {
  int exit_code;
  std::string text;
};

Output OpenSsl(const std::string& arguments) {
  FILE* pipe = popen(absl::StrCat("openssl ", arguments, " 2>&1").c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer;
  size_t size;
  while ((size = fread(buffer.data(), 1, buffer.size(), pipe)) > 0) {
    text.append(buffer.data(), size);
  }
  return {WEXITSTATUS(pclose(pipe)), text};
}

class OpenSslTest : public testing::Test {
 protected:
  std::string Save(const std::string& name, const std::string& content) {
    const std::string path = absl::StrCat(testing::TempDir(), "/", name);
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  absl::StatusOr<x509::Certificate> Issue(ProfileKind kind,
                                          policy::Subject subject,
                                          KeyAlgorithm algorithm) {
    policy::Profile profile;
    profile.id = std::string(policy::ProfileKindName(kind));
    profile.version = 1;
    profile.kind = kind;
    profile.issuer = "test";
    profile.organization = "Example Devices";
    profile.ca_issuers_url = "http://ca.example/test.cer";
    if (kind == ProfileKind::kIdevid) {
      profile.hardware_type_oid = "1.3.6.1.4.1.32473.1.1";
    } else {
      profile.validity = absl::Hours(24 * 90);
    }
    profile.key_algorithms = {algorithm};
    BIRTHMARK_ASSIGN_OR_RETURN(
        auto issuance,
        policy::Issuance::New({profile, issuer_->certificate(),
                               issuer_->algorithm(), kTestTrustDomain}));
    BatchIssuer batches(*issuer_, std::move(issuance), certificates_, pool_,
                        Clock::Real(), metrics_);
    const keys::FakeSigner key(algorithm);
    BIRTHMARK_ASSIGN_OR_RETURN(
        auto results,
        batches.Issue({{hierarchy_.Serial(),
                        std::string(key.public_key().spki_der()), subject}},
                      {"test", "test"}));
    BIRTHMARK_ASSIGN_OR_RETURN(const std::string der, results[0]);
    return x509::Certificate::Parse(der);
  }

  policy::DeviceSubject Device() {
    return {crypto::NewUid(Clock::Real()), "acme", "thermo-2", "SN-0001"};
  }

  Output Verify(const x509::Certificate& leaf, const std::string& options) {
    return OpenSsl(absl::StrCat(
        "verify -x509_strict ", options, " -CAfile ",
        Save("root.pem", hierarchy_.root().ToPem()), " -untrusted ",
        Save("issuer.pem", issuer_->certificate().ToPem()), " ",
        Save("leaf.pem", leaf.ToPem())));
  }

  TestHierarchy hierarchy_{Clock::Real()};
  std::unique_ptr<Issuer> issuer_ =
      hierarchy_.MakeIssuer("test", "http://crl.example");
  telemetry::Registry registry_;
  Metrics metrics_{registry_};
  ThreadPool pool_{1, 16};
  storage::FakeDatabase database_;
  storage::FakeCertificateStore certificates_{database_};
  storage::FakeCrlStore crls_{database_};
  storage::FakeRevocationStore revocations_{database_};
  CrlIssuer crl_issuer_{crls_, absl::Hours(24), Clock::Real(), metrics_};
};

TEST_F(OpenSslTest, VerifiesEveryKindOfCertificate) {
  struct Case {
    ProfileKind kind;
    policy::Subject subject;
    KeyAlgorithm algorithm;
    const char* purpose;
  };
  for (const Case& c : std::vector<Case>{
           {ProfileKind::kIdevid, Device(), KeyAlgorithm::kP256, "sslclient"},
           {ProfileKind::kIdevid, Device(), KeyAlgorithm::kP384, "sslclient"},
           {ProfileKind::kIdevid, Device(), KeyAlgorithm::kEd25519,
            "sslclient"},
           {ProfileKind::kIdevid, Device(), KeyAlgorithm::kRsa, "sslclient"},
           {ProfileKind::kLdevid, Device(), KeyAlgorithm::kP256, "sslclient"},
           {ProfileKind::kLine, policy::LineSubject{"acme", "l1"},
            KeyAlgorithm::kP256, "sslclient"},
           {ProfileKind::kOperator, policy::OperatorSubject{"anna"},
            KeyAlgorithm::kP384, "sslclient"},
           {ProfileKind::kService,
            policy::ServiceSubject{"ca", {"ca.birthmark.example"}},
            KeyAlgorithm::kP256, "sslserver"}}) {
    ASSERT_OK_AND_ASSIGN(auto leaf, Issue(c.kind, c.subject, c.algorithm));
    const Output verified = Verify(leaf, absl::StrCat("-purpose ", c.purpose));
    EXPECT_EQ(verified.exit_code, 0)
        << policy::ProfileKindName(c.kind) << ": " << verified.text;
  }
}

TEST_F(OpenSslTest, OnlyServicesAreServers) {
  ASSERT_OK_AND_ASSIGN(
      auto leaf, Issue(ProfileKind::kLdevid, Device(), KeyAlgorithm::kP256));
  EXPECT_NE(Verify(leaf, "-purpose sslserver").exit_code, 0);
}

TEST_F(OpenSslTest, ReadsAnIdevidAsItWasMeant) {
  ASSERT_OK_AND_ASSIGN(
      auto leaf, Issue(ProfileKind::kIdevid, Device(), KeyAlgorithm::kP256));
  const std::string text =
      OpenSsl(absl::StrCat("x509 -noout -text -in ",
                           Save("idevid.pem", leaf.ToPem())))
          .text;
  EXPECT_THAT(text, HasSubstr("Not After : Dec 31 23:59:59 9999 GMT"));
  EXPECT_THAT(text, HasSubstr("O = Example Devices, CN = thermo-2, "
                              "serialNumber = SN-0001"));
  EXPECT_THAT(text, HasSubstr("othername: 1.3.6.1.5.5.7.8.4"));
  EXPECT_THAT(text, HasSubstr("URI:http://crl.example/test/0.crl"));
  EXPECT_THAT(text, HasSubstr("CA Issuers - URI:http://ca.example/test.cer"));
}

TEST_F(OpenSslTest, SeesARevocationOnTheCrl) {
  ASSERT_OK_AND_ASSIGN(
      auto leaf, Issue(ProfileKind::kLdevid, Device(), KeyAlgorithm::kP256));
  const auto check = [&]() -> Output {
    const auto row = crl_issuer_.Current(*issuer_, 0, "test");
    EXPECT_OK(row);
    const auto crl = x509::Crl::Parse(row->crl_der);
    EXPECT_OK(crl);
    return Verify(leaf, absl::StrCat("-crl_check -CRLfile ",
                                     Save("test.crl", crl->ToPem())));
  };
  const Output good = check();
  EXPECT_EQ(good.exit_code, 0) << good.text;

  storage::RevocationRow revocation;
  revocation.serial = *x509::SerialFromHex(leaf->serial_hex);
  revocation.issuer_id = "test";
  revocation.reason = 1;
  revocation.revoke_time = NowSeconds(Clock::Real());
  revocation.update_time = revocation.revoke_time;
  revocation.actor = "test";
  ASSERT_OK(
      revocations_.Revoke(revocation, 1, [](const storage::RevocationRow&) {
        return storage::Mutation{{audit::Entry{}}, std::nullopt};
      }));
  const Output revoked = check();
  EXPECT_NE(revoked.exit_code, 0);
  EXPECT_THAT(revoked.text, HasSubstr("certificate revoked"));
}

}  // namespace
}  // namespace birthmark::ca
