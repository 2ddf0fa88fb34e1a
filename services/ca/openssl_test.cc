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
#include "lib/storage/fake_crl_shard_store.h"
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
using ::testing::ElementsAre;
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
    profile.freshest_crl = freshest_crl_;
    BIRTHMARK_ASSIGN_OR_RETURN(
        auto issuance,
        policy::Issuance::New({profile, issuer_->certificate(),
                               issuer_->algorithm(), kTestTrustDomain}));
    BatchIssuer batches(*issuer_, std::move(issuance), places_, certificates_,
                        pool_, Clock::Real(), metrics_);
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

  std::string SavePems(const std::string& name,
                       const std::vector<std::string>& ders) {
    std::string pems;
    for (const std::string& der : ders) {
      pems += x509::Crl::Parse(der).value().ToPem();
    }
    return Save(name, pems);
  }
  std::string SavePem(const std::string& name, const std::string& der) {
    return SavePems(name, {der});
  }

  // The options that check with the current CRLs of these shards alone.
  std::string CrlCheck(const std::vector<int>& shards) {
    std::vector<std::string> ders;
    for (const int shard : shards) {
      ders.push_back(
          crl_issuer_.Current(*issuer_, shard, "test").value().crl_der);
    }
    return "-crl_check -CRLfile " + SavePems("shards.crl", ders);
  }

  absl::Status Revoke(const x509::Certificate& leaf) {
    return revocations_.Revoke(RowFor(leaf, 1), 1, &AnEntry).status();
  }
  absl::Status Hold(const x509::Certificate& leaf) {
    return revocations_.Hold(RowFor(leaf, 6), 1, &AnEntry).status();
  }
  absl::Status Release(const x509::Certificate& leaf) {
    return revocations_.Release(RowFor(leaf, 6), 2, &AnEntry).status();
  }

  static storage::Mutation AnEntry(const storage::RevocationRow&) {
    return {{audit::Entry{}}, std::nullopt};
  }
  static storage::RevocationRow RowFor(const x509::Certificate& leaf,
                                       int reason) {
    storage::RevocationRow row;
    row.serial = *x509::SerialFromHex(leaf->serial_hex);
    row.issuer_id = "test";
    row.reason = reason;
    row.revoke_time = NowSeconds(Clock::Real());
    row.update_time = row.revoke_time;
    row.actor = "test";
    return row;
  }

  TestHierarchy hierarchy_{Clock::Real()};
  bool freshest_crl_ = false;
  std::unique_ptr<Issuer> issuer_ =
      hierarchy_.MakeIssuer("test", "http://crl.example");
  telemetry::Registry registry_;
  Metrics metrics_{registry_};
  ThreadPool pool_{1, 16};
  storage::FakeDatabase database_;
  storage::FakeCertificateStore certificates_{database_};
  storage::FakeCrlStore crls_{database_};
  storage::FakeCrlShardStore shards_{database_};
  ShardPlaces places_{shards_, "test", 1, absl::InfiniteDuration()};
  storage::FakeRevocationStore revocations_{database_};
  CrlIssuer crl_issuer_{crls_, shards_, absl::Hours(24), Clock::Real(),
                        metrics_};
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

TEST_F(OpenSslTest, SeesARevocationOnTheCertificatesOwnShard) {
  ASSERT_OK_AND_ASSIGN(
      auto first, Issue(ProfileKind::kLdevid, Device(), KeyAlgorithm::kP256));
  ASSERT_OK_AND_ASSIGN(
      auto second, Issue(ProfileKind::kLdevid, Device(), KeyAlgorithm::kP256));
  EXPECT_THAT(second->crl_uris, ElementsAre("http://crl.example/test/1.crl"));
  EXPECT_EQ(Verify(first, CrlCheck({0})).exit_code, 0);
  EXPECT_EQ(Verify(second, CrlCheck({1})).exit_code, 0);
  EXPECT_EQ(Verify(second, CrlCheck({0, 1})).exit_code, 0);
  const Output wrong = Verify(second, CrlCheck({0}));
  EXPECT_NE(wrong.exit_code, 0) << "the other shard's CRL is not enough";
  EXPECT_THAT(wrong.text, HasSubstr("different CRL scope"));

  ASSERT_OK(Revoke(second));
  const Output revoked = Verify(second, CrlCheck({1}));
  EXPECT_NE(revoked.exit_code, 0);
  EXPECT_THAT(revoked.text, HasSubstr("certificate revoked"));
  EXPECT_EQ(Verify(first, CrlCheck({0})).exit_code, 0);
}

TEST_F(OpenSslTest, SeesARevocationOnTheDeltaOfAnOldCrl) {
  issuer_ = hierarchy_.MakeIssuer("test", "http://crl.example", nullptr,
                                  /*deltas=*/true);
  freshest_crl_ = true;
  ASSERT_OK_AND_ASSIGN(
      auto leaf, Issue(ProfileKind::kLdevid, Device(), KeyAlgorithm::kP256));
  EXPECT_THAT(leaf->freshest_crl_uris,
              ElementsAre("http://crl.example/test/0-delta.crl"));
  ASSERT_OK_AND_ASSIGN(auto base, crl_issuer_.Current(*issuer_, 0, "test"));
  const std::string base_file = SavePem("base.crl", base.crl_der);
  EXPECT_EQ(Verify(leaf, "-crl_check -CRLfile " + base_file).exit_code, 0);

  ASSERT_OK(Hold(leaf));
  ASSERT_OK_AND_ASSIGN(auto held, crl_issuer_.Current(*issuer_, 0, "test"));
  const Output refused = Verify(
      leaf,
      absl::StrCat("-crl_check -use_deltas -CRLfile ",
                   SavePems("held.crl", {base.crl_der, held.delta->crl_der})));
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.text, HasSubstr("certificate revoked"));

  ASSERT_OK(Release(leaf));
  ASSERT_OK_AND_ASSIGN(auto free, crl_issuer_.Current(*issuer_, 0, "test"));
  for (const std::string& complete : {base.crl_der, held.crl_der}) {
    const Output good = Verify(
        leaf,
        absl::StrCat("-crl_check -use_deltas -CRLfile ",
                     SavePems("free.crl", {complete, free.delta->crl_der})));
    EXPECT_EQ(good.exit_code, 0) << good.text;
  }
}

TEST_F(OpenSslTest, ReadsADelta) {
  issuer_ = hierarchy_.MakeIssuer("test", "http://crl.example", nullptr,
                                  /*deltas=*/true);
  ASSERT_OK_AND_ASSIGN(auto row, crl_issuer_.Current(*issuer_, 0, "test"));
  const std::string text = OpenSsl("crl -noout -text -in " +
                                   SavePem("delta.crl", row.delta->crl_der))
                               .text;
  EXPECT_THAT(text, HasSubstr("X509v3 Delta CRL Indicator: critical"));
  EXPECT_THAT(text, HasSubstr("X509v3 Issuing Distribution Point: critical"));
  EXPECT_THAT(
      OpenSsl("crl -noout -text -in " + SavePem("c.crl", row.crl_der)).text,
      HasSubstr("X509v3 Freshest CRL"));
}

}  // namespace
}  // namespace birthmark::ca
