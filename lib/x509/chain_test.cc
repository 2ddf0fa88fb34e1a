#include "lib/x509/chain.h"

#include <functional>

#include "lib/base/bytes.h"
#include "lib/base/testing.h"
#include "lib/x509/testing.h"

namespace birthmark::x509 {
namespace {

constexpr auto kDenied = absl::StatusCode::kUnauthenticated;

class ChainTest : public ::testing::Test {
 protected:
  Certificate Leaf(
      std::function<void(CertificateTemplateSpec&, CertificateVariables&)>
          change = nullptr) {
    CertificateTemplateSpec spec = ca_.LeafSpec();
    CertificateVariables vars = LdevidVariables(spki_);
    if (change != nullptr) {
      change(spec, vars);
    }
    return Issue(spec, vars, ca_.issuer_key);
  }

  absl::StatusOr<VerifiedChain> Verify(const Certificate& leaf) {
    return VerifyChain(leaf, {*ca_.issuer}, {*ca_.root}, options_);
  }

  // Makes the issuer of another template, under the same root.
  void ReplaceIssuer(
      std::function<void(CertificateTemplateSpec&, CertificateVariables&)>
          change) {
    CertificateTemplateSpec spec = ca_.IssuerSpec();
    CertificateVariables vars = ca_.IssuerVariables();
    change(spec, vars);
    ca_.issuer = Issue(spec, vars, ca_.root_key);
  }

