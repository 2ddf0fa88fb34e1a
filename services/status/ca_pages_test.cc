#include "services/status/ca_pages.h"

#include "absl/strings/match.h"
#include "lib/base/testing.h"
#include "lib/http/testing.h"
#include "lib/x509/certificate.h"
#include "services/status/testing.h"

namespace birthmark::status {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class CaPagesTest : public testing::Test {
 protected:
  http::Response Get(const std::string& path,
                     http::Method method = http::Method::kGet) {
    http::Request request;
    request.method = method;
    request.path = path;
    request.if_none_match = if_none_match_;
    return Call(
        [this](const http::Request& r, http::Responder responder) {
          pages_.Handle(r, std::move(responder));
        },
        request);
  }

  World world_;
  CaPages pages_{world_.issuers, absl::Minutes(1), world_.clock,
                 world_.metrics};
  std::string if_none_match_;
};

TEST_F(CaPagesTest, ServesEachIssuersCertificate) {
  const http::Response response = Get("/ca/device.cer");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(http::BodyOf(response), (*world_.ca.issuer)->der);
  const std::string headers = http::HeadersOf(response);
  EXPECT_THAT(headers, HasSubstr("Content-Type: application/pkix-cert\r\n"));
  EXPECT_THAT(headers, HasSubstr("max-age=60,"));
  EXPECT_THAT(headers, HasSubstr("Expires: Thu, 01 Jan 2026 00:01:00 GMT\r\n"));
  const size_t at = headers.find("ETag: ") + 6;
  if_none_match_ = headers.substr(at, headers.find("\r\n", at) - at);
  EXPECT_EQ(Get("/ca/device.cer").status, 304);
  EXPECT_EQ(Get("/ca/other.cer").status, 200);
}

TEST_F(CaPagesTest, TheBundleHasTheRootsAndThenTheIssuers) {
  const http::Response response = Get("/ca/bundle.pem");
  ASSERT_OK_AND_ASSIGN(const auto certificates,
                       x509::Certificate::ParsePem(http::BodyOf(response)));
  ASSERT_THAT(certificates, SizeIs(4));
  EXPECT_EQ(certificates[0]->der, (*world_.ca.root)->der);
  EXPECT_EQ(certificates[1]->der, (*world_.other_ca.root)->der);
  EXPECT_EQ(certificates[2]->der, (*world_.ca.issuer)->der);
  EXPECT_EQ(certificates[3]->der, (*world_.other_ca.issuer)->der);
}

TEST_F(CaPagesTest, HasNothingElse) {
  for (const char* path : {"/ca/", "/ca/third.cer", "/ca/device.crt",
                           "/ca/../ca/device.cer", "/ca/device.cer/"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
  EXPECT_EQ(Get("/ca/device.cer", http::Method::kPost).status, 405);
  EXPECT_EQ(Get("/ca/device.cer", http::Method::kHead).status, 200);
}

}  // namespace
}  // namespace birthmark::status
