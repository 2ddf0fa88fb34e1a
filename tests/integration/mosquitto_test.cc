// A real broker with client certificates: what `birthmark sync-crl` brings it
// decides within a second who may come in.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/base/clock.h"
#include "tests/support/deployment.h"
#include "tests/support/devices.h"
#include "tests/support/free_port.h"

namespace birthmark::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The promise is a second; a machine that is busy with other tests gets more.
constexpr absl::Duration kBound = absl::Seconds(10);

class MosquittoTest : public testing::Test {
 protected:
  MosquittoTest() : deployment_({.public_url = "http://status.invalid"}) {
    MakeDevices(deployment_, devices_, {"a", "b"});
    EXPECT_EQ(deployment_
                  .Birthmark({"enforcement-point", "create", "broker-1",
                              "--out", deployment_.dir() + "/broker-1"})
                  .exit_code,
              0);
    // Mosquitto gives its privileges up, and must be able to read this.
    std::string name = "/tmp/bm-broker.XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    broker_dir_ = name;
    chmod(name.c_str(), 0755);
    StartSync({"--once"})->Wait();
    StartBroker();
    sync_ = StartSync({"--signal-pid-file", broker_dir_ + "/pid",
                       "--status-file", deployment_.dir() + "/sync.json"});
    EXPECT_LT(WaitUntil([this] {
                return absl::StrContains(
                    ReadAll(deployment_.dir() + "/sync.json"),
                    "\"connected\": true");
              }),
              absl::Seconds(20));
    EXPECT_LT(WaitUntil([this] { return Publish("a") == 0; }),
              absl::Seconds(20))
        << broker_->Err();
  }

  ~MosquittoTest() override {
    sync_.reset();
    broker_.reset();
    RunProgram({"rm", "-rf", broker_dir_});
  }

  std::unique_ptr<Process> StartSync(std::vector<std::string> more) {
    std::vector<std::string> words = {"sync-crl", "--identity",
                                      deployment_.dir() + "/broker-1", "--out",
                                      broker_dir_ + "/crls.pem"};
    words.insert(words.end(), more.begin(), more.end());
    return deployment_.BirthmarkInBackground(words, "sync");
  }

  void StartBroker() {
    const std::string dir = broker_dir_ + "/";
    ASSERT_EQ(RunProgram({"openssl", "req", "-x509", "-newkey", "ec",
                          "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                          "-keyout", dir + "key.pem", "-out",
                          dir + "server.pem", "-subj", "/CN=broker", "-addext",
                          "subjectAltName=IP:127.0.0.1", "-days", "2"})
                  .exit_code,
              0);
    chmod((dir + "key.pem").c_str(), 0644);
    const std::string trust = deployment_.home() + "/trust/";
    WriteFile(dir + "clients.pem",
              ReadAll(trust + "root.pem") + ReadAll(trust + "issuers.pem"));
    port_ = absl::StrCat(FreePort());
    WriteFile(dir + "conf",
              absl::StrCat("listener ", port_, " 127.0.0.1\n", "cafile ", dir,
                           "clients.pem\n", "certfile ", dir, "server.pem\n",
                           "keyfile ", dir, "key.pem\n", "crlfile ", dir,
                           "crls.pem\n",
                           "require_certificate true\n"
                           "use_identity_as_username true\n"
                           "allow_anonymous false\n"
                           "persistence false\n"
                           "log_dest stderr\n"
                           "log_type all\n"));
    broker_ = std::make_unique<Process>(
        std::vector<std::string>{"/usr/sbin/mosquitto", "-c", dir + "conf"},
        deployment_.dir() + "/broker");
    WriteFile(dir + "pid", absl::StrCat(broker_->pid(), "\n"));
  }

  // Publish has a device publish a message and returns the exit code of its
  // client: 0 if the broker has acknowledged it.
  int Publish(const std::string& device) {
    const std::string identity = absl::StrCat(devices_, "/", device);
    return RunProgram(
               {"mosquitto_pub", "-h", "127.0.0.1", "-p", port_, "--cafile",
                broker_dir_ + "/server.pem", "--cert", identity + "/ldevid.pem",
                "--key", identity + "/ldevid.key", "-i", device, "-q", "1",
                "-t", "devices/" + device, "-m", "hello"},
               {}, absl::Seconds(10))
        .exit_code;
  }

