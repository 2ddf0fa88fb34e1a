// Many certificates are revoked at once, which takes two people: the second
// operator is made from the deployment's folder, and counts from the moment
// that `birthmarkd migrate` has recorded them.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/csr_folder.h"
#include "tests/support/deployment.h"

namespace birthmark::tests {
namespace {

using ::testing::HasSubstr;

// One more than what needs no approval.
constexpr int kDevices = 101;

class SecondOperatorTest : public testing::Test {
 protected:
  SecondOperatorTest() : deployment_(Layout::kOneProcess) {}

  ProcessResult Run(std::vector<std::string> words,
                    const std::string& identity = "") {
    if (!identity.empty()) {
      words.insert(words.end(), {"--identity", identity});
    }
    return deployment_.Birthmark(words);
  }

  void ExpectExit(int code, const ProcessResult& result,
                  const std::string& text = "") {
    EXPECT_EQ(result.exit_code, code) << result.out << result.err;
    EXPECT_THAT(result.out + result.err, HasSubstr(text));
  }

  ProcessResult Migrate() {
    return RunProgram({Deployment::Server(), "migrate", "--config",
                       deployment_.home() + "/config/migrate.textproto"});
  }

  // Returns the second operator's folder.
  std::string AddOperator() {
    const std::string folder = deployment_.dir() + "/night";
    ExpectExit(
        0,
        Run({"operator", "add", deployment_.home(), "night", "--out", folder}),
        "birthmarkd migrate");
    return folder;
  }

  void Provision(const std::string& batch, int devices) {
    const std::string line = deployment_.CreateLine("acme", "line-1");
    const std::string folder = absl::StrCat(deployment_.dir(), "/", batch);
    CsrFolder csrs(folder);
    csrs.AddMany(batch, devices);
    csrs.Finish();
    ExpectExit(0, Run({"provision", "--line", line, "--batch", batch,
                       "--csr-dir", folder, "--out", folder}));
  }

  Deployment deployment_;
};

TEST_F(SecondOperatorTest, CountsOnceRecorded) {
  const std::string night = AddOperator();
  ExpectExit(4, Run({"fleet", "list"}, night), "CERTIFICATE_UNKNOWN");
  ExpectExit(0, Migrate(), "recorded 1 certificates");
  ExpectExit(0, Run({"fleet", "list"}, night));
}

TEST_F(SecondOperatorTest, LetsAMassRevocationStart) {
  const std::string night = AddOperator();
  ExpectExit(0, Migrate());
  Provision("bad", kDevices);

  ExpectExit(0,
             Run({"revocation-job", "preview", "--batch", "acme/line-1/bad"}),
             "101 certificates");
  ExpectExit(0,
             Run({"revocation-job", "create", "leak", "--batch",
                  "acme/line-1/bad", "--reason", "keyCompromise", "--yes"}),
             "waits for a second operator");
  EXPECT_EQ(deployment_.Sql("SELECT count(*) FROM revocations"), "0");
  ExpectExit(4, Run({"revocation-job", "approve", "leak", "--yes"}),
             "SECOND_OPERATOR_NEEDED");
  ExpectExit(0, Run({"revocation-job", "approve", "leak", "--yes"}, night),
             "revocation-job get leak --watch");
  ExpectExit(0, Run({"revocation-job", "get", "leak", "--watch"}),
             "101 revoked, 0 were revoked already, 0 had expired");
  EXPECT_EQ(deployment_.Sql("SELECT count(*) FROM revocations"), "101");
  ExpectExit(0, Run({"revocation", "list", "--issuer", "idevid"}),
             "101 revocations");
  ExpectExit(1, Run({"revocation-job", "pause", "leak"}),
             "REVOCATION_JOB_STATE");
  ExpectExit(1,
             Run({"revocation-job", "create", "again", "--batch",
                  "acme/line-1/bad", "--yes"}),
             "NOTHING_SELECTED");
}

TEST_F(SecondOperatorTest, AWatchOfACancelledJobFails) {
  Provision("few", 3);
  ExpectExit(0, Run({"revocation-job", "create", "slow", "--batch",
                     "acme/line-1/few", "--rate", "1", "--yes"}));
  ExpectExit(0, Run({"revocation-job", "pause", "slow"}), "paused");
  ExpectExit(0, Run({"revocation-job", "cancel", "slow", "--yes"}));
  ExpectExit(1, Run({"revocation-job", "get", "slow", "--watch"}),
             "what is revoked stays so");
}

// A key that never leaves where it is: openssl signs the challenge.
TEST_F(SecondOperatorTest, OpensslProvesThatAKeyIsOut) {
  const std::string line = deployment_.CreateLine("acme", "line-1");
  const std::string dir = deployment_.dir() + "/leak";
  CsrFolder csrs(dir);
  const auto key = csrs.Add("board");
  csrs.Finish();
  ExpectExit(0, Run({"provision", "--line", line, "--batch", "b", "--csr-dir",
                     dir, "--out", dir}));
  ASSERT_TRUE(key->Save(dir + "/leaked.pem").ok());
  const std::vector<std::string> report = {"certificate", "report-compromise",
                                           "--spki", dir + "/board.pem"};
  const auto with = [&report](std::vector<std::string> more) {
    more.insert(more.begin(), report.begin(), report.end());
    return more;
  };
  const std::string challenge = dir + "/challenge";
  const std::string signature = dir + "/signature";
  ExpectExit(0, Run(with({"--challenge-out", challenge})),
             "Nothing is revoked yet");
  const std::vector<std::string> send =
      with({"--challenge", challenge, "--signature", signature, "--yes"});
  WriteFile(signature, "not a signature");
  ExpectExit(4, Run(send), "SIGNATURE_INVALID");
  ASSERT_EQ(RunProgram({"openssl", "dgst", "-sha256", "-sign",
                        dir + "/leaked.pem", "-out", signature, challenge})
                .exit_code,
            0);
  ExpectExit(0, Run(send), "keyCompromise");
  // Idempotent, in the other form too.
  ExpectExit(0, Run({"certificate", "report-compromise", "--key",
                     dir + "/leaked.pem", "--yes"}));
}

}  // namespace
}  // namespace birthmark::tests
