#include "services/cli/operator_identity.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "lib/base/fake_clock.h"
#include "lib/base/file.h"
#include "lib/base/testing.h"
#include "lib/config/validate.h"
#include "lib/keys/local_key.h"
#include "lib/x509/certificate.h"
#include "services/cli/client.h"
#include "services/cli/deployment.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

using testing::Contains;

class OperatorIdentityTest : public testing::Test {
 protected:
  OperatorIdentityTest() {
    std::string parent = "/tmp/bm.XXXXXX";
    EXPECT_NE(mkdtemp(parent.data()), nullptr);
    parent_ = parent;
    DeploymentOptions options;
    options.dir = parent_ + "/home";
    options.trust_domain = "birthmark.test";
    options.operator_name = "admin";
    options.listen_host = "127.0.0.1";
    options.base_port = 8441;
    options.database_host = "/run/pg";
    options.database_name = "birthmark";
    EXPECT_OK(MakeDeployment(options, clock_));
  }
  ~OperatorIdentityTest() override { std::filesystem::remove_all(parent_); }

  NewOperator Request(const std::string& name) const {
    return {.deployment = parent_ + "/home",
            .name = name,
            .out = parent_ + "/" + name,
            .client_file = parent_ + "/home/operator/client.textproto"};
  }

  x509::Certificate CertificateIn(const std::string& path) const {
    return x509::Certificate::ParsePem(*ReadFile(path))->front();
  }

  int ListedCertificates() const {
    return config::LoadMigrateConfig(parent_ + "/home/config/migrate.textproto")
        ->certificates_size();
  }

  FakeClock clock_;
  std::string parent_;
};

TEST_F(OperatorIdentityTest, MakesAFolderThatWorksAndListsItsCertificate) {
  const int before = ListedCertificates();
  ASSERT_OK_AND_ASSIGN(const AddedOperator added,
                       AddOperator(Request("night"), clock_));
  const x509::Certificate certificate =
      CertificateIn(parent_ + "/night/operator.pem");
  EXPECT_THAT(certificate->subject_alt_names.uris,
              Contains("spiffe://birthmark.test/operator/night"));
  EXPECT_EQ(added.not_after, certificate->not_after);
  EXPECT_OK(certificate.VerifySignatureBy(
      CertificateIn(parent_ + "/home/trust/internal.pem").public_key()));
  ASSERT_OK_AND_ASSIGN(const auto key,
                       keys::LocalKey::Load(parent_ + "/night/operator.key"));
  EXPECT_EQ(key->public_key(), certificate.public_key());
  ASSERT_OK_AND_ASSIGN(const auto client, LoadIdentity(parent_ + "/night"));
  EXPECT_EQ(client.identity().private_key_file(),
            parent_ + "/night/operator.key");
  EXPECT_EQ(client.registration().address(), "127.0.0.1:8441");

  ASSERT_OK_AND_ASSIGN(const auto migrate,
                       config::LoadMigrateConfig(added.migrate_file));
  ASSERT_EQ(migrate.certificates_size(), before + 1);
  const auto& listed = migrate.certificates(before);
  EXPECT_EQ(listed.issuer(), "internal");
  EXPECT_EQ(listed.profile(), "operator");
  EXPECT_EQ(CertificateIn(listed.certificate_file())->der, certificate->der);
  // What people wrote there is still there.
  EXPECT_TRUE(absl::StrContains(*ReadFile(added.migrate_file), "# Made by"));
}

TEST_F(OperatorIdentityTest, TwoOperatorsOfOneNameWouldCountAsOne) {
  EXPECT_THAT(
      AddOperator(Request("admin"), clock_),
      StatusIs(absl::StatusCode::kAlreadyExists, reasons::kOperatorExists));
  ASSERT_OK(AddOperator(Request("night"), clock_));
  NewOperator again = Request("night");
  again.out = parent_ + "/elsewhere";
  EXPECT_THAT(
      AddOperator(again, clock_),
      StatusIs(absl::StatusCode::kAlreadyExists, reasons::kOperatorExists));
  EXPECT_FALSE(std::filesystem::exists(again.out));
}

TEST_F(OperatorIdentityTest, AnExpiredOperatorGetsAnotherCertificate) {
  ASSERT_OK(AddOperator(Request("night"), clock_));
  clock_.Advance(absl::Hours(24 * 400));
  NewOperator again = Request("night");
  again.out = parent_ + "/night-2";
  EXPECT_THAT(AddOperator(again, clock_), IsOk());
}

TEST_F(OperatorIdentityTest, AFolderThatHoldsAnOperatorIsLeftAlone) {
  ASSERT_OK(AddOperator(Request("night"), clock_));
  NewOperator other = Request("day");
  other.out = parent_ + "/night";
  const std::string before = *ReadFile(parent_ + "/night/operator.pem");
  EXPECT_THAT(
      AddOperator(other, clock_),
      StatusIs(absl::StatusCode::kAlreadyExists, reasons::kFolderNotEmpty));
  EXPECT_EQ(*ReadFile(parent_ + "/night/operator.pem"), before);
}

TEST_F(OperatorIdentityTest, ACallThatBrokeOffIsCompletedWithTheSameKey) {
  ASSERT_OK(AddOperator(Request("night"), clock_));
  const int listed = ListedCertificates();
  const std::string before = *ReadFile(parent_ + "/night/operator.pem");
  // As if it had stopped after the certificate was listed.
  std::filesystem::remove(parent_ + "/night/operator.pem");
  std::filesystem::remove(parent_ + "/night/client.textproto");
  ASSERT_OK(AddOperator(Request("night"), clock_));
  EXPECT_EQ(*ReadFile(parent_ + "/night/operator.pem"), before);
  EXPECT_OK(LoadIdentity(parent_ + "/night"));
  EXPECT_EQ(ListedCertificates(), listed);
}

TEST_F(OperatorIdentityTest, AFolderThatIsNoDeploymentIsNamed) {
  NewOperator request = Request("night");
  request.deployment = parent_ + "/nowhere";
  EXPECT_THAT(AddOperator(request, clock_),
              StatusIs(absl::StatusCode::kNotFound, reasons::kFileUnusable));
  EXPECT_FALSE(std::filesystem::exists(request.out));
}

TEST_F(OperatorIdentityTest, WithoutTheIssuersKeyNothingIsMade) {
  std::filesystem::remove(parent_ + "/home/ca/internal.sealed");
  EXPECT_THAT(AddOperator(Request("night"), clock_),
              StatusIs(absl::StatusCode::kNotFound, reasons::kFileUnusable));
  EXPECT_FALSE(std::filesystem::exists(parent_ + "/night"));
}

}  // namespace
}  // namespace birthmark::cli
