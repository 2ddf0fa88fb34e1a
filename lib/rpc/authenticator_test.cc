#include "lib/rpc/authenticator.h"

#include "absl/strings/str_cat.h"
#include "lib/base/fake_clock.h"
#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/rpc/test_pki.h"
#include "lib/x509/reasons.h"

namespace birthmark::rpc {
namespace {

using ::testing::HasSubstr;

constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;

class AuthenticatorTest : public ::testing::Test {
 protected:
  AuthenticatorTest()
      : directory_(MakeTestDirectory()), pki_(directory_, clock_) {}

  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(authenticator_,
                         Authenticator::New(TestPki::kTrustDomain, pki_.trust(),
                                            clock_, /*cache_size=*/4));
  }

  FakeClock clock_;
  std::string directory_;
  TestPki pki_;
  std::unique_ptr<Authenticator> authenticator_;
};

TEST_F(AuthenticatorTest, ALineIsKnownByFleetAndName) {
  const auto leaf = pki_.Line("acme", "l1");
  ASSERT_OK_AND_ASSIGN(const auto caller,
                       authenticator_->Authenticate(leaf.der));
  EXPECT_EQ(caller->role, options::v1::ROLE_LINE);
  EXPECT_EQ(caller->actor, "spiffe://test.example/fleet/acme/line/l1");
  EXPECT_EQ(caller->fleet, "acme");
  EXPECT_EQ(caller->name, "l1");
  EXPECT_EQ(caller->issuer_id, "internal");
  EXPECT_EQ(caller->serial, leaf.serial);
  EXPECT_EQ(caller->leaf_der, leaf.der);
}

TEST_F(AuthenticatorTest, EveryKindHasItsRole) {
  constexpr char kUid[] = "0191a0b0-0000-7000-8000-000000000001";
  const struct {
    TestPki::Leaf leaf;
    options::v1::Role role;
  } cases[] = {
      {pki_.Operator("alice"), options::v1::ROLE_OPERATOR},
      {pki_.Device("acme", kUid), options::v1::ROLE_DEVICE},
      {pki_.Birth(), options::v1::ROLE_DEVICE_BIRTH},
      {pki_.Service("ca"), options::v1::ROLE_CA},
      {pki_.Service("registration"), options::v1::ROLE_REGISTRATION},
      {pki_.Service("inventory"), options::v1::ROLE_INVENTORY},
      {pki_.Service("status"), options::v1::ROLE_STATUS},
      {pki_.Service("gateway"), options::v1::ROLE_GATEWAY},
      {pki_.Service("monitor"), options::v1::ROLE_MONITOR},
      {pki_.Issue("broker",
                  {.issuer = "internal",
                   .uri = "spiffe://test.example/enforcement-point/broker"}),
       options::v1::ROLE_ENFORCEMENT_POINT},
  };
  for (const auto& c : cases) {
    ASSERT_OK_AND_ASSIGN(const auto caller,
                         authenticator_->Authenticate(c.leaf.der));
    EXPECT_EQ(caller->role, c.role);
  }
}

TEST_F(AuthenticatorTest, AnEnforcementPointIsKnownByItsName) {
  const auto leaf = pki_.Issue(
      "broker", {.issuer = "internal",
                 .uri = "spiffe://test.example/enforcement-point/broker"});
  ASSERT_OK_AND_ASSIGN(const auto caller,
                       authenticator_->Authenticate(leaf.der));
  EXPECT_EQ(caller->name, "broker");
  EXPECT_EQ(caller->fleet, "");
}

TEST_F(AuthenticatorTest, ABirthCertificateIsNamedByItsSerial) {
  const auto leaf = pki_.Birth();
  ASSERT_OK_AND_ASSIGN(const auto caller,
                       authenticator_->Authenticate(leaf.der));
  EXPECT_EQ(caller->actor, "idevid:" + leaf.serial);
  EXPECT_EQ(caller->issuer_id, "idevid");
}

struct WrongName {
  const char* name;
  const char* issuer;
  const char* uri;
};

class WrongNameTest : public AuthenticatorTest,
                      public ::testing::WithParamInterface<WrongName> {};

TEST_P(WrongNameTest, IsUnknown) {
  const auto leaf =
      pki_.Issue("x", {.issuer = GetParam().issuer, .uri = GetParam().uri});
  EXPECT_THAT(authenticator_->Authenticate(leaf.der),
              StatusIs(kUnauthenticated, reasons::kCertificateUnknown));
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongNameTest,
    ::testing::Values(WrongName{"OperatorByTheDeviceIssuer", "ldevid",
                                "spiffe://test.example/operator/eve"},
                      WrongName{"ServiceByTheDeviceIssuer", "ldevid",
                                "spiffe://test.example/service/registration"},
                      WrongName{"OperatorByTheBirthIssuer", "idevid",
                                "spiffe://test.example/operator/eve"},
                      WrongName{"DeviceByTheInternalIssuer", "internal",
                                "spiffe://test.example/fleet/acme/device/"
                                "0191a0b0-0000-7000-8000-000000000001"},
                      WrongName{"EnforcementPointByTheDeviceIssuer", "ldevid",
                                "spiffe://test.example/enforcement-point/e"},
                      WrongName{"AnotherTrustDomain", "internal",
                                "spiffe://other.example/operator/eve"},
                      WrongName{"AServiceThatDoesNotExist", "internal",
                                "spiffe://test.example/service/root"},
                      WrongName{"NoSpiffeId", "internal",
                                "https://test.example/operator/e"},
                      WrongName{"NoNameAtAll", "internal", ""}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(AuthenticatorTest, NoCertificateIsMissing) {
  EXPECT_THAT(authenticator_->Authenticate(""),
              StatusIs(kUnauthenticated, reasons::kCertificateMissing));
}

TEST_F(AuthenticatorTest, GarbageIsUnknown) {
  EXPECT_THAT(authenticator_->Authenticate("garbage"),
              StatusIs(kUnauthenticated, reasons::kCertificateUnknown));
}

TEST_F(AuthenticatorTest, AnIssuerOfTheSameNameButAnotherKeyIsUnknown) {
  TestPki other(MakeTestDirectory(), clock_);
  EXPECT_THAT(authenticator_->Authenticate(other.Operator("alice").der),
              StatusIs(kUnauthenticated, reasons::kCertificateUnknown));
}

TEST_F(AuthenticatorTest, AnExpiredCertificateSaysWhatToDo) {
  const auto leaf = pki_.Operator("alice");
  EXPECT_OK(authenticator_->Authenticate(leaf.der));
  clock_.Advance(absl::Hours(2));  // also for the cached one
  const auto caller = authenticator_->Authenticate(leaf.der);
  EXPECT_THAT(caller, StatusIs(kUnauthenticated, reasons::kCertificateExpired));
  EXPECT_THAT(caller, HasMetadata("serial", leaf.serial));
  EXPECT_THAT(std::string(caller.status().message()), HasSubstr("renew it"));
}

TEST_F(AuthenticatorTest, ACertificateFromTheFutureIsRefused) {
  const auto leaf =
      pki_.Issue("x", {.uri = "spiffe://test.example/operator/alice",
                       .begin = absl::Hours(1),
                       .end = absl::Hours(2)});
  EXPECT_THAT(authenticator_->Authenticate(leaf.der),
              StatusIs(kUnauthenticated, reasons::kCertificateExpired));
}

TEST_F(AuthenticatorTest, AServerCertificateIsNotForClients) {
  const auto leaf = pki_.Issue(
      "x",
      {.uri = "spiffe://test.example/operator/alice", .for_clients = false});
  EXPECT_THAT(authenticator_->Authenticate(leaf.der),
              StatusIs(kUnauthenticated, reasons::kCertificateUsage));
}

TEST_F(AuthenticatorTest, MoreCallersThanTheCacheHoldsAreStillKnown) {
  std::vector<TestPki::Leaf> leaves;
  for (int i = 0; i < 10; ++i) {
    leaves.push_back(pki_.Operator(absl::StrCat("o", i)));
  }
  for (int round = 0; round < 3; ++round) {
    for (const auto& leaf : leaves) {
      ASSERT_OK_AND_ASSIGN(const auto caller,
                           authenticator_->Authenticate(leaf.der));
      EXPECT_EQ(caller->serial, leaf.serial);
    }
  }
}

TEST_F(AuthenticatorTest, ACachedCallerIsTheSameObject) {
  const auto leaf = pki_.Operator("alice");
  ASSERT_OK_AND_ASSIGN(const auto a, authenticator_->Authenticate(leaf.der));
  ASSERT_OK_AND_ASSIGN(const auto b, authenticator_->Authenticate(leaf.der));
  EXPECT_EQ(a.get(), b.get());
}

TEST_F(AuthenticatorTest, ReloadingTrustForgetsWhoIsNoLongerTrusted) {
  const auto leaf = pki_.Operator("alice");
  EXPECT_OK(authenticator_->Authenticate(leaf.der));
  EXPECT_THAT(authenticator_->ReloadIfChanged(), IsOkAndHolds(false));
  TestPki replaced(directory_, clock_);  // new root and issuers, same files
  EXPECT_THAT(authenticator_->ReloadIfChanged(), IsOkAndHolds(true));
  EXPECT_THAT(authenticator_->Authenticate(leaf.der),
              StatusIs(kUnauthenticated, reasons::kCertificateUnknown));
  EXPECT_OK(authenticator_->Authenticate(replaced.Operator("bob").der));
}

TEST_F(AuthenticatorTest, SpoiledTrustFilesLeaveTheOldTrustInPlace) {
  const auto leaf = pki_.Operator("alice");
  ASSERT_OK(WriteFileAtomically(pki_.trust().roots, "not PEM", 0644));
  EXPECT_THAT(authenticator_->ReloadIfChanged(),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_OK(authenticator_->Authenticate(leaf.der));
}

}  // namespace
}  // namespace birthmark::rpc
