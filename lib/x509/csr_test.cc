#include "lib/x509/csr.h"

#include <functional>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/testing.h"
#include "lib/x509/testing.h"
#include "openssl/bytestring.h"

namespace birthmark::x509 {
namespace {

using ::testing::ElementsAre;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

CsrRequest GoodRequest() {
  CsrRequest request;
  request.subject.Organization("Example").CommonName("SN-0001");
  request.subject_alt_names.dns_names = {"sn-0001.example"};
  return request;
}

std::string GoodCsr(crypto::KeyAlgorithm algorithm) {
  const TestKey& key = TestKey::Shared(algorithm);
  return *CreateCsr(GoodRequest(), key.spki_der(), key.algorithm(),
                    key.SignFunctionOf());
}

std::string GoodCsr() { return GoodCsr(crypto::KeyAlgorithm::kP256); }

class EveryKeyTest : public ::testing::TestWithParam<crypto::KeyAlgorithm> {};
TEST_P(EveryKeyTest, ARequestComesBackAndProvesPossession) {
  const TestKey& key = TestKey::Shared(GetParam());
  const std::string der = GoodCsr(GetParam());
  ASSERT_OK_AND_ASSIGN(const Csr csr, Csr::Parse(der));
  EXPECT_EQ(csr.der(), der);
  EXPECT_EQ(csr.subject().ToText(), "CN=SN-0001,O=Example");
  EXPECT_EQ(csr.public_key(), key.public_key());
  EXPECT_EQ(csr.spki_der(), key.spki_der());
  EXPECT_EQ(csr.signature_algorithm(), key.algorithm());
  EXPECT_THAT(csr.subject_alt_names().dns_names,
              ElementsAre("sn-0001.example"));
  ASSERT_EQ(csr.requested_extensions().size(), 1u);
  EXPECT_EQ(csr.requested_extensions()[0].oid, oids::kSubjectAltName);
  EXPECT_FALSE(csr.requested_extensions()[0].critical);
  EXPECT_EQ(csr.attribute_types().size(), 1u);
  EXPECT_OK(csr.VerifyProofOfPossession());
}
INSTANTIATE_TEST_SUITE_P(All, EveryKeyTest,
                         ::testing::Values(crypto::KeyAlgorithm::kP256,
                                           crypto::KeyAlgorithm::kP384,
                                           crypto::KeyAlgorithm::kEd25519,
                                           crypto::KeyAlgorithm::kRsa),
                         [](const auto& info) {
                           std::string name;
                           for (const char c :
                                crypto::KeyAlgorithmName(info.param)) {
                             if (c != '-') {
                               name.push_back(c);
                             }
                           }
                           return name;
                         });

TEST(CsrTest, ARequestWithoutSubjectAndNamesIsStillARequest) {
  const TestKey& key = TestKey::Shared(crypto::KeyAlgorithm::kP256);
  ASSERT_OK_AND_ASSIGN(const std::string der,
                       CreateCsr(CsrRequest(), key.spki_der(), key.algorithm(),
                                 key.SignFunctionOf()));
  ASSERT_OK_AND_ASSIGN(const Csr csr, Csr::Parse(der));
  EXPECT_TRUE(csr.subject().empty());
  EXPECT_TRUE(csr.subject_alt_names().empty());
  EXPECT_OK(csr.VerifyProofOfPossession());
}

TEST(CsrTest, OneOctetAboveTheLimitIsTooLarge) {
  const std::string der = GoodCsr();
  EXPECT_OK(Csr::Parse(der, der.size()));
  const auto csr = Csr::Parse(der, der.size() - 1);
  EXPECT_THAT(csr, StatusIs(kInvalid, "CSR_TOO_LARGE"));
  EXPECT_THAT(csr, HasMetadata("limit", std::to_string(der.size() - 1)));
}

TEST(CsrTest, TheLimitIsCheckedBeforeAnythingElse) {
  EXPECT_THAT(Csr::Parse(std::string(Csr::kDefaultLimit + 1, '\xff')),
              StatusIs(kInvalid, "CSR_TOO_LARGE"));
}

TEST(CsrTest, ASignatureByAnotherKeyIsNoProof) {
  const TestKey& key = TestKey::Shared(crypto::KeyAlgorithm::kP256);
  const TestKey other(crypto::KeyAlgorithm::kP256);
  ASSERT_OK_AND_ASSIGN(const std::string der,
                       CreateCsr(GoodRequest(), key.spki_der(), key.algorithm(),
                                 other.SignFunctionOf()));
  ASSERT_OK_AND_ASSIGN(const Csr csr, Csr::Parse(der));
  EXPECT_THAT(csr.VerifyProofOfPossession(),
              StatusIs(kInvalid, "CSR_SIGNATURE_INVALID"));
}

TEST(CsrTest, ASubjectChangedAfterSigningIsNoProof) {
  DerNode node = DerNode::Parse(GoodCsr());
  node.At({0, 1, 1, 0, 1}).content = "SN-0002";
  ASSERT_OK_AND_ASSIGN(const Csr csr, Csr::Parse(node.Encode()));
  EXPECT_THAT(csr.VerifyProofOfPossession(),
              StatusIs(kInvalid, "CSR_SIGNATURE_INVALID"));
}

TEST(CsrTest, EveryPrefixIsRefused) {
  const std::string der = GoodCsr();
  for (size_t size = 0; size < der.size(); ++size) {
    EXPECT_THAT(Csr::Parse(absl::string_view(der).substr(0, size)),
                StatusIs(kInvalid, "CSR_MALFORMED"));
  }
}

TEST(CsrTest, WhatTheSignerSaysIsPassedOn) {
  const TestKey& key = TestKey::Shared(crypto::KeyAlgorithm::kP256);
  EXPECT_THAT(CreateCsr(GoodRequest(), key.spki_der(), key.algorithm(),
                        [](absl::string_view) -> absl::StatusOr<std::string> {
                          return absl::UnavailableError("token is gone");
                        }),
              StatusIs(absl::StatusCode::kUnavailable));
}

// Each row spoils one thing of a good request. Positions: 0 info (0 version,
// 1 subject, 2 key, 3 attributes), 1 algorithm, 2 signature.
struct SpoiledCase {
  const char* name;
  std::function<void(DerNode&)> spoil;
  const char* where;
};
class SpoiledCsrTest : public ::testing::TestWithParam<SpoiledCase> {};
TEST_P(SpoiledCsrTest, IsRefusedAndSaysWhere) {
  DerNode node = DerNode::Parse(GoodCsr());
  GetParam().spoil(node);
  const auto csr = Csr::Parse(node.Encode());
  EXPECT_THAT(csr, StatusIs(kInvalid, "CSR_MALFORMED"));
  EXPECT_THAT(csr, HasMetadata("where", GetParam().where));
}

// A node again, but with its length written in one octet more than needed.
std::string LongForm(const DerNode& node) {
  std::string der = node.Encode();
  const uint8_t length = static_cast<uint8_t>(der[1]);
  if (length < 0x80) {
    return der.substr(0, 1) + '\x81' + der.substr(1);
  }
  const size_t octets = length & 0x7f;
  return der.substr(0, 1) + static_cast<char>(0x80 | (octets + 1)) + '\0' +
         der.substr(2, octets) + der.substr(2 + octets);
}

// A node again, with indefinite length.
std::string IndefiniteForm(const DerNode& node) {
  std::string der(1, node.Encode()[0]);
  der += '\x80';
  for (const DerNode& child : node.children) {
    der += child.Encode();
  }
  return der + std::string(2, '\0');
}

DerNode& RequestedExtensions(DerNode& n) { return n.At({0, 3, 0, 1, 0}); }

const SpoiledCase kSpoiledCsrOutsideCases[] = {
    {"TrailingByte", [](DerNode& n) { n.raw = n.Encode() + '\0'; }, "end"},
    {"TwoRequests", [](DerNode& n) { n.raw = n.Encode() + n.Encode(); }, "end"},
    {"LongOuterLength", [](DerNode& n) { n.raw = LongForm(n); },
     "outer SEQUENCE"},
    {"IndefiniteOuterLength", [](DerNode& n) { n.raw = IndefiniteForm(n); },
     "outer SEQUENCE"},
    {"NotASequence", [](DerNode& n) { n.tag = CBS_ASN1_SET; },
     "outer SEQUENCE"},
    {"NoSignature", [](DerNode& n) { n.children.pop_back(); }, "signature"},
    {"FourthField", [](DerNode& n) { n.children.push_back(n.At({2})); },
     "signature"},
    {"UnusedBitsInSignature", [](DerNode& n) { n.At({2}).content[0] = 1; },
     "signature"},
    {"SignatureIsOctetString",
     [](DerNode& n) { n.At({2}).tag = CBS_ASN1_OCTETSTRING; }, "signature"},
    {"Sha1",
     [](DerNode& n) {
       n.At({1, 0}).content = absl::StrCat("\x2a\x86\x48\xce\x3d\x04\x01");
     },
     "signatureAlgorithm"},
    {"AlgorithmWithNullParameters",
     [](DerNode& n) {
       DerNode null;
       null.tag = CBS_ASN1_NULL;
       n.At({1}).children.push_back(null);
     },
     "signatureAlgorithm"},
    {"AlgorithmOfAnotherKindOfKey",
     [](DerNode& n) {
       n.At({1}) = DerNode::Parse(crypto::AlgorithmIdentifierDer(
           crypto::SignatureAlgorithm::kEd25519));
     },
     "signatureAlgorithm"}};
INSTANTIATE_TEST_SUITE_P(Outside, SpoiledCsrTest,
                         ::testing::ValuesIn(kSpoiledCsrOutsideCases),
                         [](const auto& info) { return info.param.name; });

const SpoiledCase kSpoiledCsrInfoCases[] = {
    {"Version1",
     [](DerNode& n) {
       n.At({0, 0}).content = "\x01";
     },
     "version"},
    {"PaddedVersion",
     [](DerNode& n) {
       n.At({0, 0}).content = std::string(2, '\0');
     },
     "version"},
    {"NegativeVersion",
     [](DerNode& n) {
       n.At({0, 0}).content = "\xff";
     },
     "version"},
    {"NoVersion",
     [](DerNode& n) {
       auto& fields = n.At({0}).children;
       fields.erase(fields.begin());
     },
     "version"},
    {"LongInnerLength", [](DerNode& n) { n.At({0}).raw = LongForm(n.At({0})); },
     "certificationRequestInfo"},
    {"IndefiniteInnerLength",
     [](DerNode& n) { n.At({0}).raw = IndefiniteForm(n.At({0})); },
     "certificationRequestInfo"},
    {"LongSubjectLength",
     [](DerNode& n) {
       n.At({0, 1}).raw = LongForm(n.At({0, 1}));
     },
     "subject"},
    {"NulInSubject",
     [](DerNode& n) {
       n.At({0, 1, 1, 0, 1}).content = std::string("a\0b", 3);
     },
     "subject"},
    {"BadUtf8InSubject",
     [](DerNode& n) {
       n.At({0, 1, 1, 0, 1}).content = "\xff";
     },
     "subject"},
    {"LongLengthInsideOfSubject",
     [](DerNode& n) {
       DerNode& value = n.At({0, 1, 1, 0, 1});
       value.raw = LongForm(value);
     },
     "subject"},
    {"KeyIsNoSequence",
     [](DerNode& n) {
       n.At({0, 2}).tag = CBS_ASN1_SET;
     },
     "subjectPKInfo"},
    {"NoAttributes", [](DerNode& n) { n.At({0}).children.pop_back(); },
     "attributes"},
    {"FieldAfterAttributes",
     [](DerNode& n) {
       n.At({0}).children.push_back(n.At({0, 0}));
     },
     "attributes"}};
INSTANTIATE_TEST_SUITE_P(Info, SpoiledCsrTest,
                         ::testing::ValuesIn(kSpoiledCsrInfoCases),
                         [](const auto& info) { return info.param.name; });

const SpoiledCase kSpoiledCsrAttributesCases[] = {
    {"AttributeTwice",
     [](DerNode& n) {
       n.At({0, 3}).children.push_back(n.At({0, 3, 0}));
     },
     "attributes"},
    {"NotSorted",
     [](DerNode& n) {
       DerNode other = n.At({0, 3, 0});
       other.At({0}).content = oids::kChallengePassword.data();
       other.At({1}).children = {DerNode::Parse(*HexDecode("0c0178"))};
       n.At({0, 3}).children.push_back(other);
     },
     "attributes"},
    {"NoValue",
     [](DerNode& n) {
       n.At({0, 3, 0, 1}).children.clear();
     },
     "attributes"},
    {"ExtensionRequestTwice",
     [](DerNode& n) {
       n.At({0, 3, 0, 1}).children.push_back(RequestedExtensions(n));
     },
     "extensionRequest"},
    {"NoExtension", [](DerNode& n) { RequestedExtensions(n).children.clear(); },
     "extensionRequest"},
    {"ExtensionTwice",
     [](DerNode& n) {
       DerNode& extensions = RequestedExtensions(n);
       extensions.children.push_back(extensions.At({0}));
     },
     "extensionRequest"},
    {"CriticalIsFalseInWords",
     [](DerNode& n) {
       auto& fields = RequestedExtensions(n).At({0}).children;
       fields.insert(fields.begin() + 1, DerNode::Parse(*HexDecode("010100")));
     },
     "extensionRequest"},
    {"CriticalIsNeitherTrueNorFalse",
     [](DerNode& n) {
       auto& fields = RequestedExtensions(n).At({0}).children;
       DerNode flag = DerNode::Parse(*HexDecode("0101ff"));
       flag.content = "\x01";
       fields.insert(fields.begin() + 1, flag);
     },
     "extensionRequest"},
    {"EmptyAltName",
     [](DerNode& n) {
       RequestedExtensions(n).At({0, 1}).content = *HexDecode("3000");
     },
     "subjectAltName"},
    {"AltNameWithTrailingByte",
     [](DerNode& n) {
       RequestedExtensions(n).At({0, 1}).content += '\0';
     },
     "subjectAltName"}};
INSTANTIATE_TEST_SUITE_P(Attributes, SpoiledCsrTest,
                         ::testing::ValuesIn(kSpoiledCsrAttributesCases),
                         [](const auto& info) { return info.param.name; });

TEST(CsrTest, ASpoiledKeyIsTheKeysError) {
  DerNode node = DerNode::Parse(GoodCsr());
  node.At({0, 2, 1}).content[5] ^= 1;  // off the curve
  EXPECT_THAT(Csr::Parse(node.Encode()), StatusIs(kInvalid, "KEY_MALFORMED"));
}

TEST(CsrTest, AttributesThatNobodyKnowsAreCarriedAlong) {
  DerNode node = DerNode::Parse(GoodCsr());
  DerNode other = node.At({0, 3, 0});
  other.At({0}).content = oids::kChallengePassword.data();
  other.At({1}).children = {DerNode::Parse(*HexDecode("0c0178"))};
  auto& attributes = node.At({0, 3}).children;
  attributes.insert(attributes.begin(), other);
  ASSERT_OK_AND_ASSIGN(const Csr csr, Csr::Parse(node.Encode()));
  ASSERT_EQ(csr.attribute_types().size(), 2u);
  EXPECT_EQ(csr.attribute_types()[0], oids::kChallengePassword);
}

}  // namespace
}  // namespace birthmark::x509
