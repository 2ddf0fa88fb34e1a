// Who may come in: only certificates that were issued here, are valid, recorded
// and not revoked, and only where their role lets them.
#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/base/clock.h"
#include "tests/support/csr_folder.h"
#include "tests/support/deployment.h"
#include "tests/support/forged_identity.h"

namespace birthmark::tests {
namespace {

using ::testing::HasSubstr;

class CallersTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { deployment_ = new Deployment; }
  static void TearDownTestSuite() { delete deployment_; }

  // Runs a command with the identity folder of `identity`.
  static ProcessResult As(const std::string& identity,
                          const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {Deployment::Client()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return RunProgram(command, {{"BIRTHMARK_IDENTITY", identity}});
  }

  static Deployment* deployment_;
};
Deployment* CallersTest::deployment_ = nullptr;

TEST_F(CallersTest, TheOperatorOfThisDeploymentComesIn) {
  EXPECT_EQ(As(deployment_->home() + "/operator", {"fleet", "list"}).exit_code,
            0);
}

TEST_F(CallersTest, ACertificateOfAnotherAuthorityIsUnknown) {
  const std::string identity = ForgeIdentity(
      *deployment_, "stranger", {.issuer = ForgedIssuer::kStranger});
  const ProcessResult result = As(identity, {"fleet", "list"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("UNAUTHENTICATED"));
  EXPECT_THAT(result.err, HasSubstr("CERTIFICATE_UNKNOWN"));
}

TEST_F(CallersTest, AnExpiredCertificateIsNamedAsSuch) {
  const std::string identity =
      ForgeIdentity(*deployment_, "expired",
                    {.not_after = Clock::Real().Now() - absl::Hours(1)});
  const ProcessResult result = As(identity, {"fleet", "list"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("UNAUTHENTICATED"));
  EXPECT_THAT(result.err, HasSubstr("CERTIFICATE_EXPIRED"));
}

TEST_F(CallersTest, ACertificateThatIsNotRecordedOpensNothing) {
  // Signed by the right key, and still worth nothing: it was never recorded.
  const std::string identity = ForgeIdentity(*deployment_, "unrecorded", {});
  const ProcessResult result = As(identity, {"fleet", "list"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("CERTIFICATE_UNKNOWN"));
}

TEST_F(CallersTest, ALineMayNotDoWhatAnOperatorMay) {
  const std::string line = deployment_->CreateLine("roles", "l1");
  for (const auto& command : std::vector<std::vector<std::string>>{
           {"line", "list", "--fleet", "roles"},
           {"line", "disable", "roles/l1"},
           {"crl", "get", "idevid"}}) {
    const ProcessResult result = As(line, command);
    EXPECT_NE(result.exit_code, 0) << command[0] << command[1];
    EXPECT_THAT(result.err, HasSubstr("PERMISSION_DENIED"));
    EXPECT_THAT(result.err, HasSubstr("CALLER_NOT_ALLOWED"));
  }
}

TEST_F(CallersTest, AnOperatorMayNotProvision) {
  const std::string line = deployment_->CreateLine("roles", "l2");
  for (const char* file : {"line.pem", "line.key"}) {
    const std::string own = absl::StrCat(
        deployment_->home(), "/operator/operator", std::string(file).substr(4));
    ASSERT_EQ(RunProgram({"cp", own, line + "/" + file}).exit_code, 0);
  }
  CsrFolder csrs(deployment_->dir() + "/operator-csrs");
  csrs.Add("a");
  csrs.Finish();
  const ProcessResult result = deployment_->Birthmark(
      {"provision", "--line", line, "--batch", "b", "--csr-dir", csrs.path(),
       "--out", deployment_->dir() + "/operator-out"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("PERMISSION_DENIED"));
}

TEST_F(CallersTest, ARevokedLineIsRefusedAtOnce) {
  const std::string line = deployment_->CreateLine("revoked", "l1");
  const std::string serial =
      RunProgram(
          {"openssl", "x509", "-in", line + "/line.pem", "-noout", "-serial"})
          .out;
  const std::string name =
      absl::StrCat("issuers/internal/certificates/",
                   absl::AsciiStrToLower(serial.substr(7, 32)));
  ASSERT_EQ(deployment_->Birthmark({"certificate", "revoke", name, "--yes"})
                .exit_code,
            0);
  CsrFolder csrs(deployment_->dir() + "/revoked-csrs");
  csrs.Add("a");
  csrs.Finish();
  const ProcessResult result = deployment_->Birthmark(
      {"provision", "--line", line, "--batch", "b", "--csr-dir", csrs.path(),
       "--out", deployment_->dir() + "/revoked-out"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("UNAUTHENTICATED"));
  EXPECT_THAT(result.err, HasSubstr("CERTIFICATE_REVOKED"));
}

// The server closes without an alert: all that a stranger learns is that.
TEST_F(CallersTest, WithoutAClientCertificateThereIsNoConnection) {
  const ProcessResult result = RunProgram(
      {"openssl", "s_client", "-tls1_3", "-unix",
       deployment_->home() + "/run/registration.sock", "-CAfile",
       deployment_->home() + "/trust/root.pem", "-alpn", "h2", "-ign_eof"},
      {}, absl::Seconds(20));
  EXPECT_THAT(result.out, HasSubstr("New, TLSv1.3"));
  EXPECT_THAT(result.err, HasSubstr("unexpected eof"));
}

TEST_F(CallersTest, OlderTlsIsRefused) {
  const ProcessResult result = RunProgram(
      {"openssl", "s_client", "-tls1_2", "-unix",
       deployment_->home() + "/run/registration.sock", "-alpn", "h2"},
      {}, absl::Seconds(20));
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("no peer certificate available"));
}

}  // namespace
}  // namespace birthmark::tests
