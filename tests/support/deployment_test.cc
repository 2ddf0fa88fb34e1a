// The options of Deployment do what tests rely on.

#include "tests/support/deployment.h"

#include "absl/strings/str_cat.h"
#include "lib/base/testing.h"
#include "tests/support/process.h"

namespace birthmark::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

void ExpectServesCrls(const Deployment& deployment) {
  EXPECT_THAT(deployment.HttpAddress(), StartsWith("127.0.0.1:"));
  // The publisher needs a moment for the first ones.
  const ProcessResult result =
      RunProgram({"curl", "--silent", "--show-error", "--fail", "--retry", "40",
                  "--retry-delay", "1", "--retry-all-errors", "--output",
                  deployment.dir() + "/0.crl",
                  absl::StrCat("http://", deployment.HttpAddress(),
                               "/crl/internal/0.crl")});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const ProcessResult text =
      RunProgram({"openssl", "crl", "-inform", "DER", "-noout", "-text", "-in",
                  deployment.dir() + "/0.crl"});
  EXPECT_THAT(text.out, HasSubstr("URI:http://status.test/crl/internal/0.crl"));
}

TEST(DeploymentTest, TheRoleStatusRunsInItsOwnProcess) {
  const Deployment deployment({.status = true,
                               .public_url = "http://status.test",
                               .config = {{"ca", "crl_shard_size: 3"}}});
  ExpectServesCrls(deployment);
  EXPECT_THAT(ReadAll(deployment.home() + "/config/ca.textproto"),
              HasSubstr("crl_shard_size: 3"));
}

TEST(DeploymentTest, TheRoleStatusRunsWithTheOthers) {
  ExpectServesCrls(Deployment(
      {.layout = Layout::kOneProcess, .public_url = "http://status.test"}));
}

}  // namespace
}  // namespace birthmark::tests
