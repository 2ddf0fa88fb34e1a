// A process dies in the middle of a batch and comes back: the line waits and
// goes on by itself, and nothing is lost or doubled.
#include <signal.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/csr_folder.h"
#include "tests/support/deployment.h"

namespace birthmark::tests {
namespace {

using ::testing::HasSubstr;

constexpr int kDevices = 6000;

struct Case {
  const char* name;
  // Breaks something and, a while later, mends it.
  std::function<void(Deployment&)> outage;
};

class OutageTest : public testing::TestWithParam<Case> {
 protected:
  OutageTest() : line_(deployment_.CreateLine("acme", "l1")) {
    csrs_.AddMany("d", kDevices);
    csrs_.Finish();
  }

  std::vector<std::string> Arguments() const {
    return {"provision", "--line",     line_,   "--batch", "b1",
            "--csr-dir", csrs_.path(), "--out", out_};
  }

  void WaitForCertificates(Process& provisioner, size_t count) {
    while (provisioner.Running() && Files(out_, ".pem").size() < count) {
      absl::SleepFor(absl::Milliseconds(5));
    }
    ASSERT_LT(Files(out_, ".pem").size(), kDevices) << "too late to test";
  }

  // Every item has exactly one certificate for its key, every file that the
  // client wrote is recorded, each with its audit entries and event.
  void ExpectExactlyOnce() {
    EXPECT_EQ(Files(out_, ".pem").size(), kDevices);
    const std::string count = absl::StrCat(kDevices);
    for (const char* statement :
         {"SELECT count(*) FROM devices",
          "SELECT count(*) FROM device_events WHERE kind = 'provisioned'",
          "SELECT count(DISTINCT serial) FROM batch_items JOIN certificates "
          "USING (serial)",
          "SELECT count(DISTINCT spki_sha256) FROM certificates "
          "WHERE issuer_id = 'idevid'  AND device_uid IS NOT NULL",
          "SELECT count(*) FROM certificates WHERE device_uid IS NOT NULL",
          "SELECT count(*) FROM audit_entries WHERE action = "
          "'device.provision'",
          "SELECT count(DISTINCT resource) FROM audit_entries WHERE action = "
          "'certificate.issue' AND resource LIKE 'issuers/idevid/%'"}) {
      EXPECT_EQ(deployment_.Sql(statement), count) << statement;
    }
    for (const char* name : {"d-000001.pem", "d-003000.pem"}) {
      const std::string serial =
          RunProgram({"openssl", "x509", "-in", out_ + "/" + name, "-noout",
                      "-serial"})
              .out;
      const std::string hex = serial.substr(serial.find('=') + 1, 32);
      EXPECT_EQ(deployment_.Sql(absl::StrCat("SELECT count(*) FROM "
                                             "certificates WHERE serial = "
                                             "decode('",
                                             hex, "', 'hex')")),
                "1");
    }
  }

  Deployment deployment_;
  const std::string line_;
  CsrFolder csrs_{deployment_.dir() + "/csrs"};
  const std::string out_ = deployment_.dir() + "/out";
};

TEST_P(OutageTest, TheBatchCompletesWithoutAPerson) {
  auto provisioner = deployment_.BirthmarkInBackground(Arguments(), "line");
  ASSERT_NO_FATAL_FAILURE(WaitForCertificates(*provisioner, 500));
  GetParam().outage(deployment_);
  EXPECT_EQ(provisioner->Wait(), 0) << provisioner->Err();
  ExpectExactlyOnce();
}

INSTANTIATE_TEST_SUITE_P(
    All, OutageTest,
    testing::Values(Case{"CaIsKilled",
                         [](Deployment& d) {
                           d.process("ca").Kill();
                           absl::SleepFor(absl::Seconds(2));
                           d.Start("ca");
                         }},
                    Case{"RegistrationIsKilled",
                         [](Deployment& d) {
                           d.process("registration").Kill();
                           absl::SleepFor(absl::Seconds(1));
                           d.Start("registration");
                         }},
                    Case{"RegistrationIsStopped",
                         [](Deployment& d) {
                           // Gracefully: what was admitted is finished, the
                           // exit is clean.
                           EXPECT_EQ(d.process("registration").Stop(), 0);
                           d.Start("registration");
                         }},
                    Case{"DatabaseIsKilled",
                         [](Deployment& d) {
                           d.postgres().KillHard();
                           absl::SleepFor(absl::Seconds(2));
                           d.postgres().Start();
                         }}),
    [](const auto& info) { return info.param.name; });

class ClientOutageTest : public OutageTest {};

TEST_P(ClientOutageTest, AKilledClientResumesWhereItWas) {
  {
    auto provisioner = deployment_.BirthmarkInBackground(Arguments(), "line");
    ASSERT_NO_FATAL_FAILURE(WaitForCertificates(*provisioner, 500));
    provisioner->Kill();
  }
  const size_t before = Files(out_, ".pem").size();
  EXPECT_LT(before, kDevices);
  const ProcessResult result = deployment_.Birthmark(Arguments());
  EXPECT_EQ(result.exit_code, 0) << result.err;
  ExpectExactlyOnce();
}

INSTANTIATE_TEST_SUITE_P(All, ClientOutageTest,
                         testing::Values(Case{"ClientIsKilled", nullptr}),
                         [](const auto& info) { return info.param.name; });

TEST(DatabaseGoneTest, EveryCallSaysThatTheDatabaseIsOffline) {
  Deployment deployment;
  deployment.postgres().KillHard();
  const ProcessResult result = deployment.Birthmark({"fleet", "create", "f"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("UNAVAILABLE"));
  EXPECT_THAT(result.err, HasSubstr("DATABASE_OFFLINE"));
  deployment.postgres().Start();
  EXPECT_EQ(deployment.Birthmark({"fleet", "create", "f"}).exit_code, 0);
}

}  // namespace
}  // namespace birthmark::tests
