#include "lib/x509/certificate.h"

#include <functional>

#include "lib/base/bytes.h"
#include "lib/base/testing.h"
#include "lib/x509/testing.h"
#include "openssl/bytestring.h"

namespace birthmark::x509 {
namespace {

using ::testing::ElementsAre;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

const TestCa& Ca() {
  static const TestCa* ca = new TestCa();
  return *ca;
}

Certificate GoodLeaf() {
  const std::string spki =
      TestKey::Shared(crypto::KeyAlgorithm::kP256).spki_der();
  CertificateTemplateSpec spec = Ca().LeafSpec();
  spec.ca_issuers_uri = "http://ca.example/idevid.cer";
  spec.policies = {Oid(oids::kCodeSigning)};
  return Issue(spec, IdevidVariables(spki), Ca().issuer_key);
}

TEST(CertificateTest, EveryFieldIsRead) {
  const Certificate leaf = GoodLeaf();
  EXPECT_EQ(leaf->serial, TestSerial(3));
  EXPECT_EQ(leaf->serial_hex, HexEncode(TestSerial(3)));
  EXPECT_EQ(leaf->issuer.ToText(), "CN=Test Issuer,O=Example");
  EXPECT_EQ(leaf->subject.ToText(),
            "serialNumber=SN-0001,CN=M1 SN-0001,O=Example");
  EXPECT_EQ(absl::FormatTime(leaf->not_after, absl::UTCTimeZone()),
            "9999-12-31T23:59:59+00:00");
  EXPECT_EQ(leaf.public_key(),
            TestKey::Shared(crypto::KeyAlgorithm::kP256).public_key());
  ASSERT_TRUE(leaf->subject_alt_names.hw_module_name.has_value());
  EXPECT_EQ(leaf->subject_alt_names.hw_module_name->ToText(),
            "1.3.6.1.4.1.32473.1.1:SN-0001");
  EXPECT_EQ(leaf->authority_key_id, Ca().issuer.value()->subject_key_id);
  EXPECT_EQ(leaf->policies.size(), 1u);
  EXPECT_THAT(leaf->ca_issuer_uris,
              ElementsAre("http://ca.example/idevid.cer"));
  EXPECT_FALSE(leaf.is_ca());
  EXPECT_TRUE(Ca().root->is_ca());
  EXPECT_EQ(Ca().issuer.value()->basic_constraints->path_length, 0);
}

TEST(CertificateTest, CopiesShareTheirBytesAndOutliveTheOriginal) {
  std::optional<Certificate> original = GoodLeaf();
  const Certificate copy = *original;
  EXPECT_EQ(copy->der.data(), original.value()->der.data());
  original.reset();
  EXPECT_FALSE(copy->tbs.empty());
  EXPECT_OK(copy.VerifySignatureBy(Ca().issuer_key.public_key()));
}

TEST(CertificateTest, OnlyTheIssuersKeyVerifiesTheSignature) {
  const Certificate leaf = GoodLeaf();
  EXPECT_OK(leaf.VerifySignatureBy(Ca().issuer->public_key()));
  const auto status = leaf.VerifySignatureBy(Ca().root->public_key());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnauthenticated,
                               "CERTIFICATE_UNKNOWN"));
  EXPECT_THAT(status, HasMetadata("serial", leaf->serial_hex));
}

TEST(CertificateTest, PemHoldsOneOrMore) {
  const std::string pem = GoodLeaf().ToPem() + Ca().issuer->ToPem();
  ASSERT_OK_AND_ASSIGN(const auto certificates, Certificate::ParsePem(pem));
  ASSERT_EQ(certificates.size(), 2u);
  EXPECT_EQ(certificates[1]->der, Ca().issuer.value()->der);
  EXPECT_THAT(Certificate::ParsePem(""), StatusIs(kInvalid, "PEM_MALFORMED"));
}

TEST(CertificateTest, UsagesAllowWhatTheyListAndAllIfThereAreNone) {
  const Certificate leaf = GoodLeaf();
  EXPECT_TRUE(leaf.AllowsUsage(oids::kClientAuth));
  EXPECT_FALSE(leaf.AllowsUsage(oids::kServerAuth));
  EXPECT_TRUE(Ca().root->AllowsUsage(oids::kServerAuth));
}

TEST(CertificateTest, EveryPrefixIsRefused) {
  const std::string der = GoodLeaf()->der;
  for (size_t size = 0; size < der.size(); ++size) {
    EXPECT_THAT(Certificate::Parse(absl::string_view(der).substr(0, size)),
                StatusIs(kInvalid, "CERTIFICATE_MALFORMED"));
  }
}

