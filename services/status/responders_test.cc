#include "services/status/responders.h"

#include "lib/base/testing.h"
#include "lib/keys/local_key.h"
#include "lib/x509/oid.h"
#include "services/status/testing.h"

namespace birthmark::status {
namespace {

class RespondersTest : public testing::Test {
 protected:
  std::shared_ptr<const Credential> Get() {
    return world_.responders.Get(0, world_.clock.Now());
  }

  double NotAfter() {
    return world_.metrics.responder_not_after.With({"device"}).Value();
  }

  World world_;
};

TEST_F(RespondersTest, GetsACertificateOfEachIssuer) {
  EXPECT_EQ(Get(), nullptr);
  EXPECT_EQ(NotAfter(), 0);
  EXPECT_FALSE(world_.responders.tried());
  world_.responders.Renew();
  EXPECT_TRUE(world_.responders.tried());
  ASSERT_NE(Get(), nullptr);
  EXPECT_EQ(Get()->not_after(), world_.clock.Now() + absl::Hours(24 * 7));
  EXPECT_EQ(NotAfter(), absl::ToUnixSeconds(Get()->not_after()));
  // FakeCa does not know the other one.
  EXPECT_EQ(world_.responders.Get(1, world_.clock.Now()), nullptr);
}

TEST_F(RespondersTest, RenewsAtHalfOfItsLifeWithAFreshKey) {
  world_.responders.Renew();
  const auto first = Get();
  world_.clock.Advance(absl::Hours(24 * 7) / 2 - absl::Seconds(1));
  world_.responders.Renew();
  EXPECT_EQ(Get(), first);
  EXPECT_EQ(world_.fake_ca.certified(), 1);
  world_.clock.Advance(absl::Seconds(1));
  world_.responders.Renew();
  EXPECT_NE(Get(), first);
  EXPECT_EQ(world_.fake_ca.certified(), 2);
}

TEST_F(RespondersTest, GoesOnWithTheOldOneUntilItExpires) {
  world_.responders.Renew();
  const auto first = Get();
  world_.fake_ca.Fail(absl::UnavailableError("away"));
  world_.clock.Advance(absl::Hours(24 * 6));
  world_.responders.Renew();
  EXPECT_EQ(Get(), first);
  world_.clock.Advance(absl::Hours(24));
  world_.responders.Renew();
  EXPECT_EQ(Get(), nullptr);
  world_.fake_ca.Fail(absl::OkStatus());
  world_.clock.Advance(absl::Minutes(2));
  world_.responders.Renew();
  EXPECT_NE(Get(), nullptr);
}

TEST_F(RespondersTest, WaitsLongerAfterEachFailure) {
  world_.fake_ca.Fail(absl::UnavailableError("away"));
  auto& failures = world_.metrics.responder_failures.With({"device"});
  world_.responders.Renew();
  EXPECT_EQ(failures.Value(), 1);
  world_.responders.Renew();
  EXPECT_EQ(failures.Value(), 1);
  world_.clock.Advance(absl::Seconds(2));
  world_.responders.Renew();
  EXPECT_EQ(failures.Value(), 2);
  world_.clock.Advance(absl::Seconds(1));
  world_.responders.Renew();
  EXPECT_EQ(failures.Value(), 2);
  for (int i = 0; i < 20; ++i) {
    world_.clock.Advance(absl::Minutes(2));
    world_.responders.Renew();
  }
  EXPECT_EQ(failures.Value(), 22);
}

TEST_F(RespondersTest, AClockThatWentBackGetsACertificateOfItsOwn) {
  world_.responders.Renew();
  world_.clock.Set(world_.clock.Now() - absl::Hours(3));
  EXPECT_EQ(Get(), nullptr);
  world_.clock.Advance(absl::Seconds(5));
  world_.responders.Renew();
  EXPECT_NE(Get(), nullptr);
}

TEST_F(RespondersTest, TheThreadRenews) {
  world_.responders.Start();
  EXPECT_TRUE(Eventually([this] { return Get() != nullptr; }));
}

struct Case {
  const char* name;
  std::function<void(x509::CertificateTemplateSpec&,
                     x509::CertificateVariables&)>
      spoil;
};

class SpoiledResponderTest : public testing::TestWithParam<Case> {};

TEST_P(SpoiledResponderTest, IsNotUsed) {
  World world;
  world.fake_ca.Spoil(GetParam().spoil);
  world.responders.Renew();
  EXPECT_EQ(world.fake_ca.certified(), 1);
  EXPECT_EQ(world.responders.Get(0, world.clock.Now()), nullptr);
}

INSTANTIATE_TEST_SUITE_P(
    All, SpoiledResponderTest,
    testing::Values(Case{"ForAnotherUse",
                         [](auto& spec, auto&) {
                           spec.extended_key_usages = {
                               x509::Oid(x509::oids::kClientAuth)};
                         }},
                    Case{"ForAnotherKey",
                         [](auto&, auto& vars) {
                           vars.spki_der = x509::TestKey::Shared(
                                               crypto::KeyAlgorithm::kP256)
                                               .public_key()
                                               .spki_der();
                         }},
                    Case{"Expired",
                         [](auto&, auto& vars) {
                           vars.not_after = x509::TestTime() - absl::Seconds(1);
                         }},
                    Case{"NotYetValid",
                         [](auto&, auto& vars) {
                           vars.not_before = x509::TestTime() + absl::Hours(1);
                         }},
                    Case{"OfAnotherIssuer",
                         [](auto& spec, auto&) {
                           static const x509::TestCa other("Somebody");
                           spec.issuer_name_der =
                               other.LeafSpec().issuer_name_der;
                         }}),
    [](const auto& info) { return info.param.name; });

TEST(CredentialTest, RefusesACertificateThatAnotherKeySigned) {
  const x509::TestCa ca("Same");
  const x509::TestCa twin("Same");
  auto key = *keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256);
  x509::CertificateTemplateSpec spec = twin.LeafSpec();
  spec.extended_key_usages = {x509::Oid(x509::oids::kOcspSigning)};
  const auto certificate = x509::Issue(
      spec, x509::OcspResponderVariables(key->public_key().spki_der()),
      twin.issuer_key);
  EXPECT_THAT(Credential::New(*ca.issuer, certificate->der, std::move(key),
                              x509::TestTime()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(CredentialTest, RefusesWhatIsNoCertificate) {
  const x509::TestCa ca("Same");
  auto key = *keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256);
  EXPECT_THAT(Credential::New(*ca.issuer, "no certificate", std::move(key),
                              x509::TestTime()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace birthmark::status
