// A quarantined device is refused everywhere within a moment: at registration,
// at renewal, by OCSP, on the CRL; and a release gives back exactly what the
// quarantine took.
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/base/clock.h"
#include "tests/support/deployment.h"
#include "tests/support/devices.h"
#include "tests/support/http_client.h"
#include "tests/support/ocsp_client.h"

namespace birthmark::tests {
namespace {

using ::testing::HasSubstr;

// What is promised is a second; a machine that builds something else meanwhile
// may take longer. The test prints what it saw.
constexpr absl::Duration kBound = absl::Seconds(5);

class QuarantineTest : public testing::Test {
 protected:
  QuarantineTest() : deployment_({.status = true}) {
    MakeDevices(deployment_, dir_, {"a", "b"});
    for (const char* id : {"a", "b"}) {
      uids_.push_back(deployment_.Sql(absl::StrCat(
          "SELECT device_uid FROM certificates WHERE serial = '\\x",
          SerialOf(Operational(id)), "'")));
    }
    // Each verifier has an answer that is out of date in a moment.
    EXPECT_EQ(Ocsp("ldevid", Operational("a")), "good");
    EXPECT_EQ(Ocsp("idevid", Birth("a")), "good");
    Await("the first CRL", [this] { return !Crl().empty(); });
  }

  std::string Operational(const std::string& id) const {
    return absl::StrCat(dir_, "/", id, "/ldevid.pem");
  }
  std::string Birth(const std::string& id) const {
    return absl::StrCat(dir_, "/", id, ".pem");
  }
  std::string Device(size_t i) const {
    return absl::StrCat("fleets/acme/devices/", uids_[i]);
  }

  std::string Ocsp(const std::string& issuer, const std::string& certificate) {
    return OcspClient(deployment_, issuer, deployment_.HttpAddress())
        .Ask(SerialOf(certificate));
  }

  // The CRL of the operational certificates, in DER; empty if there is none.
  std::string Crl() {
    const HttpAnswer answer =
        HttpClient(deployment_.HttpAddress()).Get("/crl/ldevid/0.crl");
    return answer.code == 200 ? answer.body : "";
  }
  bool IsOnCrl(const std::string& certificate) {
    return absl::StrContains(Crl(),
                             absl::HexStringToBytes(SerialOf(certificate)));
  }

  void Await(const std::string& what, const std::function<bool()>& condition) {
    const absl::Duration begin = Clock::Real().MonotonicNow();
    absl::Duration waited;
    while (!condition() && waited < absl::Seconds(30)) {
      absl::SleepFor(absl::Milliseconds(10));
      waited = Clock::Real().MonotonicNow() - begin;
    }
    std::cout << what << ": " << waited << std::endl;
    EXPECT_LT(waited, kBound) << what;
  }

  ProcessResult Run(const std::vector<std::string>& command) {
    return deployment_.Birthmark(command);
  }
  void Must(const std::vector<std::string>& command) {
    const ProcessResult result = Run(command);
    ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  }

  ProcessResult Renew(const std::string& id) {
    return Run({"device", "renew", "--identity", absl::StrCat(dir_, "/", id)});
  }
  ProcessResult Register(const std::string& id, const std::string& out) {
    return Run({"device", "register", "--idevid", Birth(id), "--key",
                absl::StrCat(dir_, "/", id, ".key"), "--out",
                absl::StrCat(dir_, "/", out), "--client",
                deployment_.home() + "/operator/client.textproto"});
  }

  Deployment deployment_;
  const std::string dir_ = deployment_.dir() + "/devices";
  std::vector<std::string> uids_;
};

TEST_F(QuarantineTest, TakesEffectEverywhereAndIsUndone) {
  Must({"device", "quarantine", Device(0), "--reason", "beacons", "--playbook",
        "PB-7", "--yes"});
  // The very next calls are refused.
  ProcessResult refused = Renew("a");
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err, HasSubstr("CERTIFICATE_REVOKED"));
  refused = Register("a", "a2");
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err, HasSubstr("CERTIFICATE_REVOKED"));
  Await("quarantine, OCSP of the operational certificate",
        [&] { return Ocsp("ldevid", Operational("a")) == "revoked"; });
  Await("quarantine, OCSP of the birth certificate",
        [&] { return Ocsp("idevid", Birth("a")) == "revoked"; });
  Await("quarantine, published CRL", [&] { return IsOnCrl(Operational("a")); });
  EXPECT_EQ(Ocsp("ldevid", Operational("b")), "good");
  EXPECT_FALSE(IsOnCrl(Operational("b")));

  const std::string shown = Run({"device", "get", Device(0)}).out;
  for (const char* words : {"quarantined", "beacons", "PB-7"}) {
    EXPECT_THAT(absl::AsciiStrToLower(shown),
                HasSubstr(absl::AsciiStrToLower(words)));
  }

  Must({"device", "release", Device(0), "--reason", "false alarm", "--yes"});
  Await("release, OCSP of the operational certificate",
        [&] { return Ocsp("ldevid", Operational("a")) == "good"; });
  Await("release, OCSP of the birth certificate",
        [&] { return Ocsp("idevid", Birth("a")) == "good"; });
  Await("release, published CRL", [&] { return !IsOnCrl(Operational("a")); });
  const ProcessResult renewed = Renew("a");
  EXPECT_EQ(renewed.exit_code, 0) << renewed.err;
}

TEST_F(QuarantineTest, WhatWasHeldBeforeStaysHeldAndWhatWasRevokedRevoked) {
  Must({"certificate", "hold", CertificateOf("ldevid", Operational("b"))});
  Must({"device", "quarantine", Device(1), "--reason", "theft", "--yes"});
  Await("quarantine, OCSP of the birth certificate",
        [&] { return Ocsp("idevid", Birth("b")) == "revoked"; });
  Must({"device", "release", Device(1), "--reason", "found", "--yes"});
  Await("release, OCSP of the birth certificate",
        [&] { return Ocsp("idevid", Birth("b")) == "good"; });
  EXPECT_EQ(Ocsp("ldevid", Operational("b")), "revoked");
  EXPECT_THAT(Renew("b").err, HasSubstr("CERTIFICATE_REVOKED"));
}

}  // namespace
}  // namespace birthmark::tests