TEST(CertificateTest, CertificatesAboveTheLimitAreRefused) {
  const Certificate leaf = GoodLeaf();
  EXPECT_OK(Certificate::Parse(leaf->der, leaf->der.size()));
  EXPECT_THAT(Certificate::Parse(leaf->der, leaf->der.size() - 1),
              HasMetadata("where", "size"));
}

TEST(CertificateTest, UnknownCriticalExtensionsAreNamed) {
  DerNode node = DerNode::Parse(GoodLeaf()->der);
  DerNode extension = DerNode::Parse(*HexDecode("300b06022a030101ff04020500"));
  node.At({0, 7, 0}).children.push_back(extension);
  ASSERT_OK_AND_ASSIGN(const auto certificate,
                       Certificate::Parse(node.Encode()));
  ASSERT_EQ(certificate->unknown_critical.size(), 1u);
  EXPECT_EQ(certificate->unknown_critical[0].Text(), "1.2.3");
}

// Each row spoils one thing of a good certificate. Positions: 0 tbs (0 version,
// 1 serial, 2 algorithm, 3 issuer, 4 validity, 5 subject, 6 key,
// 7 extensions), 1 algorithm, 2 signature.
struct SpoiledCase {
  const char* name;
  std::function<void(DerNode&)> spoil;
  const char* where;
};
class SpoiledCertificateTest : public ::testing::TestWithParam<SpoiledCase> {};
TEST_P(SpoiledCertificateTest, IsRefusedAndSaysWhere) {
  DerNode node = DerNode::Parse(GoodLeaf()->der);
  GetParam().spoil(node);
  const auto certificate = Certificate::Parse(node.Encode());
  EXPECT_THAT(certificate, StatusIs(kInvalid, "CERTIFICATE_MALFORMED"));
  EXPECT_THAT(certificate, HasMetadata("where", GetParam().where));
}

DerNode& Extensions(DerNode& n) { return n.At({0, 7, 0}); }

// Replaces the value of the extension `oid` by hex.
std::function<void(DerNode&)> SetValue(absl::string_view oid, const char* hex) {
  return [oid, hex](DerNode& n) {
    FindExtension(Extensions(n), oid).children.back().content = *HexDecode(hex);
  };
}

const SpoiledCase kSpoiledCertificateFieldsCases[] = {
    {"TrailingByte", [](DerNode& n) { n.raw = n.Encode() + '\0'; }, "end"},
    {"Version1",
     [](DerNode& n) {
       auto& fields = n.At({0}).children;
       fields.erase(fields.begin());
     },
     "version"},
    {"Version2",
     [](DerNode& n) {
       n.At({0, 0, 0}).content = "\x01";
     },
     "version"},
    {"NegativeSerial",
     [](DerNode& n) {
       n.At({0, 1}).content = "\xff\x01";
     },
     "serialNumber"},
    {"PaddedSerial",
     [](DerNode& n) {
       n.At({0, 1}).content = std::string("\0\1", 2);
     },
     "serialNumber"},
    {"EmptySerial",
     [](DerNode& n) {
       n.At({0, 1}).content = "";
     },
     "serialNumber"},
    {"LongSerial",
     [](DerNode& n) {
       n.At({0, 1}).content = std::string(22, '\1');
     },
     "serialNumber"},
    {"AlgorithmsDiffer",
     [](DerNode& n) {
       n.At({0, 2}) = DerNode::Parse(crypto::AlgorithmIdentifierDer(
           crypto::SignatureAlgorithm::kEcdsaSha384));
     },
     "signature"},
    {"UnknownAlgorithm",
     [](DerNode& n) {
       n.At({1, 0}).content = "\x2a\x03";
     },
     "signatureAlgorithm"},
    {"TimeWithoutSeconds",
     [](DerNode& n) {
       n.At({0, 4, 0}).content = "2601010000Z";
     },
     "validity"},
    {"TimeWithOffset",
     [](DerNode& n) {
       n.At({0, 4, 0}).content = "260101000000+0100";
     },
     "validity"},
    {"TimeWithFraction",
     [](DerNode& n) {
       n.At({0, 4, 1}).content = "99991231235959.5Z";
     },
     "validity"},
    {"FebruaryThe30th",
     [](DerNode& n) {
       n.At({0, 4, 0}).content = "260230000000Z";
     },
     "validity"},
    {"Hour24",
     [](DerNode& n) {
       n.At({0, 4, 0}).content = "260101240000Z";
     },
     "validity"},
    {"ThirdTime",
     [](DerNode& n) {
       n.At({0, 4}).children.push_back(n.At({0, 4, 0}));
     },
     "validity"},
    {"NulInSubject",
     [](DerNode& n) {
       n.At({0, 5, 1, 0, 1}).content = std::string("a\0b", 3);
     },
     "subject"},
    {"SpoiledKey",
     [](DerNode& n) {
       n.At({0, 6, 1}).content[5] ^= 1;
     },
     "subjectPublicKeyInfo"},
    {"NoExtensionInTheList", [](DerNode& n) { Extensions(n).children.clear(); },
     "extensions"},
    {"FieldAfterExtensions",
     [](DerNode& n) {
       n.At({0}).children.push_back(n.At({0, 1}));
     },
     "extensions"},
    {"UnusedBitsInSignature", [](DerNode& n) { n.At({2}).content[0] = 1; },
     "signatureValue"}};
