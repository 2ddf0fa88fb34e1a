// `birthmark sync-crl` keeps a broker's CRL file current through revocations,
// restarts of the service and new shards, and Mosquitto enforces it.
#include <cctype>
#include <functional>
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
#include "lib/keys/local_key.h"
#include "nlohmann/json.hpp"
#include "tests/support/csr_folder.h"
#include "tests/support/deployment.h"
#include "tests/support/free_port.h"

namespace birthmark::tests {
namespace {

using ::testing::HasSubstr;

bool Within(absl::Duration time, const std::function<bool()>& condition) {
  const absl::Duration begin = Clock::Real().MonotonicNow();
  while (!condition()) {
    if (Clock::Real().MonotonicNow() - begin > time) {
      return false;
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
  return true;
}

class SyncCrlTest : public testing::Test {
 protected:
  SyncCrlTest() : line_(deployment_.CreateLine("acme", "line-1")) {
    const ProcessResult created = deployment_.Birthmark(
        {"enforcement-point", "create", "broker-1", "--out", point_});
    EXPECT_EQ(created.exit_code, 0) << created.err;
  }

  // Provision makes `count` devices and returns their serial numbers.
  std::vector<std::string> Provision(const std::string& batch, int count) {
    const std::string folder = deployment_.dir() + "/" + batch;
    CsrFolder csrs(folder);
    for (int i = 0; i < count; ++i) {
      csrs.Add(absl::StrCat(batch, "-", i));
    }
    csrs.Finish();
    const ProcessResult result =
        deployment_.Birthmark({"provision", "--line", line_, "--batch", batch,
                               "--csr-dir", folder, "--out", folder});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::vector<std::string> serials;
    for (int i = 0; i < count; ++i) {
      serials.push_back(
          Serial(absl::StrCat(folder, "/", batch, "-", i, ".pem")));
    }
    return serials;
  }

  static std::string Serial(const std::string& certificate) {
    const std::string text =
        RunProgram({"openssl", "x509", "-noout", "-serial", "-in", certificate})
            .out;
    return text.substr(text.find('=') + 1, 32);
  }

  std::vector<std::string> Arguments() const {
    return {"sync-crl", "--identity", point_,          "--out", file_,
            "--issuer", "idevid",     "--status-file", status_};
  }

  void Revoke(std::string serial) {
    for (char& digit : serial) {
      digit = static_cast<char>(tolower(digit));
    }
    const ProcessResult result =
        deployment_.Birthmark({"certificate", "revoke", serial, "--reason",
                               "keyCompromise", "--yes"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }

  // Lists says whether any CRL of the file lists the certificate (upper case).
  bool Lists(const std::string& serial) const {
    std::string rest = ReadAll(file_);
    const std::string end = "-----END X509 CRL-----\n";
    for (size_t at = rest.find(end); at != std::string::npos;
         at = rest.find(end)) {
      const std::string one = deployment_.dir() + "/one.pem";
      WriteFile(one, rest.substr(0, at + end.size()));
      if (absl::StrContains(
              RunProgram({"openssl", "crl", "-in", one, "-noout", "-text"}).out,
              serial)) {
        return true;
      }
      rest.erase(0, at + end.size());
    }
    return false;
  }

  nlohmann::json Point() {
    return deployment_.BirthmarkJson(
        {"enforcement-point", "list"})["enforcement_points"][0];
  }

  Deployment deployment_{
      Deployment::Options{.public_url = "http://status.birthmark.test",
                          .config = {{"ca", "crl_shard_size: 4"}}}};
  const std::string line_;
  const std::string point_ = deployment_.dir() + "/broker-1";
  const std::string file_ = deployment_.dir() + "/crls.pem";
  const std::string status_ = deployment_.dir() + "/status.json";
};

TEST_F(SyncCrlTest, TheFileFollowsWithinASecondAndThroughRestarts) {
  const std::vector<std::string> first = Provision("b1", 6);
  std::vector<std::string> arguments = Arguments();
  const std::string told = deployment_.dir() + "/told";
  arguments.insert(arguments.end(), {"--exec", "touch " + told});
  auto agent = deployment_.BirthmarkInBackground(arguments, "agent");
  ASSERT_TRUE(Within(absl::Seconds(20), [&] {
    return !ReadAll(file_).empty();
  })) << agent->Err();
  EXPECT_FALSE(Lists(first[0]));
  RunProgram({"rm", told});

  Revoke(first[0]);
  const absl::Duration begin = Clock::Real().MonotonicNow();
  EXPECT_TRUE(Within(absl::Seconds(20), [&] { return Lists(first[0]); }));
  std::cout << "on the file " << Clock::Real().MonotonicNow() - begin
            << " after the revocation was confirmed" << std::endl;
  EXPECT_TRUE(Within(absl::Seconds(20), [&] {
    return RunProgram({"ls", told}).exit_code == 0;
  }));
  EXPECT_TRUE(Within(absl::Seconds(15), [&] {
    return Point().value("revision", "0") ==
           Point().value("latest_revision", "");
  })) << Point();

  // The service is killed; what was there stays, and what happened meanwhile
  // comes when it is back.
  deployment_.process("registration").Kill();
  EXPECT_TRUE(Lists(first[0]));
  deployment_.Start("registration");
  Revoke(first[1]);
  EXPECT_TRUE(Within(absl::Seconds(20), [&] { return Lists(first[1]); }))
      << agent->Err();

  // Certificates on shards that did not exist before.
  const std::vector<std::string> later = Provision("b2", 9);
  Revoke(later[8]);
  EXPECT_TRUE(Within(absl::Seconds(20), [&] { return Lists(later[8]); }))
      << agent->Err();
  // Those of shards without a revocation are made when it is their turn.
  EXPECT_TRUE(Within(absl::Seconds(20), [&] {
    return nlohmann::json::parse(ReadAll(status_))["crls"].get<int>() >= 3;
  })) << ReadAll(status_);
  const nlohmann::json state = nlohmann::json::parse(ReadAll(status_));
  EXPECT_EQ(state["alarm"], "");
  EXPECT_EQ(state["connected"], true);
  EXPECT_EQ(agent->Stop(), 0);
}

TEST_F(SyncCrlTest, OnceAndCheckAreForScripts) {
  Provision("b1", 1);
  std::vector<std::string> once = Arguments();
  once.push_back("--once");
  const ProcessResult result = deployment_.Birthmark(once);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const std::vector<std::string> check = {"sync-crl", "--out", file_,
                                          "--check"};
  EXPECT_EQ(deployment_.Birthmark(check).exit_code, 0);
  std::vector<std::string> early = check;
  early.insert(early.end(), {"--warn-before", "240h"});
  const ProcessResult alarm = deployment_.Birthmark(early);
  EXPECT_EQ(alarm.exit_code, 1);
  EXPECT_THAT(alarm.err, HasSubstr("CRL_EXPIRES"));
  // Without the service nothing is lost.
  const std::string before = ReadAll(file_);
  EXPECT_EQ(deployment_.process("registration").Stop(), 0);
  EXPECT_EQ(deployment_.Birthmark(once).exit_code, 3);
  EXPECT_EQ(ReadAll(file_), before);
}

TEST_F(SyncCrlTest, ARevokedPointHearsNothingMore) {
  Provision("b1", 1);
  auto agent = deployment_.BirthmarkInBackground(Arguments(), "agent");
  ASSERT_TRUE(Within(absl::Seconds(20), [&] {
    return !ReadAll(file_).empty();
  })) << agent->Err();
  Revoke(Serial(point_ + "/enforcement-point.pem"));
  EXPECT_TRUE(Within(absl::Seconds(30), [&] {
    return absl::StrContains(agent->Err(), "CERTIFICATE_REVOKED");
  })) << agent->Err();
}

TEST_F(SyncCrlTest, MosquittoFindsTheCrlOfEveryShard) {
  const std::string folder = deployment_.dir() + "/devices";
  CsrFolder csrs(folder);
  std::vector<std::unique_ptr<keys::LocalKey>> keys;
  for (int i = 0; i < 6; ++i) {
    keys.push_back(csrs.Add(absl::StrCat("d", i)));
  }
  csrs.Finish();
  ASSERT_EQ(deployment_
                .Birthmark({"provision", "--line", line_, "--batch", "b1",
                            "--csr-dir", folder, "--out", folder})
                .exit_code,
            0);
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(keys[i]->Save(absl::StrCat(folder, "/d", i, ".key")).ok());
  }
  std::vector<std::string> arguments = Arguments();
  const std::string pid_file = deployment_.dir() + "/broker.pid";
  arguments.insert(arguments.end(), {"--signal-pid-file", pid_file});
  auto agent = deployment_.BirthmarkInBackground(arguments, "agent");
  ASSERT_TRUE(Within(absl::Seconds(20), [&] {
    return !ReadAll(file_).empty();
  })) << agent->Err();

  const std::string home = deployment_.home();
  const std::string ca = deployment_.dir() + "/ca.pem";
  WriteFile(ca, absl::StrCat(ReadAll(home + "/trust/root.pem"),
                             ReadAll(home + "/trust/issuers.pem")));
  const std::string port = absl::StrCat(FreePort());
  const std::string config = deployment_.dir() + "/mosquitto.conf";
  WriteFile(config,
            absl::StrCat("pid_file ", pid_file, "\nuser root\nlistener ", port,
                         " 127.0.0.1\nallow_anonymous true\ncafile ", ca,
                         "\ncertfile ", home, "/tls/registration.pem\nkeyfile ",
                         home, "/tls/registration.key\ncrlfile ", file_,
                         "\nrequire_certificate true\n"));
  Process broker({"/usr/sbin/mosquitto", "-c", config},
                 deployment_.dir() + "/broker");
  const auto publish = [&](int device) {
    const std::string file = absl::StrCat(folder, "/d", device);
    return RunProgram({"mosquitto_pub", "-h", "127.0.0.1", "-p", port,
                       "--cafile", ca, "--insecure", "--cert", file + ".pem",
                       "--key", file + ".key", "-t", "hello", "-m", "x"},
                      {}, absl::Seconds(10))
               .exit_code == 0;
  };
  // The devices are on two shards.
  for (const int device : {0, 5}) {
    ASSERT_TRUE(Within(absl::Seconds(20), [&] { return publish(device); }))
        << broker.Err();
  }
  Revoke(Serial(folder + "/d0.pem"));
  EXPECT_TRUE(Within(absl::Seconds(20), [&] { return !publish(0); }))
      << agent->Err();
  EXPECT_TRUE(publish(5)) << broker.Err();
  EXPECT_TRUE(publish(1)) << "of the same shard: " << broker.Err();
  EXPECT_EQ(agent->Stop(), 0) << agent->Err();
  broker.Stop();
}

}  // namespace
}  // namespace birthmark::tests
