// The life of one device, through real processes over mutual TLS: born on a
// line, registered, renewed, heard of, one certificate revoked, retired.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/keys/local_key.h"
#include "lib/x509/pem.h"
#include "tests/support/csr_folder.h"
#include "tests/support/deployment.h"

namespace birthmark::tests {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class LifecycleTest : public testing::TestWithParam<Layout> {
 protected:
  LifecycleTest() : deployment_(GetParam()) {}

  // Makes one device on a line: idevid.pem and idevid.key in `folder`.
  void Provision(const std::string& folder) {
    const std::string line = deployment_.CreateLine("acme", "line-1");
    CsrFolder csrs(folder);
    key_ = csrs.Add("board");
    csrs.Finish();
    const ProcessResult result =
        deployment_.Birthmark({"provision", "--line", line, "--batch", "b1",
                               "--csr-dir", folder, "--out", folder});
    ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
    ASSERT_TRUE(key_->Save(folder + "/board.key").ok());
  }

  ProcessResult Register(const std::string& folder, const std::string& out) {
    return deployment_.Birthmark(
        {"device", "register", "--idevid", folder + "/board.pem", "--key",
         folder + "/board.key", "--out", out, "--client",
         deployment_.home() + "/operator/client.textproto"});
  }

  // Runs openssl verify on the first certificate of a file.
  ProcessResult Verify(const std::string& certificate,
                       std::vector<std::string> more = {}) {
    std::vector<std::string> command = {
        "openssl",    "verify",
        "-CAfile",    deployment_.home() + "/trust/root.pem",
        "-untrusted", deployment_.home() + "/trust/issuers.pem"};
    command.insert(command.end(), more.begin(), more.end());
    command.push_back(certificate);
    return RunProgram(command);
  }

  std::string DeviceName() {
    const nlohmann::json list =
        deployment_.BirthmarkJson({"device", "list", "--fleet", "acme"});
    return list["devices"][0]["name"];
  }

  std::vector<std::string> EventKinds(const std::string& device) {
    std::vector<std::string> kinds;
    const nlohmann::json list =
        deployment_.BirthmarkJson({"device", "events", device});
    for (const auto& event : list["events"]) {
      kinds.push_back(event["kind"]);
    }
    return kinds;
  }

  // The device confirms its wipe and gets its certificate of decommission,
  // which proves itself to who has the trust bundle, and nobody else's.
  void ExpectEnd(const std::string& device, const std::string& identity) {
    ProcessResult result = deployment_.Birthmark(
        {"device", "confirm-wipe", "--identity", identity});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const std::string jws = deployment_.dir() + "/end.jws";
    result = deployment_.Birthmark({"device", "decommission-certificate",
                                    device, "--wait", "30s", "--output", jws});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const nlohmann::json record =
        deployment_.BirthmarkJson({"device", "get", device});
    EXPECT_EQ(record["device"]["state"], "DEVICE_STATE_DECOMMISSIONED");
    const std::string root = deployment_.home() + "/trust/root.pem";
    const auto verify = [&](const std::string& bundle) {
      return deployment_.Birthmark(
          {"device", "verify-decommission", jws, "--bundle", bundle});
    };
    result = verify(root);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr(device.substr(device.rfind('/') + 1)));
    EXPECT_THAT(result.out, HasSubstr("scrapped"));
    // Another root; another word.
    const std::string stranger = deployment_.dir() + "/stranger";
    ASSERT_EQ(RunProgram({"openssl", "req", "-x509", "-newkey", "ec",
                          "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                          "-subj", "/CN=stranger", "-keyout", stranger + ".key",
                          "-out", stranger + ".pem"})
                  .exit_code,
              0);
    EXPECT_NE(verify(stranger + ".pem").exit_code, 0);
    const std::string content = ReadAll(jws);
    std::string forged = content;
    char& octet = forged[forged.find('.') + 20];
    octet = octet == 'A' ? 'B' : 'A';
    WriteFile(jws, forged);
    EXPECT_NE(verify(root).exit_code, 0);
    WriteFile(jws, content);
  }

  Deployment deployment_;
  std::unique_ptr<keys::LocalKey> key_;
};