INSTANTIATE_TEST_SUITE_P(Fields, SpoiledCertificateTest,
                         ::testing::ValuesIn(kSpoiledCertificateFieldsCases),
                         [](const auto& info) { return info.param.name; });

const SpoiledCase kSpoiledCertificateExtensionsCases[] = {
    {"Twice",
     [](DerNode& n) {
       Extensions(n).children.push_back(
           FindExtension(Extensions(n), oids::kKeyUsage));
     },
     "2.5.29.15"},
    {"KeyUsageWithTrailingZeroBits", SetValue(oids::kKeyUsage, "03020080"),
     "2.5.29.15"},
    {"KeyUsageWithoutBits", SetValue(oids::kKeyUsage, "030100"), "2.5.29.15"},
    {"KeyUsageWithUnknownBit", SetValue(oids::kKeyUsage, "0303068040"),
     "2.5.29.15"},
    {"KeyUsageWithSetUnusedBits", SetValue(oids::kKeyUsage, "03020781"),
     "2.5.29.15"},
    {"KeyUsageWithTrailingByte", SetValue(oids::kKeyUsage, "0302078000"),
     "2.5.29.15"},
    {"EmptyExtendedKeyUsage", SetValue(oids::kExtendedKeyUsage, "3000"),
     "2.5.29.37"},
    {"EmptySubjectKeyId", SetValue(oids::kSubjectKeyIdentifier, "0400"),
     "2.5.29.14"},
    {"AuthorityWithIssuerButNoSerial",
     SetValue(oids::kAuthorityKeyIdentifier, "3002a100"), "2.5.29.35"},
    {"EmptyAltName", SetValue(oids::kSubjectAltName, "3000"), "2.5.29.17"},
    {"EmptyDistributionPoints", SetValue(oids::kCrlDistributionPoints, "3000"),
     "2.5.29.31"},
    {"DistributionPointOfNothing",
     SetValue(oids::kCrlDistributionPoints, "30023000"), "2.5.29.31"},
    {"EmptyPolicies", SetValue(oids::kCertificatePolicies, "3000"),
     "2.5.29.32"},
    {"PolicyTwice",
     SetValue(oids::kCertificatePolicies, "300c300406022a03300406022a03"),
     "2.5.29.32"},
    {"EmptyAccess", SetValue(oids::kAuthorityInfoAccess, "3000"),
     "1.3.6.1.5.5.7.1.1"}};
INSTANTIATE_TEST_SUITE_P(
    Extensions, SpoiledCertificateTest,
    ::testing::ValuesIn(kSpoiledCertificateExtensionsCases),
    [](const auto& info) { return info.param.name; });

struct ConstraintsCase {
  const char* name;
  const char* hex;
};
class BadConstraintsTest : public ::testing::TestWithParam<ConstraintsCase> {};
TEST_P(BadConstraintsTest, AreRefused) {
  DerNode node = DerNode::Parse(Ca().issuer.value()->der);
  SetValue(oids::kBasicConstraints, GetParam().hex)(node);
  EXPECT_THAT(Certificate::Parse(node.Encode()),
              HasMetadata("where", "2.5.29.19"));
}
const ConstraintsCase kBadConstraintsCases[] = {
    {"FalseInWords", "3003010100"},
    {"PathLengthWithoutCa", "3003020100"},
    {"NegativePathLength", "30060101ff0201ff"},
    {"PaddedPathLength", "30070101ff02020000"},
    {"HugePathLength", "30070101ff02020100"},
    {"TrailingField", "30090101ff020100020100"},
    {"NotASequence", "0101ff"}};
INSTANTIATE_TEST_SUITE_P(All, BadConstraintsTest,
                         ::testing::ValuesIn(kBadConstraintsCases),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace birthmark::x509