  template <typename Condition>
  static absl::Duration WaitUntil(Condition condition) {
    const absl::Duration begin = Clock::Real().MonotonicNow();
    absl::Duration waited;
    while (!condition() && waited < absl::Seconds(30)) {
      absl::SleepFor(absl::Milliseconds(10));
      waited = Clock::Real().MonotonicNow() - begin;
    }
    return waited;
  }

  // Does something to the certificate of `device` and says how long after it
  // was done the broker let the device in, or did not.
  void ExpectAfter(std::vector<std::string> words, const std::string& device,
                   bool let_in) {
    words.insert(words.begin() + 2,
                 CertificateOf("ldevid", absl::StrCat(devices_, "/", device,
                                                      "/ldevid.pem")));
    const ProcessResult result = deployment_.Birthmark(words);
    ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
    const absl::Duration waited =
        WaitUntil([&] { return (Publish(device) == 0) == let_in; });
    std::cout << words[1] << ": the broker acts on it after " << waited
              << std::endl;
    EXPECT_LT(waited, kBound) << broker_->Err() << sync_->Err();
  }

  Deployment deployment_;
  const std::string devices_ = deployment_.dir() + "/devices";
  std::string broker_dir_;
  std::string port_;
  std::unique_ptr<Process> broker_;
  std::unique_ptr<Process> sync_;
};

TEST_F(MosquittoTest, ARevokedDeviceIsKeptOut) {
  EXPECT_EQ(Publish("b"), 0);
  ExpectAfter({"certificate", "hold"}, "a", /*let_in=*/false);
  EXPECT_EQ(Publish("b"), 0);
  ExpectAfter({"certificate", "release"}, "a", /*let_in=*/true);
  ExpectAfter({"certificate", "revoke", "--reason", "keyCompromise", "--yes"},
              "a", /*let_in=*/false);

  // Others are served by the same process; the operator sees what it enforces.
  EXPECT_EQ(Publish("b"), 0);
  EXPECT_TRUE(broker_->Running());
  EXPECT_LT(WaitUntil([this] {
              const nlohmann::json list =
                  deployment_.BirthmarkJson({"enforcement-point", "list"});
              const nlohmann::json& point = list["enforcement_points"][0];
              return point["name"] == "enforcementPoints/broker-1" &&
                     point["revision"] == "3" &&
                     point["latest_revision"] == "3";
            }),
            absl::Seconds(15))
      << deployment_.BirthmarkJson({"enforcement-point", "list"}).dump(2);
}

TEST_F(MosquittoTest, WhatHappensWhileTheServiceIsAwayIsMadeUpFor) {
  // The broker goes on with what it has.
  deployment_.process("registration").Kill();
  EXPECT_EQ(Publish("a"), 0);
  deployment_.Start("registration");
  ExpectAfter({"certificate", "revoke", "--reason", "keyCompromise", "--yes"},
              "a", /*let_in=*/false);

  // The agent dies; the next one finds out by itself.
  sync_->Kill();
  const ProcessResult result = deployment_.Birthmark(
      {"certificate", "revoke",
       CertificateOf("ldevid", devices_ + "/b/ldevid.pem"), "--yes"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Publish("b"), 0);
  sync_ = StartSync({"--signal-pid-file", broker_dir_ + "/pid"});
  EXPECT_LT(WaitUntil([this] { return Publish("b") != 0; }), absl::Seconds(10));
  EXPECT_EQ(sync_->Stop(), 0);
  EXPECT_THAT(deployment_
                  .Birthmark({"sync-crl", "--check", "--out",
                              broker_dir_ + "/crls.pem", "--warn-before", "1h"})
                  .err,
              Not(HasSubstr("error")));
}

}  // namespace
}  // namespace birthmark::tests
