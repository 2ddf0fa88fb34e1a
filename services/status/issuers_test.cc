#include "services/status/issuers.h"

#include <string>
#include <vector>

#include "lib/base/testing.h"
#include "lib/x509/ocsp_request.h"
#include "lib/x509/testing.h"
#include "services/status/testing.h"

namespace birthmark::status {
namespace {

using ::testing::HasSubstr;

class IssuersTest : public testing::Test {
 protected:
  static std::string ErrorOf(std::vector<IssuerChain> chains) {
    const auto issuers = Issuers::New(std::move(chains));
    EXPECT_THAT(issuers, StatusIs(absl::StatusCode::kInvalidArgument));
    return std::string(issuers.status().message());
  }

  const x509::TestCa a_{"A"};
  const x509::TestCa b_{"B"};
};

TEST_F(IssuersTest, AreFoundByBothKindsOfHashesAndById) {
  ASSERT_OK_AND_ASSIGN(const Issuers issuers,
                       Issuers::New({{"a", {*a_.issuer, *a_.root}},
                                     {"b", {*b_.issuer, *b_.root}}}));
  for (const auto hash : {x509::OcspHash::kSha1, x509::OcspHash::kSha256}) {
    const std::string der = Ask(*b_.issuer, {x509::TestSerial(1)}, hash);
    ASSERT_OK_AND_ASSIGN(const auto request, x509::OcspRequest::Parse(der));
    EXPECT_EQ(issuers.Find(request.cert_ids()[0]), 1);
  }
  const std::string der = Ask(*a_.root, {x509::TestSerial(1)});
  ASSERT_OK_AND_ASSIGN(const auto request, x509::OcspRequest::Parse(der));
  EXPECT_EQ(issuers.Find(request.cert_ids()[0]), std::nullopt);
  EXPECT_EQ(issuers.Find("a"), 0);
  EXPECT_EQ(issuers.Find("c"), std::nullopt);
}

TEST_F(IssuersTest, RefusesWhatIsNoChain) {
  EXPECT_THAT(ErrorOf({}), HasSubstr("no issuer"));
  EXPECT_THAT(ErrorOf({{"a", {}}}), HasSubstr("has no certificate"));
  EXPECT_THAT(ErrorOf({{"a", {*a_.issuer}}}), HasSubstr("end with a root"));
  EXPECT_THAT(ErrorOf({{"a", {*a_.issuer, *b_.root}}}),
              HasSubstr("not signed by the one after it"));
  const x509::Certificate leaf =
      x509::Issue(a_.LeafSpec(),
                  x509::LdevidVariables(a_.issuer_key.public_key().spki_der()),
                  a_.issuer_key);
  EXPECT_THAT(ErrorOf({{"a", {leaf, *a_.issuer, *a_.root}}}),
              HasSubstr("not a CA's"));
}

TEST_F(IssuersTest, RefusesTwins) {
  EXPECT_THAT(
      ErrorOf({{"a", {*a_.issuer, *a_.root}}, {"a", {*b_.issuer, *b_.root}}}),
      HasSubstr("is there twice"));
  EXPECT_THAT(
      ErrorOf({{"a", {*a_.issuer, *a_.root}}, {"b", {*a_.issuer, *a_.root}}}),
      HasSubstr("has the certificate of another one"));
}

}  // namespace
}  // namespace birthmark::status
