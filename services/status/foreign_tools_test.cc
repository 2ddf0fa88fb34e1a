// What the tools of others make of what is served: openssl, ocsptool, curl.
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/base/testing.h"
#include "services/status/services.h"
#include "services/status/testing.h"

namespace birthmark::status {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using x509::TestSerial;

constexpr int kGood = 21;
constexpr int kRevoked = 22;
constexpr int kNever = 23;
constexpr int kForeign = 24;

class ForeignToolsTest : public testing::Test {
 protected:
  ForeignToolsTest() {
    world_.clock.Set(NowSeconds(Clock::Real()));
    world_.Add(TestSerial(kGood));
    world_.Add(TestSerial(kRevoked));
    world_.Add(TestSerial(kForeign), "other");
    world_.Revoke(TestSerial(kRevoked));
    Write("root.pem", world_.ca.root->ToPem());
    Write("issuer.pem", world_.ca.issuer->ToPem());
    Write("chain.pem", world_.ca.issuer->ToPem() + world_.ca.root->ToPem());
    x509::CertificateVariables vars =
        x509::LdevidVariables(x509::TestKey::Shared(crypto::KeyAlgorithm::kP256)
                                  .public_key()
                                  .spki_der());
    vars.not_after = world_.clock.Now() + absl::Hours(24);
    for (const int number : {kGood, kRevoked, kNever, kForeign}) {
      const std::string serial = TestSerial(number);
      vars.serial = serial;
      Write(absl::StrCat(number, ".pem"),
            x509::Issue(world_.ca.LeafSpec(), vars, world_.ca.issuer_key)
                .ToPem());
    }
    Start();
  }

  ~ForeignToolsTest() override { services_.reset(); }

  void Start() {
    Options options;
    options.http_address = "127.0.0.1:0";
    options.issuers = {{"device", world_.issuers[0].chain},
                       {"other", world_.issuers[1].chain}};
    services_ = *Services::New(
        {.statuses = world_.statuses,
         .revocations = world_.log,
         .listen =
             [this](storage::ChangeListener::Callbacks callbacks) {
               return listener_.Listen(std::move(callbacks));
             },
         .ca = world_.fake_ca,
         .clock = world_.clock,
         .metrics = registry_},
        options);
    EXPECT_OK(services_->Start());
    listener_.Connect();
    EXPECT_TRUE(Eventually([this] { return services_->Ready().ok(); }));
    url_ = absl::StrCat("http://", services_->http_address());
  }

  void Write(absl::string_view name, absl::string_view content) {
    std::ofstream(absl::StrCat(testing::TempDir(), "/", name), std::ios::binary)
        << content;
  }

  // Runs a command in the test's directory; returns what it wrote.
  std::string Run(absl::string_view command, int want_exit = 0) {
    const std::string line = absl::StrCat("cd '", testing::TempDir(), "' && ",
                                          command, " > out.txt 2>&1");
    const int result = std::system(line.c_str());
    std::ifstream file(absl::StrCat(testing::TempDir(), "/out.txt"));
    std::stringstream content;
    content << file.rdbuf();
    EXPECT_EQ(WEXITSTATUS(result), want_exit) << line << "\n" << content.str();
    return content.str();
  }

  std::string Ocsp(absl::string_view arguments) {
    return Run(absl::StrCat("openssl ocsp -CAfile root.pem -verify_other ",
                            "issuer.pem -issuer issuer.pem -url ", url_,
                            "/ocsp ", arguments));
  }

