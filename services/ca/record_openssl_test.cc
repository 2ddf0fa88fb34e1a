// A signed record, as another implementation sees it: the openssl command
// verifies chain and signature, as docs/formats/decommission_certificate.md
// says.

#include <array>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "birthmark/ca/v1/ca_service.pb.h"
#include "lib/base/bytes.h"
#include "lib/base/testing.h"
#include "lib/x509/certificate.h"
#include "lib/x509/jws.h"
#include "services/ca/services_fixture.h"

namespace birthmark::ca {
namespace {

using ::testing::HasSubstr;

class RecordOpenSslTest : public ServicesTest {
 protected:
  void SetUp() override {
    Options options = ValidOptions();
    options.profiles.push_back(
        ProfileOf(policy::ProfileKind::kRecordSigner, "internal"));
    options.profiles.back().validity = absl::Hours(24 * 7);
    ASSERT_OK_AND_ASSIGN(services_, New(std::move(options)));
    services_->Register(router_);
  }

  void Save(const std::string& name, const std::string& content) {
    std::ofstream(Path(name), std::ios::binary) << content;
  }
  static std::string Path(const std::string& name) {
    return absl::StrCat(testing::TempDir(), "/", name);
  }

  // What openssl says, in the folder of the test.
  static std::string OpenSsl(const std::string& arguments) {
    FILE* pipe = popen(absl::StrCat("cd '", testing::TempDir(), "' && openssl ",
                                    arguments, " 2>&1")
                           .c_str(),
                       "r");
    std::string text;
    std::array<char, 4096> buffer;
    size_t size;
    while ((size = fread(buffer.data(), 1, buffer.size(), pipe)) > 0) {
      text.append(buffer.data(), size);
    }
    pclose(pipe);
    return text;
  }
};

TEST_F(RecordOpenSslTest, ChainAndSignatureVerifyElsewhere) {
  v1::SignRecordsRequest request;
  request.set_type("example+jws");
  request.add_payloads(R"({"issued_time":"2026-01-01T00:00:00Z"})");
  ASSERT_OK_AND_ASSIGN(
      const auto response,
      Call<v1::SignRecordsResponse>("birthmark.ca.v1.RecordSigner.SignRecords",
                                    request, options::v1::ROLE_INVENTORY));
  const std::vector<std::string> parts = absl::StrSplit(response.jws(0), '.');
  ASSERT_EQ(parts.size(), 3u);
  ASSERT_OK_AND_ASSIGN(const x509::Jws jws, x509::Jws::Parse(response.jws(0)));
  std::string chain;
  for (const std::string& der : jws.header().chain_der) {
    chain += x509::Certificate::Parse(der)->ToPem();
  }
  ASSERT_OK_AND_ASSIGN(const auto signer,
                       x509::Certificate::Parse(jws.header().chain_der[0]));
  Save("chain.pem", chain);
  Save("signer.pem", signer.ToPem());
  Save("root.pem", hierarchy_.root().ToPem());
  const std::string at = absl::StrCat(absl::ToUnixSeconds(clock_.Now()));
  EXPECT_THAT(OpenSsl(absl::StrCat("verify -x509_strict -attime ", at,
                                   " -CAfile root.pem -untrusted chain.pem "
                                   "signer.pem")),
              HasSubstr("signer.pem: OK"));
  EXPECT_THAT(OpenSsl("x509 -in signer.pem -noout -ext extendedKeyUsage"),
              HasSubstr("1.3.6.1.5.5.7.3.36"));
  EXPECT_THAT(
      OpenSsl("x509 -in signer.pem -noout -ext keyUsage"),
      testing::AllOf(HasSubstr("critical"), HasSubstr("Digital Signature")));

  ASSERT_OK_AND_ASSIGN(const std::string raw, Base64UrlDecode(parts[2]));
  const std::string hex = HexEncode(raw);
  ASSERT_EQ(hex.size(), 128u);
  Save("signature.conf",
       absl::StrCat("asn1=SEQUENCE:s\n[s]\nr=INTEGER:0x", hex.substr(0, 64),
                    "\ns=INTEGER:0x", hex.substr(64), "\n"));
  Save("input", absl::StrCat(parts[0], ".", parts[1]));
  Save("other", absl::StrCat(parts[0], ".", parts[1], "A"));
  OpenSsl("asn1parse -genconf signature.conf -noout -out signature.der");
  OpenSsl("x509 -in signer.pem -noout -pubkey -out signer.pub");
  EXPECT_THAT(OpenSsl("dgst -sha256 -verify signer.pub -signature "
                      "signature.der input"),
              HasSubstr("Verified OK"));
  EXPECT_THAT(OpenSsl("dgst -sha256 -verify signer.pub -signature "
                      "signature.der other"),
              HasSubstr("Verification failure"));
}

}  // namespace
}  // namespace birthmark::ca
