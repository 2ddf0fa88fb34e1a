#include "services/ca/issuer.h"

#include <memory>
#include <utility>

#include "lib/base/fake_clock.h"
#include "lib/base/testing.h"
#include "lib/keys/fake_signer.h"
#include "services/ca/test_issuer.h"

namespace birthmark::ca {
namespace {

using ::testing::HasSubstr;

class IssuerTest : public testing::Test {
 protected:
  // What Issuer::New says to a key and a chain.
  static std::string Refusal(std::unique_ptr<keys::Signer> signer,
                             std::vector<x509::Certificate> chain) {
    const auto issuer =
        Issuer::New({"idevid", std::move(signer), std::move(chain), ""});
    EXPECT_THAT(issuer, StatusIs(absl::StatusCode::kInvalidArgument));
    return std::string(issuer.status().message());
  }

  FakeClock clock_;
  TestHierarchy hierarchy_{clock_};
};

TEST_F(IssuerTest, PutsItsCrlsBelowTheBaseUrl) {
  const auto issuer = hierarchy_.MakeIssuer("idevid", "http://crl.example/crl");
  EXPECT_EQ(issuer->CrlUris(7).complete, "http://crl.example/crl/idevid/7.crl");
  EXPECT_EQ(issuer->CrlUris(7).delta,
            "http://crl.example/crl/idevid/7-delta.crl");
  EXPECT_EQ(hierarchy_.MakeIssuer("idevid", "")->CrlUris(0).complete, "");
}

TEST_F(IssuerTest, RefusesAKeyThatIsNotTheCertificates) {
  const keys::FakeSigner certified;
  EXPECT_THAT(Refusal(std::make_unique<keys::FakeSigner>(),
                      hierarchy_.Certify("idevid", certified)),
              HasSubstr("sealed_key_file"));
}

TEST_F(IssuerTest, RefusesAChainWithoutARoot) {
  auto key = std::make_unique<keys::FakeSigner>();
  auto chain = hierarchy_.Certify("idevid", *key);
  chain.pop_back();
  EXPECT_THAT(Refusal(std::move(key), chain), HasSubstr("certificate_file"));
}

TEST_F(IssuerTest, RefusesAChainInTheWrongOrder) {
  auto key = std::make_unique<keys::FakeSigner>();
  auto chain = hierarchy_.Certify("idevid", *key);
  std::swap(chain[0], chain[1]);
  EXPECT_THAT(Refusal(std::move(key), chain), HasSubstr("order"));
}

TEST_F(IssuerTest, RefusesTheRootOfAnotherHierarchy) {
  const TestHierarchy other(clock_);
  auto key = std::make_unique<keys::FakeSigner>();
  auto chain = hierarchy_.Certify("idevid", *key);
  chain[1] = other.root();
  EXPECT_THAT(Refusal(std::move(key), chain), HasSubstr("order"));
}

TEST_F(IssuerTest, SignsNoCrlThatBreaksALint) {
  keys::FakeSigner* signer = nullptr;
  const auto issuer = hierarchy_.MakeIssuer("idevid", "", &signer);
  EXPECT_THAT(issuer->SignCrl("\x30\x03\x02\x01\x01"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(signer->sign_count(), 0);
}

}  // namespace
}  // namespace birthmark::ca
