// What verifiers made by others find out about certificates of a deployment:
// openssl, GnuTLS's ocsptool and curl, from what the certificates say.
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/base/clock.h"
#include "tests/support/deployment.h"
#include "tests/support/devices.h"
#include "tests/support/free_port.h"

namespace birthmark::tests {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class VerifiersTest : public testing::Test {
 protected:
  VerifiersTest()
      : url_(absl::StrCat("http://127.0.0.1:", FreePort())),
        deployment_({.public_url = url_}) {
    // Certificates name a port, so the role listens there, and operational
    // ones point to deltas.
    Append("profiles/ldevid.textproto", "freshest_crl: true\n");
    deployment_.process("ca").Stop();
    deployment_.Start("ca");
    const std::string config = deployment_.home() + "/config/status.textproto";
    WriteFile(config, absl::StrReplaceAll(ReadAll(config),
                                          {{"127.0.0.1:0", url_.substr(7)}}));
    deployment_.Start("status");
    MakeDevices(deployment_, dir_, {"a", "b"});
    good_ = dir_ + "/a/ldevid.pem";
    bad_ = dir_ + "/b/ldevid.pem";
    // A shard gets its first CRL when somebody looks through the shards.
    for (const char* issuer : {"ldevid", "idevid"}) {
      EXPECT_LT(
          WaitUntil([this, issuer] {
            return absl::StrContains(
                Run({"curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
                     absl::StrCat(url_, "/crl/", issuer, "/0.crl")}),
                "200");
          }),
          absl::Seconds(20));
    }
  }

  void Append(const std::string& file, const std::string& text) {
    const std::string path = absl::StrCat(deployment_.home(), "/", file);
    WriteFile(path, absl::StrCat(ReadAll(path), "\n", text));
  }

  void Revoke() {
    const ProcessResult result = deployment_.Birthmark(
        {"certificate", "revoke", CertificateOf("ldevid", bad_), "--reason",
         "keyCompromise", "--yes"});
    ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  }

  std::string Trust(const std::string& name) {
    return absl::StrCat(deployment_.home(), "/trust/", name, ".pem");
  }

  // Runs a program; returns all that it wrote.
  std::string Run(const std::vector<std::string>& command) {
    const ProcessResult result =
        RunProgram(command, {}, /*timeout=*/absl::Seconds(20));
    return absl::StrCat(result.out, result.err, "\nexit ", result.exit_code);
  }

  std::string Ocsp(std::vector<std::string> more,
                   const std::string& issuer = "ldevid") {
    std::vector<std::string> command = {
        "openssl",       "ocsp",           "-CAfile", Trust("root"),
        "-verify_other", Trust("issuers"), "-url",    url_ + "/ocsp",
        "-issuer",       Trust(issuer)};
    command.insert(command.end(), more.begin(), more.end());
    return Run(command);
  }

  // Waits until `condition` holds; returns how long it took.
  template <typename Condition>
  absl::Duration WaitUntil(Condition condition) {
    const absl::Duration begin = Clock::Real().MonotonicNow();
    absl::Duration waited;
    while (!condition() && waited < absl::Seconds(20)) {
      absl::SleepFor(absl::Milliseconds(20));
      waited = Clock::Real().MonotonicNow() - begin;
    }
    return waited;
  }

  // Fetches a CRL, as PEM, to a file of its own.
  std::string FetchCrl(const std::string& path) {
    const std::string name =
        absl::StrCat(dir_, "/", absl::StrReplaceAll(path, {{"/", "_"}}));
    EXPECT_THAT(Run({"curl", "-sS", "-f", "-o", name + ".der", url_ + path}),
                HasSubstr("exit 0"));
    EXPECT_THAT(Run({"openssl", "crl", "-inform", "DER", "-in", name + ".der",
                     "-out", name + ".pem"}),
                HasSubstr("exit 0"));
    return name + ".pem";
  }

  std::string Verify(const std::string& certificate,
                     const std::vector<std::string>& crls,
                     const std::vector<std::string>& options) {
    std::vector<std::string> command = {
        "openssl",    "verify",         "-CAfile",   Trust("root"),
        "-untrusted", Trust("issuers"), "-crl_check"};
    command.insert(command.end(), options.begin(), options.end());
    for (const std::string& crl : crls) {
      command.insert(command.end(), {"-CRLfile", crl});
    }
    command.push_back(certificate);
    return Run(command);
  }