  World world_;
  telemetry::Registry registry_;
  TestListener listener_;
  std::unique_ptr<Services> services_;
  std::string url_;
};

TEST_F(ForeignToolsTest, OpensslOcspAgrees) {
  for (const char* how : {"-nonce", "-no_nonce", "-no_nonce"}) {
    for (const char* hash : {"-sha1", "-sha256"}) {
      EXPECT_THAT(
          Ocsp(absl::StrCat(how, " ", hash, " -cert 21.pem")),
          AllOf(HasSubstr("Response verify OK"), HasSubstr("21.pem: good")));
      EXPECT_THAT(
          Ocsp(absl::StrCat(how, " ", hash, " -cert 22.pem")),
          AllOf(HasSubstr("Response verify OK"), HasSubstr("22.pem: revoked"),
                HasSubstr("Reason: keyCompromise")));
      EXPECT_THAT(
          Ocsp(absl::StrCat(how, " ", hash, " -cert 23.pem")),
          AllOf(HasSubstr("Response verify OK"), HasSubstr("23.pem: unknown")));
      // Its serial number is another issuer's.
      EXPECT_THAT(Ocsp(absl::StrCat(how, " ", hash, " -cert 24.pem")),
                  HasSubstr("24.pem: unknown"));
    }
  }
}

TEST_F(ForeignToolsTest, OpensslAsksForSeveralAtOnce) {
  EXPECT_THAT(Ocsp("-cert 21.pem -cert 22.pem -sha256 -cert 23.pem"),
              AllOf(HasSubstr("Response verify OK"), HasSubstr("21.pem: good"),
                    HasSubstr("22.pem: revoked"), HasSubstr("23.pem: unknown"),
                    Not(HasSubstr("WARNING"))));
}

TEST_F(ForeignToolsTest, OpensslHearsThatAnIssuerIsNotOurs) {
  const x509::TestCa stranger("Stranger");
  Write("stranger.pem", stranger.issuer->ToPem());
  EXPECT_THAT(Run(absl::StrCat("openssl ocsp -issuer stranger.pem -cert 21.pem",
                               " -url ", url_, "/ocsp"),
                  1),
              HasSubstr("unauthorized (6)"));
}

TEST_F(ForeignToolsTest, OcsptoolAgrees) {
  for (const char* how : {"--nonce", "--no-nonce"}) {
    const std::string command = absl::StrCat(
        "ocsptool --ask=", url_, "/ocsp ", how,
        " --load-issuer issuer.pem --load-trust chain.pem --load-cert ");
    EXPECT_THAT(
        Run(command + "21.pem"),
        AllOf(HasSubstr("Certificate Status: good"), HasSubstr("Success")));
    EXPECT_THAT(Run(command + "22.pem"),
                HasSubstr("Certificate Status: revoked"));
  }
}

TEST_F(ForeignToolsTest, CurlGetsWhatOpensslAskedFor) {
  Run("openssl ocsp -no_nonce -issuer issuer.pem -cert 22.pem "
      "-reqout req.der");
  std::ifstream file(testing::TempDir() + "/req.der", std::ios::binary);
  std::stringstream der;
  der << file.rdbuf();
  const std::string encoded = absl::Base64Escape(der.str());
  // As RFC 5019 wants it, and as many clients do.
  for (const std::string& path :
       {absl::StrReplaceAll(encoded,
                            {{"/", "%2F"}, {"+", "%2B"}, {"=", "%3D"}}),
        encoded}) {
    EXPECT_THAT(
        Run(absl::StrCat("curl -sS -D - -o resp.der '", url_, "/ocsp/", path,
                         "'")),
        AllOf(HasSubstr("HTTP/1.1 200 OK"),
              HasSubstr("Content-Type: application/ocsp-response"),
              HasSubstr("Cache-Control: max-age=60, public, no-transform, "
                        "must-revalidate"),
              HasSubstr("ETag: \""), HasSubstr("Last-Modified: "),
              HasSubstr("Expires: ")));
    EXPECT_THAT(Run("openssl ocsp -respin resp.der -CAfile root.pem "
                    "-verify_other issuer.pem -issuer issuer.pem "
                    "-cert 22.pem"),
                HasSubstr("22.pem: revoked"));
  }
}

TEST_F(ForeignToolsTest, OpensslVerifiesAgainstTheCrl) {
  ASSERT_TRUE(Eventually([this] {
    return Run(absl::StrCat("curl -s -o 0.crl -w '%{http_code}' ", url_,
                            "/crl/device/0.crl")) == "200";
  }));
  EXPECT_THAT(Run("openssl crl -in 0.crl -inform DER -CAfile chain.pem -noout"),
              HasSubstr("verify OK"));
  Run("openssl crl -in 0.crl -inform DER -out 0.pem");
  Run(absl::StrCat("curl -s -o device.cer ", url_, "/ca/device.cer"));
  Run("openssl x509 -in device.cer -inform DER -noout -subject");
}

}  // namespace
}  // namespace birthmark::status