TEST_P(LifecycleTest, ADeviceIsBornLivesAndIsRetired) {
  const std::string folder = deployment_.dir() + "/factory";
  const std::string identity = deployment_.dir() + "/device";
  ASSERT_NO_FATAL_FAILURE(Provision(folder));
  EXPECT_EQ(Verify(folder + "/board.pem").exit_code, 0);
  EXPECT_THAT(RunProgram({"openssl", "x509", "-in", folder + "/board.pem",
                          "-noout", "-enddate"})
                  .out,
              HasSubstr("9999"));

  // Registered: state ACTIVE, uid in the SPIFFE ID of the LDevID.
  ProcessResult result = Register(folder, identity);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string device = DeviceName();
  nlohmann::json record = deployment_.BirthmarkJson({"device", "get", device});
  EXPECT_EQ(record["device"]["state"], "DEVICE_STATE_ACTIVE");
  const std::string uid = record["device"]["uid"];
  EXPECT_THAT(RunProgram({"openssl", "x509", "-in", identity + "/ldevid.pem",
                          "-noout", "-ext", "subjectAltName"})
                  .out,
              HasSubstr(absl::StrCat("spiffe://", Deployment::kTrustDomain,
                                     "/fleet/acme/device/", uid)));
  EXPECT_EQ(Verify(identity + "/ldevid.pem").exit_code, 0);

  // Renewed: the old certificate is superseded once the new one was used.
  const std::string old_certificate = ReadAll(identity + "/ldevid.pem");
  result = deployment_.Birthmark({"device", "renew", "--identity", identity});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(ReadAll(identity + "/ldevid.pem"), old_certificate);
  EXPECT_EQ(deployment_.Sql("SELECT count(*) FROM revocations"), "0");
  const std::string digest(64, 'a');
  result = deployment_.Birthmark({"device", "report-firmware", "--identity",
                                  identity, "--component", "application",
                                  "--version", "4.1.0", "--digest", digest});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(deployment_.Sql("SELECT reason FROM revocations"), "4");

  // Shows up with keys, certificates, firmware and events.
  const std::string shown =
      deployment_.Birthmark({"device", "get", device}).out;
  EXPECT_THAT(shown, HasSubstr("active"));
  EXPECT_THAT(shown, HasSubstr("4.1.0"));
  EXPECT_THAT(shown, HasSubstr("gateway-7"));
  for (const char* kind :
       {"provisioned", "registered", "renewed", "firmware_reported"}) {
    EXPECT_THAT(EventKinds(device), Contains(kind));
  }
  EXPECT_EQ(deployment_.Sql(absl::StrCat(
                "SELECT count(*) FROM keys WHERE device_uid = '", uid, "'")),
            "3");

  // Revoked: on the next CRL, and refused at once.
  const nlohmann::json certificates = deployment_.BirthmarkJson(
      {"certificate", "list", "--device", device, "--issuer", "ldevid"});
  std::string good;
  for (const auto& certificate : certificates["certificates"]) {
    if (certificate["state"] == "CERTIFICATE_STATE_GOOD") {
      good = certificate["name"];
    }
  }
  ASSERT_FALSE(good.empty()) << certificates.dump(2);
  result = deployment_.Birthmark(
      {"certificate", "revoke", good, "--reason", "keyCompromise", "--yes"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string crl = deployment_.dir() + "/ldevid.crl";
  result = deployment_.Birthmark({"crl", "get", "ldevid", "--out", crl});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const ProcessResult refused =
      Verify(identity + "/ldevid.pem", {"-crl_check", "-CRLfile", crl});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err + refused.out, HasSubstr("certificate revoked"));
  result = deployment_.Birthmark({"device", "renew", "--identity", identity});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("UNAUTHENTICATED"));
  EXPECT_THAT(result.err, HasSubstr("CERTIFICATE_REVOKED"));

  // Its birth certificate brings it back; then it is retired for good.
  const std::string identity2 = deployment_.dir() + "/device2";
  ASSERT_EQ(Register(folder, identity2).exit_code, 0);
  result = deployment_.Birthmark(
      {"device", "decommission", device, "--reason", "scrapped", "--yes"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  record = deployment_.BirthmarkJson({"device", "get", device});
  EXPECT_EQ(record["device"]["state"], "DEVICE_STATE_DECOMMISSIONING");
  EXPECT_EQ(deployment_.Sql(
                "SELECT count(*) FROM certificates c LEFT JOIN revocations r "
                "USING (serial) WHERE c.device_uid IS NOT NULL AND "
                "r.state IS DISTINCT FROM 2"),
            "0");
  EXPECT_EQ(deployment_.Sql("SELECT count(*) FROM keys WHERE device_uid IS "
                            "NOT NULL AND state = 1"),
            "0");
  // Whatever it asks for, it is told to wipe itself; so is whoever comes with
  // its birth certificate.
  result = deployment_.Birthmark({"device", "renew", "--identity", identity2});
  EXPECT_THAT(result.err, HasSubstr("WIPE_REQUIRED"));
  result = Register(folder, deployment_.dir() + "/device3");
  EXPECT_THAT(result.err, HasSubstr("WIPE_REQUIRED"));
  // A certificate that was revoked for another reason before opens nothing.
  result =
      deployment_.Birthmark({"device", "confirm-wipe", "--identity", identity});
  EXPECT_THAT(result.err, HasSubstr("CERTIFICATE_REVOKED"));
  ExpectEnd(device, identity2);
  result = deployment_.Birthmark({"device", "renew", "--identity", identity2});
  EXPECT_THAT(result.err, HasSubstr("CERTIFICATE_REVOKED"));
  result = deployment_.Birthmark(
      {"device", "decommission", device, "--reason", "again", "--yes"});
  EXPECT_THAT(result.err, HasSubstr("FAILED_PRECONDITION"));
  EXPECT_THAT(result.err, HasSubstr("DEVICE_STATE"));

  // Its hardware may come back, but never with its key.
  CsrFolder again(deployment_.dir() + "/again");
  again.AddRaw("board", x509::PemEncode(x509::kPemCsr, MakeCsr(*key_)));
  again.Add("fresh");
  again.Finish();
  result = deployment_.Birthmark(
      {"provision", "--line", deployment_.dir() + "/line-acme-line-1",
       "--batch", "b2", "--csr-dir", again.path(), "--out", again.path()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(ReadAll(again.path() + "/failures.csv"),
              HasSubstr("KEY_ALREADY_ENROLLED"));
  EXPECT_FALSE(ReadAll(again.path() + "/fresh.pem").empty());
}

INSTANTIATE_TEST_SUITE_P(Layouts, LifecycleTest,
                         testing::Values(Layout::kProcessPerRole,
                                         Layout::kOneProcess),
                         [](const auto& info) {
                           return info.param == Layout::kOneProcess
                                      ? "OneProcess"
                                      : "ProcessPerRole";
                         });

}  // namespace
}  // namespace birthmark::tests