  const std::string url_;
  Deployment deployment_;
  const std::string dir_ = deployment_.dir() + "/devices";
  std::string good_;
  std::string bad_;
};

TEST_F(VerifiersTest, FollowWhatTheCertificateSays) {
  const std::string uri =
      RunProgram({"openssl", "x509", "-in", bad_, "-noout", "-ocsp_uri"}).out;
  EXPECT_EQ(uri, url_ + "/ocsp\n");
  EXPECT_THAT(Run({"openssl", "x509", "-in", bad_, "-noout", "-ext",
                   "crlDistributionPoints,authorityInfoAccess,freshestCRL"}),
              AllOf(HasSubstr(url_ + "/crl/ldevid/0.crl"),
                    HasSubstr(url_ + "/crl/ldevid/0-delta.crl"),
                    HasSubstr(url_ + "/ca/ldevid.cer")));
  // The issuer's certificate is where the certificate says, and fits.
  EXPECT_THAT(Run({"curl", "-sS", "-f", "-o", dir_ + "/issuer.cer",
                   url_ + "/ca/ldevid.cer"}),
              HasSubstr("exit 0"));
  EXPECT_THAT(Run({"openssl", "x509", "-inform", "DER", "-in",
                   dir_ + "/issuer.cer", "-out", dir_ + "/issuer.pem"}),
              HasSubstr("exit 0"));
  EXPECT_THAT(Run({"openssl", "verify", "-CAfile", Trust("root"), "-untrusted",
                   dir_ + "/issuer.pem", bad_}),
              HasSubstr(": OK"));
  // The bundle is all that a verifier needs.
  EXPECT_THAT(Run({"curl", "-sS", "-f", "-o", dir_ + "/bundle.pem",
                   url_ + "/ca/bundle.pem"}),
              HasSubstr("exit 0"));
  EXPECT_THAT(Run({"openssl", "verify", "-CAfile", dir_ + "/bundle.pem", bad_,
                   dir_ + "/b.pem"}),
              AllOf(HasSubstr("ldevid.pem: OK"), HasSubstr("b.pem: OK")));

  Revoke();
  EXPECT_THAT(Run({"openssl", "ocsp", "-CAfile", dir_ + "/bundle.pem",
                   "-issuer", dir_ + "/issuer.pem", "-cert", bad_, "-url",
                   uri.substr(0, uri.size() - 1)}),
              AllOf(HasSubstr("Response verify OK"), HasSubstr(": revoked"),
                    HasSubstr("Reason: keyCompromise")));
}

TEST_F(VerifiersTest, OpensslOcspAgrees) {
  Revoke();
  const absl::Duration waited = WaitUntil([this] {
    return absl::StrContains(Ocsp({"-cert", bad_}), ": revoked");
  });
  std::cout << "revoked in OCSP, a new openssl each time: " << waited
            << std::endl;
  for (const char* nonce : {"-nonce", "-no_nonce"}) {
    for (const char* hash : {"-sha1", "-sha256"}) {
      EXPECT_THAT(
          Ocsp({nonce, hash, "-cert", good_, hash, "-cert", bad_}),
          AllOf(HasSubstr("Response verify OK"),
                HasSubstr("a/ldevid.pem: good"),
                HasSubstr("b/ldevid.pem: revoked"),
                HasSubstr("Reason: keyCompromise"), Not(HasSubstr("WARNING"))))
          << nonce << " " << hash;
    }
  }
  EXPECT_THAT(Ocsp({"-cert", dir_ + "/a.pem"}, "idevid"),
              AllOf(HasSubstr("Response verify OK"), HasSubstr("a.pem: good")));
  // A serial number that exists, of an issuer that did not give it.
  EXPECT_THAT(Ocsp({"-serial", "0x" + SerialOf(good_)}, "idevid"),
              AllOf(HasSubstr("Response verify OK"), HasSubstr(": unknown")));
  // The name of one issuer with the key of another: openssl takes the name from
  // the certificate.
  EXPECT_THAT(Ocsp({"-cert", good_}, "idevid"), HasSubstr("unauthorized"));
  EXPECT_THAT(Ocsp({"-serial", "0x1234567890"}),
              AllOf(HasSubstr("Response verify OK"), HasSubstr(": unknown")));
  // An issuer that is none of this deployment's: its root is not served.
  EXPECT_THAT(Ocsp({"-cert", Trust("ldevid")}, "root"),
              HasSubstr("unauthorized"));
}

TEST_F(VerifiersTest, GetAsRfc5019WantsIt) {
  Revoke();
  Run({"openssl", "ocsp", "-no_nonce", "-issuer", Trust("ldevid"), "-cert",
       bad_, "-reqout", dir_ + "/request.der"});
  const std::string path =
      absl::StrReplaceAll(absl::Base64Escape(ReadAll(dir_ + "/request.der")),
                          {{"/", "%2F"}, {"+", "%2B"}, {"=", "%3D"}});
  const std::string response = dir_ + "/response.der";
  EXPECT_THAT(Run({"curl", "-sS", "-D", "-", "-o", response,
                   absl::StrCat(url_, "/ocsp/", path)}),
              AllOf(HasSubstr("HTTP/1.1 200 OK"),
                    HasSubstr("Content-Type: application/ocsp-response"),
                    HasSubstr("Cache-Control: max-age=60, public, "
                              "no-transform, must-revalidate"),
                    HasSubstr("ETag: \""), HasSubstr("Last-Modified: "),
                    HasSubstr("Expires: ")));
  EXPECT_THAT(Run({"openssl", "ocsp", "-respin", response, "-CAfile",
                   Trust("root"), "-verify_other", Trust("issuers"), "-issuer",
                   Trust("ldevid"), "-cert", bad_}),
              AllOf(HasSubstr("Response verify OK"), HasSubstr(": revoked")));
}

TEST_F(VerifiersTest, OcsptoolAgrees) {
  Revoke();
  for (const char* nonce : {"--nonce", "--no-nonce"}) {
    for (const auto& [file, said] :
         {std::pair{good_, "Certificate Status: good"},
          std::pair{bad_, "Certificate Status: revoked"}}) {
      EXPECT_THAT(
          Run({"ocsptool", "--ask=" + url_ + "/ocsp", nonce, "--load-issuer",
               Trust("ldevid"), "--load-trust",
               deployment_.home() + "/trust/ldevid.chain.pem", "--load-cert",
               file}),
          AllOf(HasSubstr(said), HasSubstr("Verifying OCSP Response: Success")))
          << nonce;
    }
  }
}

TEST_F(VerifiersTest, OpensslVerifyWithTheRightShardAndDeltas) {
  const std::string base = FetchCrl("/crl/ldevid/0.crl");
  EXPECT_THAT(Verify(bad_, {base}, {}), HasSubstr(": OK"));
  Revoke();
  std::string complete;
  const absl::Duration waited = WaitUntil([&] {
    complete = FetchCrl("/crl/ldevid/0.crl");
    return absl::StrContains(Verify(bad_, {complete}, {}), "revoked");
  });
  std::cout << "on the published shard: " << waited << std::endl;
  EXPECT_LT(waited, absl::Seconds(10));
  EXPECT_THAT(Verify(bad_, {complete}, {}), HasSubstr("certificate revoked"));
  EXPECT_THAT(Verify(good_, {complete}, {}), HasSubstr(": OK"));

  // The CRL of another issuer says nothing of it.
  const std::string other = FetchCrl("/crl/idevid/0.crl");
  EXPECT_THAT(Verify(good_, {other}, {}),
              HasSubstr("unable to get certificate CRL"));

  // An old complete CRL and the delta that came since.
  const std::string delta = FetchCrl("/crl/ldevid/0-delta.crl");
  EXPECT_THAT(Run({"openssl", "crl", "-in", delta, "-noout", "-text"}),
              HasSubstr("Delta CRL Indicator: critical"));
  EXPECT_THAT(Verify(bad_, {base, delta}, {"-extended_crl", "-use_deltas"}),
              HasSubstr("certificate revoked"));
  EXPECT_THAT(Verify(good_, {base, delta}, {"-extended_crl", "-use_deltas"}),
              HasSubstr(": OK"));
  EXPECT_THAT(
      Run({"certtool", "--crl-info", "--infile", complete}),
      AllOf(HasSubstr("exit 0"), HasSubstr("Revoked certificates (1)")));
}

struct Page {
  const char* name;
  const char* path;
  const char* type;
};

TEST_F(VerifiersTest, CurlFindsHeadersForCaches) {
  for (const Page& page : {
           Page{"crl", "/crl/ldevid/0.crl", "application/pkix-crl"},
           Page{"delta", "/crl/ldevid/0-delta.crl", "application/pkix-crl"},
           Page{"ca", "/ca/ldevid.cer", "application/pkix-cert"},
           Page{"bundle", "/ca/bundle.pem", "application/x-pem-file"},
       }) {
    SCOPED_TRACE(page.name);
    const std::string url = url_ + page.path;
    const std::string head = Run({"curl", "-sS", "-I", url});
    EXPECT_THAT(head,
                AllOf(HasSubstr("HTTP/1.1 200 OK"),
                      HasSubstr(absl::StrCat("Content-Type: ", page.type)),
                      HasSubstr("Cache-Control: max-age=60, public"),
                      HasSubstr("Last-Modified: "), HasSubstr("Expires: "),
                      HasSubstr("ETag: \"")));
    const size_t etag = head.find("ETag: ") + 6;
    const std::string tag = head.substr(etag, head.find('\r', etag) - etag);
    EXPECT_THAT(Run({"curl", "-sS", "-i", "-H", "If-None-Match: " + tag, url}),
                AllOf(HasSubstr("HTTP/1.1 304"), HasSubstr("ETag: " + tag)));
    EXPECT_THAT(Run({"curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
                     "-H", "If-None-Match: \"stale\"", url}),
                HasSubstr("200"));
    const size_t since = head.find("Last-Modified: ") + 15;
    EXPECT_THAT(Run({"curl", "-sS", "-i", "-H",
                     "If-Modified-Since: " +
                         head.substr(since, head.find('\r', since) - since),
                     url}),
                HasSubstr("HTTP/1.1 304"));
    EXPECT_THAT(Run({"curl", "-sS", "-i", "-X", "DELETE", url}),
                HasSubstr("HTTP/1.1 405"));
  }
  for (const char* path :
       {"/", "/crl/ldevid/99.crl", "/crl/nobody/0.crl", "/ca/nobody.cer",
        "/crl/../ca/bundle.pem", "/crl/ldevid/00.crl"}) {
    EXPECT_THAT(Run({"curl", "-sS", "--path-as-is", "-o", "/dev/null", "-w",
                     "%{http_code}", url_ + path}),
                HasSubstr("404"))
        << path;
  }
}

}  // namespace
}  // namespace birthmark::tests
