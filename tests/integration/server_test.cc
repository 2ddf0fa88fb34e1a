// The server binary itself: what it says to bad configurations and databases,
// how it starts, and how it stops.

#include <csignal>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/deployment.h"

namespace birthmark::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ServerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    deployment_ = new Deployment(Layout::kOneProcess);
  }
  static void TearDownTestSuite() { delete deployment_; }

  static std::string ConfigPath(const std::string& name) {
    return absl::StrCat(deployment_->home(), "/config/", name, ".textproto");
  }

  // Writes a copy of the configuration `from` with one text replaced.
  static std::string Edited(const std::string& from, const std::string& old,
                            const std::string& now) {
    const std::string text = ReadAll(ConfigPath(from));
    EXPECT_THAT(text, HasSubstr(old));
    WriteFile(ConfigPath("edited"), absl::StrReplaceAll(text, {{old, now}}));
    return ConfigPath("edited");
  }

  static ProcessResult Server(const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {Deployment::Server()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return RunProgram(command, {}, absl::Seconds(30));
  }

  static Deployment* deployment_;
};
Deployment* ServerTest::deployment_ = nullptr;

TEST_F(ServerTest, ChecksAConfigurationWithoutOpeningAnything) {
  for (const char* name : {"birthmarkd", "ca", "registration", "inventory"}) {
    const ProcessResult result =
        Server({"serve", "--config", ConfigPath(name), "--check_config"});
    EXPECT_EQ(result.exit_code, 0) << name << ": " << result.err;
  }
}

struct Case {
  const char* name;
  const char* config;
  const char* old;
  const char* now;
  const char* text;
};
class BadConfigTest : public ServerTest,
                      public testing::WithParamInterface<Case> {};

TEST_P(BadConfigTest, IsOneLineThatNamesTheFault) {
  const Case& c = GetParam();
  const ProcessResult result =
      Server({"serve", "--config", Edited(c.config, c.old, c.now)});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, StartsWith("birthmarkd: "));
  EXPECT_THAT(result.err, HasSubstr(c.text));
  EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << result.err;
}

INSTANTIATE_TEST_SUITE_P(
    All, BadConfigTest,
    testing::Values(
        Case{"UnknownField", "ca", "listen_address", "listen_adress",
             "edited.textproto:"},
        Case{"NoKeyEncryptionKey", "ca", "/kek\"", "/no-kek\"", "ca.kek_file"},
        Case{"KeyOfAnotherIssuer", "ca", "ldevid.sealed", "idevid.sealed",
             "ca.issuers \"ldevid\""},
        Case{"CertificateOfAnotherIssuer", "ca", "ldevid.chain.pem",
             "idevid.chain.pem", "issuer ldevid"},
        Case{"NoProfile", "registration", "profiles/ldevid.textproto",
             "profiles/none.textproto", "registration.profile_files"},
        Case{"NoConnectionString", "inventory", "inventory.dsn", "none.dsn",
             "inventory.database.dsn_file"},
        Case{"HalfAnEndpoint", "inventory", "server_name:", "# ",
             "inventory.ca.server_name"}),
    [](const auto& info) { return info.param.name; });

TEST_F(ServerTest, RefusesADatabaseThatWasNotMigrated) {
  const std::string dsn = deployment_->home() + "/db/inventory.dsn";
  const std::string before = ReadAll(dsn);
  deployment_->postgres().Sql("postgres", "CREATE DATABASE empty");
  WriteFile(
      dsn, absl::StrReplaceAll(before, {{"dbname=birthmark", "dbname=empty"}}));
  const ProcessResult result =
      Server({"serve", "--config", ConfigPath("inventory")});
  WriteFile(dsn, before);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("inventory.database"));
  EXPECT_THAT(result.err, HasSubstr("birthmarkd migrate"));
}

TEST_F(ServerTest, MigratesTwiceWithoutEffect) {
  const std::string entries =
      deployment_->Sql("SELECT count(*) FROM audit_entries");
  const ProcessResult result =
      Server({"migrate", "--config", ConfigPath("migrate")});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("the schema was up to date"));
  EXPECT_THAT(result.out, HasSubstr("recorded 0 certificates"));
  EXPECT_EQ(deployment_->Sql("SELECT count(*) FROM audit_entries"), entries);
}

TEST_F(ServerTest, StopsCleanlyOnASignalAndStartsAgain) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Process& process = deployment_->process("birthmarkd");
    process.Signal(signal);
    EXPECT_EQ(process.Wait(absl::Seconds(30)), 0) << process.Err();
    EXPECT_THAT(process.Err(), HasSubstr("\"stopped\""));
    // At once on the same socket.
    deployment_->Start("birthmarkd");
    EXPECT_EQ(deployment_->Birthmark({"fleet", "list"}).exit_code, 0);
  }
}

TEST_F(ServerTest, TellsMonitoringHowItIs) {
  Process process({Deployment::Server(), "serve", "--config",
                   Edited("inventory", "trust {",
                          "telemetry_address: \"127.0.0.1:0\"\ntrust {")},
                  deployment_->dir() + "/monitored");
  const std::string key = "\"telemetry\":\"127.0.0.1:";
  for (int i = 0; process.Err().find(key) == std::string::npos; ++i) {
    ASSERT_TRUE(process.Running() && i < 3000) << process.Err();
    absl::SleepFor(absl::Milliseconds(10));
  }
  const std::string log = process.Err();
  const size_t at = log.find(key) + key.size();
  const std::string port = log.substr(at, log.find('"', at) - at);
  const auto get = [&](const std::string& path) {
    return RunProgram({"bash", "-c",
                       absl::StrCat("exec 3<>/dev/tcp/127.0.0.1/", port,
                                    "; printf 'GET ", path,
                                    " HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3")},
                      {}, absl::Seconds(10))
        .out;
  };
  EXPECT_THAT(get("/healthz"), HasSubstr(" 200 "));
  EXPECT_THAT(get("/readyz"), HasSubstr(" 200 "));
  EXPECT_THAT(get("/metrics"), HasSubstr("birthmark_rpc_in_flight"));
  EXPECT_EQ(process.Stop(), 0);
}

TEST_F(ServerTest, LeavesNoCoreDumps) {
  const ProcessResult result =
      RunProgram({"bash", "-c",
                  "for comm in /proc/[0-9]*/comm; do"
                  " if grep -qsx birthmarkd \"$comm\"; then"
                  "  grep 'Max core file size' \"${comm%comm}limits\";"
                  " fi; done"});
  EXPECT_THAT(result.out, HasSubstr("Max core file size        0"));
}

}  // namespace
}  // namespace birthmark::tests
