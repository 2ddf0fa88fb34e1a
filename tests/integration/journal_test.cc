// A database is restored from an older backup, and revoked certificates stay
// revoked: registration's journal, which lies outside of it, brings them back
// before anything is served.
#include <cctype>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/keys/local_key.h"
#include "tests/support/csr_folder.h"
#include "tests/support/deployment.h"

namespace birthmark::tests {
namespace {

using ::testing::HasSubstr;

constexpr int kDevices = 6;

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    const std::string line = deployment_.CreateLine("acme", "line-1");
    CsrFolder csrs(factory_);
    std::vector<std::unique_ptr<keys::LocalKey>> keys;
    for (int i = 0; i < kDevices; ++i) {
      keys.push_back(csrs.Add(absl::StrCat("d", i)));
    }
    csrs.Finish();
    const ProcessResult result =
        deployment_.Birthmark({"provision", "--line", line, "--batch", "b1",
                               "--csr-dir", factory_, "--out", factory_});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    for (int i = 0; i < kDevices; ++i) {
      const std::string device = absl::StrCat(factory_, "/d", i);
      EXPECT_TRUE(keys[i]->Save(device + ".key").ok());
      const std::string serial =
          RunProgram(
              {"openssl", "x509", "-in", device + ".pem", "-noout", "-serial"})
              .out;
      std::string hex = serial.substr(serial.find('=') + 1, 32);
      for (char& digit : hex) {
        digit = static_cast<char>(tolower(digit));
      }
      serials_.push_back(hex);
    }
  }

  void Revoke(int device) {
    const ProcessResult result =
        deployment_.Birthmark({"certificate", "revoke", serials_[device],
                               "--reason", "keyCompromise", "--yes"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }

  void Certificate(const std::string& what, int device) {
    const ProcessResult result =
        deployment_.Birthmark({"certificate", what, serials_[device]});
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }

  // What a device is told that comes with its birth certificate.
  std::string Register(int device) {
    const std::string file = absl::StrCat(factory_, "/d", device);
    const ProcessResult result = deployment_.Birthmark(
        {"device", "register", "--idevid", file + ".pem", "--key",
         file + ".key", "--out",
         absl::StrCat(deployment_.dir(), "/device-", device, "-",
                      ++registrations_),
         "--client", deployment_.home() + "/operator/client.textproto"});
    return result.exit_code == 0 ? "" : result.err;
  }

  std::string State(int device) {
    return deployment_.Sql(
        absl::StrCat("SELECT state FROM revocations WHERE serial = decode('",
                     serials_[device], "', 'hex')"));
  }

  void StopAll() {
    for (const char* role : {"registration", "ca", "inventory"}) {
      EXPECT_EQ(deployment_.process(role).Stop(), 0);
    }
  }
  void StartAll() {
    for (const char* role : {"ca", "registration", "inventory"}) {
      deployment_.Start(role);
    }
  }

  void BackUp() {
    StopAll();
    deployment_.postgres().Sql("postgres",
                               "CREATE DATABASE backup TEMPLATE birthmark "
                               "OWNER birthmark_owner");
    StartAll();
  }
  // Restore leaves the processes alone: they see the other database when they
  // connect again.
  void Restore() {
    deployment_.postgres().Sql(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname "
        "= 'birthmark'; ALTER DATABASE birthmark RENAME TO lost");
    deployment_.postgres().Sql("postgres",
                               "ALTER DATABASE backup RENAME TO birthmark");
  }

  int64_t Latest() {
    return std::stoll(
        deployment_.Sql("SELECT max(revision) FROM revocation_changes"));
  }

  Deployment deployment_;
  const std::string factory_ = deployment_.dir() + "/factory";
  std::vector<std::string> serials_;
  int registrations_ = 0;
};

TEST_F(JournalTest, WhatARestoredDatabaseHasForgottenComesBack) {
  Revoke(0);
  Certificate("hold", 1);
  ASSERT_NO_FATAL_FAILURE(BackUp());
  Revoke(1);
  Revoke(2);
  Certificate("hold", 3);
  Certificate("hold", 4);
  Certificate("release", 4);
  const int64_t seen = Latest();
  StopAll();
  Restore();
  EXPECT_EQ(State(2), "") << "it is an older one";

  StartAll();
  const std::string log = deployment_.process("registration").Err();
  EXPECT_THAT(log, HasSubstr("the database is behind the revocation journal: 4 "
                             "of 5 revocations brought back"));
  EXPECT_EQ(State(0), "2");
  EXPECT_EQ(State(1), "2") << "on hold in the backup, revoked after it";
  EXPECT_EQ(State(2), "2");
  EXPECT_EQ(State(3), "1");
  EXPECT_EQ(State(4), "3");
  EXPECT_EQ(State(5), "");
  for (const int device : {0, 1, 2, 3}) {
    EXPECT_THAT(Register(device), HasSubstr("CERTIFICATE_REVOKED")) << device;
  }
  EXPECT_EQ(Register(4), "");
  EXPECT_EQ(Register(5), "");
  EXPECT_EQ(deployment_.Sql("SELECT count(*) FROM audit_entries WHERE action = "
                            "'certificate.restore_revocation' AND actor = "
                            "'birthmark:journal'"),
            "4");
  // No revision has a second meaning.
  EXPECT_EQ(deployment_.Sql(absl::StrCat(
                "SELECT count(*) FROM revocation_changes WHERE revision > 2 "
                "AND revision <= ",
                seen)),
            "0");
  Revoke(5);
  EXPECT_GT(Latest(), seen + 1000000);

  // Once repaired it is left alone.
  EXPECT_EQ(deployment_.process("registration").Stop(), 0);
  deployment_.Start("registration");
  EXPECT_FALSE(absl::StrContains(deployment_.process("registration").Err(),
                                 "behind the revocation journal"));
}

TEST_F(JournalTest, ARunningProcessRepairsADatabaseThatIsExchanged) {
  Revoke(0);
  ASSERT_NO_FATAL_FAILURE(BackUp());
  Revoke(1);
  Revoke(2);
  Restore();
  for (int i = 0; i < 300 && State(2) != "2"; ++i) {
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_EQ(State(1), "2");
  EXPECT_EQ(State(2), "2");
  Revoke(3);
  EXPECT_GT(Latest(), 1000000);
}

TEST_F(JournalTest, AJournalOfAnotherProcessIsRefused) {
  const ProcessResult second =
      RunProgram({Deployment::Server(), "serve", "--config",
                  deployment_.home() + "/config/registration.textproto"});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.err, HasSubstr("revocation_journal_dir"));
  EXPECT_THAT(second.err, HasSubstr("another process"));
}

}  // namespace
}  // namespace birthmark::tests
