// Runs the client in JavaScript against real processes.
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/csr_folder.h"
#include "tests/support/deployment.h"

namespace birthmark::tests {
namespace {

TEST(NodeClientTest, AClientInAnotherLanguageProvisionsAndResumes) {
  Deployment deployment;
  const std::string line = deployment.CreateLine("acme", "node");
  CsrFolder csrs(deployment.dir() + "/csrs");
  csrs.AddMany("d", 900);
  csrs.Finish();
  // The script's own place, not its link: the npm packages are near it.
  char* script = realpath("tests/node/provision.mjs", nullptr);
  const std::string path(script);
  free(script);
  const std::string sources = path.substr(0, path.rfind("/tests/node"));
  const ProcessResult result = RunProgram(
      {"node", path, sources + "/proto",
       absl::StrCat("unix:", deployment.home(), "/run/registration.sock"),
       absl::StrCat("registration.", Deployment::kTrustDomain),
       deployment.home() + "/trust/root.pem", line, "fleets/acme/lines/node",
       csrs.path()},
      {{"NODE_PACKAGES", sources + "/tools"}});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_EQ(deployment.Sql("SELECT count(*) FROM certificates WHERE device_uid "
                           "IS NOT NULL"),
            "900");
}

}  // namespace
}  // namespace birthmark::tests