  TestCa ca_;
  const std::string spki_ =
      TestKey::Shared(crypto::KeyAlgorithm::kP256).spki_der();
  ChainOptions options_{TestTime(), oids::kClientAuth};
};

TEST_F(ChainTest, AGoodLeafVerifiesAndItsIssuerAndRootAreNamed) {
  const TestCa other("Other");
  const Certificate leaf = Leaf();
  ASSERT_OK_AND_ASSIGN(const VerifiedChain chain,
                       VerifyChain(leaf, {*other.issuer, *ca_.issuer},
                                   {*ca_.root, *other.root}, options_));
  EXPECT_EQ(chain.leaf->der, leaf->der);
  EXPECT_EQ(chain.issuer->der, ca_.issuer.value()->der);
  EXPECT_EQ(chain.root->der, ca_.root.value()->der);
  EXPECT_EQ(chain.issuer_index, 1u);
  EXPECT_EQ(chain.root_index, 0u);
}

TEST_F(ChainTest, AnIssuersNamesakeWithAnotherKeyIsPassedOver) {
  const TestCa namesake("Test");
  ASSERT_OK_AND_ASSIGN(const VerifiedChain chain,
                       VerifyChain(Leaf(), {*namesake.issuer, *ca_.issuer},
                                   {*namesake.root, *ca_.root}, options_));
  EXPECT_EQ(chain.issuer_index, 1u);
  EXPECT_EQ(chain.root_index, 1u);
}

TEST_F(ChainTest, ALeafOfAStrangerIsUnknown) {
  const TestCa stranger("Test");  // same names, other keys
  const auto chain =
      VerifyChain(Leaf(), {*stranger.issuer}, {*stranger.root}, options_);
  EXPECT_THAT(chain, StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
  EXPECT_THAT(chain, HasMetadata("serial", HexEncode(TestSerial(4))));
}

TEST_F(ChainTest, AnIssuerThatNoRootVouchesForIsUnknown) {
  const TestCa stranger("Test");
  EXPECT_THAT(VerifyChain(Leaf(), {*ca_.issuer}, {*stranger.root}, options_),
              StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
  EXPECT_THAT(VerifyChain(Leaf(), {*ca_.issuer}, {}, options_),
              StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
  EXPECT_THAT(VerifyChain(Leaf(), {}, {*ca_.root}, options_),
              StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
}

TEST_F(ChainTest, AForgedSignatureIsUnknown) {
  DerNode node = DerNode::Parse(Leaf()->der);
  node.At({0, 5, 0, 0, 1}).content.back() ^= 1;  // another subject
  ASSERT_OK_AND_ASSIGN(const auto forged, Certificate::Parse(node.Encode()));
  EXPECT_THAT(Verify(forged), StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
}

TEST_F(ChainTest, ALeafIsGoodFromItsFirstToItsLastSecond) {
  const Certificate leaf = Leaf();
  options_.at_time = leaf->not_before;
  EXPECT_OK(Verify(leaf));
  options_.at_time = leaf->not_after;
  EXPECT_OK(Verify(leaf));
  options_.at_time = leaf->not_before - absl::Seconds(1);
  EXPECT_THAT(Verify(leaf), StatusIs(kDenied, "CERTIFICATE_EXPIRED"));
  EXPECT_THAT(Verify(leaf),
              HasMetadata("not_before", "2025-12-31T23:55:00+00:00"));
  options_.at_time = leaf->not_after + absl::Seconds(1);
  EXPECT_THAT(Verify(leaf), StatusIs(kDenied, "CERTIFICATE_EXPIRED"));
  EXPECT_THAT(Verify(leaf),
              HasMetadata("not_after", "2026-04-01T00:00:00+00:00"));
}

TEST_F(ChainTest, AnIdevidIsGoodForAsLongAsItsIssuer) {
  const Certificate leaf =
      Issue(ca_.LeafSpec(), IdevidVariables(spki_), ca_.issuer_key);
  EXPECT_OK(Verify(leaf));
  options_.at_time = ca_.issuer.value()->not_after + absl::Seconds(1);
  EXPECT_THAT(Verify(leaf), StatusIs(kDenied, "CERTIFICATE_EXPIRED"));
  EXPECT_THAT(Verify(leaf), HasMetadata("serial", HexEncode(TestSerial(2))));
}

TEST_F(ChainTest, AStrangersExpiryIsNotWorthTelling) {
  const TestCa stranger("Test");
  options_.at_time = TestTime() + 1000 * 365 * absl::Hours(24);
  EXPECT_THAT(
      VerifyChain(Leaf(), {*stranger.issuer}, {*stranger.root}, options_),
      StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
}

TEST_F(ChainTest, AUsageThatIsNotListedIsRefused) {
  options_.required_eku = oids::kServerAuth;
  EXPECT_THAT(Verify(Leaf()), StatusIs(kDenied, "CERTIFICATE_USAGE"));
  EXPECT_THAT(Verify(Leaf()), HasMetadata("usage", "serverAuth"));
  const Certificate any =
      Leaf([](auto& spec, auto&) { spec.extended_key_usages.clear(); });
  EXPECT_OK(Verify(any));
}

TEST_F(ChainTest, AnIssuersUsagesBindItsLeafs) {
  ReplaceIssuer([](auto& spec, auto&) {
    spec.extended_key_usages = {Oid(oids::kServerAuth)};
  });
  EXPECT_THAT(Verify(Leaf()), StatusIs(kDenied, "CERTIFICATE_USAGE"));
}

TEST_F(ChainTest, ACaCertificateIsNoLeaf) {
  const Certificate leaf = Leaf([](auto& spec, auto&) {
    spec.basic_constraints = BasicConstraints{true, std::nullopt};
    spec.key_usage |= kKeyUsageKeyCertSign;
  });
  EXPECT_THAT(Verify(leaf), StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
  EXPECT_THAT(Verify(*ca_.issuer), StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
}

TEST_F(ChainTest, ALeafThatMayNotSignIsRefusedForTls) {
  const Certificate leaf =
      Leaf([](auto& spec, auto&) { spec.key_usage = kKeyUsageKeyAgreement; });
  EXPECT_THAT(Verify(leaf), StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
}

TEST_F(ChainTest, AnIssuerThatIsNoCaIsRefused) {
  ReplaceIssuer(
      [](auto& spec, auto&) { spec.basic_constraints = std::nullopt; });
  EXPECT_THAT(Verify(Leaf()), StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
}

TEST_F(ChainTest, AnIssuerThatMayNotSignCertificatesIsRefused) {
  ReplaceIssuer([](auto& spec, auto&) { spec.key_usage = kKeyUsageCrlSign; });
  EXPECT_THAT(Verify(Leaf()), StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
}

TEST_F(ChainTest, ARootWithoutRoomForIssuersIsRefused) {
  CertificateTemplateSpec spec = ca_.RootSpec();
  spec.basic_constraints = BasicConstraints{true, 0};
  ca_.root = Issue(spec, ca_.RootVariables(), ca_.root_key);
  EXPECT_THAT(Verify(Leaf()), StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
  EXPECT_THAT(VerifyRoot(*ca_.root), StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
}

TEST_F(ChainTest, UnknownCriticalExtensionsAreRefusedAnywhere) {
  const auto with_extension = [](const Certificate& certificate,
                                 const TestKey& key) {
    DerNode tbs = DerNode::Parse(certificate->tbs);
    tbs.children.back().At({0}).children.push_back(
        DerNode::Parse(*HexDecode("300b06022a030101ff04020500")));
    const std::string der = tbs.Encode();
    return *Certificate::Parse(*AssembleCertificate(
        der, certificate->signature_algorithm, key.Sign(der)));
  };
  EXPECT_THAT(Verify(with_extension(Leaf(), ca_.issuer_key)),
              StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
  ca_.issuer = with_extension(*ca_.issuer, ca_.root_key);
  EXPECT_THAT(Verify(Leaf()), StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
}

TEST_F(ChainTest, ALeafBelowTheRootItselfIsUnknown) {
  CertificateTemplateSpec spec = ca_.LeafSpec();
  spec.issuer_name_der = std::string(ca_.root.value()->subject_der);
  spec.issuer_key_id = *ca_.root.value()->subject_key_id;
  spec.signature_algorithm = ca_.root_key.algorithm();
  const Certificate leaf = Issue(spec, LdevidVariables(spki_), ca_.root_key);
  EXPECT_THAT(Verify(leaf), StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
}

TEST_F(ChainTest, ATrustStoreAnswersLikeVerifyChain) {
  const TestCa other("Other");
  ASSERT_OK_AND_ASSIGN(
      const TrustStore store,
      TrustStore::New({*other.issuer, *ca_.issuer}, {*ca_.root, *other.root}));
  const Certificate leaf = Leaf();
  ASSERT_OK_AND_ASSIGN(const VerifiedChain chain, store.Verify(leaf, options_));
  EXPECT_EQ(chain.issuer_index, 1u);
  EXPECT_EQ(chain.root_index, 0u);
  EXPECT_EQ(chain.root->der, ca_.root.value()->der);
  options_.at_time = leaf->not_after + absl::Seconds(1);
  EXPECT_THAT(store.Verify(leaf, options_),
              StatusIs(kDenied, "CERTIFICATE_EXPIRED"));
  const TestCa stranger("Test");
  const Certificate strange =
      Issue(stranger.LeafSpec(), LdevidVariables(spki_), stranger.issuer_key);
  EXPECT_THAT(store.Verify(strange, options_),
              StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
}

TEST_F(ChainTest, ATrustStoreTakesOnlyIssuersThatItsRootsVouchFor) {
  const TestCa stranger("Test");
  EXPECT_THAT(TrustStore::New({*stranger.issuer}, {*ca_.root}),
              StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
  EXPECT_THAT(TrustStore::New({*ca_.issuer}, {*ca_.issuer}),
              StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
  EXPECT_THAT(
      TrustStore::New({}, {*ca_.root}),
      StatusIs(absl::StatusCode::kInvalidArgument, "CERTIFICATE_MALFORMED"));
}

TEST_F(ChainTest, ARootIsSelfSigned) {
  EXPECT_OK(VerifyRoot(*ca_.root));
  EXPECT_THAT(VerifyRoot(*ca_.issuer),
              StatusIs(kDenied, "CERTIFICATE_UNKNOWN"));
}

}  // namespace
}  // namespace birthmark::x509
