#include "lib/x509/ocsp_request.h"

#include <functional>

#include "lib/base/bytes.h"
#include "lib/base/testing.h"
#include "lib/crypto/hash.h"
#include "lib/x509/testing.h"

namespace birthmark::x509 {
namespace {

using ::testing::SizeIs;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

const TestCa& Ca() {
  static const TestCa* ca = new TestCa();
  return *ca;
}

OcspIssuerHashes Hashes() { return OcspIssuerHashes::Of(*Ca().issuer); }

std::string Good(
    std::optional<absl::string_view> nonce = absl::string_view("0123456789")) {
  return *BuildOcspRequest({Hashes().CertIdDer(OcspHash::kSha1, TestSerial(7))},
                           nonce);
}

TEST(OcspRequestTest, WhatWasWrittenIsRead) {
  for (const OcspHash hash : {OcspHash::kSha1, OcspHash::kSha256}) {
    const std::string id = Hashes().CertIdDer(hash, TestSerial(7));
    ASSERT_OK_AND_ASSIGN(const std::string der, BuildOcspRequest({id}, "abc"));
    ASSERT_OK_AND_ASSIGN(const OcspRequest request, OcspRequest::Parse(der));
    ASSERT_THAT(request.cert_ids(), SizeIs(1));
    const OcspCertId& read = request.cert_ids()[0];
    EXPECT_EQ(read.der, id);
    EXPECT_EQ(read.hash, hash);
    EXPECT_EQ(read.serial, TestSerial(7));
    EXPECT_EQ(request.nonce(), "abc");
    EXPECT_TRUE(Hashes().Matches(read));
    EXPECT_FALSE(OcspIssuerHashes::Of(*Ca().root).Matches(read));
  }
}

TEST(OcspRequestTest, HashesAreThoseOfNameAndKey) {
  const OcspIssuerHashes hashes = Hashes();
  EXPECT_EQ(hashes.name_sha1, crypto::Sha1(Ca().issuer.value()->subject_der));
  EXPECT_EQ(hashes.key_sha1,
            crypto::Sha1(Ca().issuer->public_key().key_bytes()));
  EXPECT_EQ(hashes.key_sha256.substr(0, 20),
            *Ca().issuer.value()->subject_key_id);
  EXPECT_EQ(hashes.CertIdDer(OcspHash::kUnknown, TestSerial(1)), "");
  EXPECT_EQ(hashes.CertIdDer(OcspHash::kSha1, ""), "");
}

TEST(OcspRequestTest, AnIssuerOfTheSameNameWithAnotherKeyIsAnother) {
  const TestCa other;
  OcspCertId id;
  id.hash = OcspHash::kSha1;
  const OcspIssuerHashes theirs = OcspIssuerHashes::Of(*other.issuer);
  id.issuer_name_hash = theirs.name_sha1;
  id.issuer_key_hash = theirs.key_sha1;
  EXPECT_TRUE(theirs.Matches(id));
  EXPECT_EQ(theirs.name_sha1, Hashes().name_sha1);
  EXPECT_FALSE(Hashes().Matches(id));
}

TEST(OcspRequestTest, SixteenCertificatesAreAskedAboutAtMost) {
  std::vector<std::string> ids;
  for (int i = 0; i < 16; ++i) {
    ids.push_back(Hashes().CertIdDer(OcspHash::kSha256, TestSerial(i)));
  }
  ASSERT_OK_AND_ASSIGN(std::string der, BuildOcspRequest(ids, std::nullopt));
  ASSERT_OK_AND_ASSIGN(const OcspRequest request, OcspRequest::Parse(der));
  ASSERT_THAT(request.cert_ids(), SizeIs(16));
  EXPECT_EQ(request.cert_ids()[15].serial, TestSerial(15));
  EXPECT_FALSE(request.nonce().has_value());

  ids.push_back(ids[0]);
  ASSERT_OK_AND_ASSIGN(der, BuildOcspRequest(ids, std::nullopt));
  EXPECT_THAT(OcspRequest::Parse(der),
              StatusIs(kInvalid, "OCSP_REQUEST_TOO_LARGE"));
  EXPECT_OK(OcspRequest::Parse(der, {.max_requests = 17}));
  EXPECT_THAT(OcspRequest::Parse(der, {.max_size = 100, .max_requests = 17}),
              HasMetadata("limit", "100"));
}

TEST(OcspRequestTest, NoncesHaveOneTo128Octets) {
  for (const size_t size : {1, 32, 128}) {
    const std::string nonce(size, 'n');
    const std::string der = Good(nonce);
    ASSERT_OK_AND_ASSIGN(const OcspRequest request, OcspRequest::Parse(der));
    EXPECT_EQ(request.nonce(), nonce);
  }
  for (const size_t size : {0, 129, 4000}) {
    const std::string nonce(size, 'n');
    EXPECT_THAT(BuildOcspRequest({Hashes().CertIdDer(OcspHash::kSha1, "1")},
                                 absl::string_view(nonce)),
                StatusIs(kInvalid, "OCSP_INVALID"));
    DerNode node = DerNode::Parse(Good());
    DerNode octets;
    octets.tag = 4;
    octets.content = nonce;
    node.At({0, 1, 0, 0, 1}).content = octets.Encode();
    EXPECT_THAT(OcspRequest::Parse(node.Encode()),
                StatusIs(kInvalid, "OCSP_NONCE_INVALID"));
  }
}

TEST(OcspRequestTest, SignatureAndNameOfTheRequestorArePassedOver) {
  DerNode node = DerNode::Parse(Good());
  auto& tbs = node.At({0}).children;
  // requestorName [1] { dNSName "a" }
  tbs.insert(tbs.begin(), DerNode::Parse(*HexDecode("a103820161")));
  node.children.push_back(DerNode::Parse(*HexDecode("a00430020500")));
  const std::string der = node.Encode();
  ASSERT_OK_AND_ASSIGN(const OcspRequest request, OcspRequest::Parse(der));
  EXPECT_EQ(request.cert_ids()[0].serial, TestSerial(7));
  EXPECT_EQ(request.nonce(), "0123456789");
}

TEST(OcspRequestTest, HashesThatNobodyComputesAreKeptAsUnknown) {
  DerNode node = DerNode::Parse(Good());
  node.At({0, 0, 0, 0, 0}) = DerNode::Parse(*HexDecode("300406022a03"));
  const std::string der = node.Encode();
  ASSERT_OK_AND_ASSIGN(const OcspRequest request, OcspRequest::Parse(der));
  EXPECT_EQ(request.cert_ids()[0].hash, OcspHash::kUnknown);
  EXPECT_FALSE(Hashes().Matches(request.cert_ids()[0]));
}

TEST(OcspRequestTest, AHashWithoutParametersIsTheSameHash) {
  DerNode node = DerNode::Parse(Good());
  node.At({0, 0, 0, 0, 0}).children.pop_back();
  const std::string der = node.Encode();
  ASSERT_OK_AND_ASSIGN(const OcspRequest request, OcspRequest::Parse(der));
  EXPECT_TRUE(Hashes().Matches(request.cert_ids()[0]));
}

struct SerialCase {
  const char* name;
  std::string content;
  std::string want;
};
class OcspSerialTest : public ::testing::TestWithParam<SerialCase> {};
TEST_P(OcspSerialTest, ComparesWithOurs) {
  DerNode node = DerNode::Parse(Good());
  node.At({0, 0, 0, 0, 3}).content = GetParam().content;
  const std::string der = node.Encode();
  ASSERT_OK_AND_ASSIGN(const OcspRequest request, OcspRequest::Parse(der));
  EXPECT_EQ(request.cert_ids()[0].serial, GetParam().want);
}
const SerialCase kSerialCases[] = {
    {"WithSignOctet", std::string("\0\x80", 2), "\x80"},
    {"OfOneOctet", "\x05", "\x05"},
    {"Zero", std::string(1, '\0'), ""},
    {"Negative", "\x80", ""},
    {"Of21Octets", std::string(21, '\x01'), ""},
    {"Of20OctetsAndASignOctet", std::string(1, '\0') + std::string(20, '\x99'),
     std::string(20, '\x99')}};
INSTANTIATE_TEST_SUITE_P(All, OcspSerialTest, ::testing::ValuesIn(kSerialCases),
                         [](const auto& info) { return info.param.name; });

// Each row spoils one thing of a good request. Positions: 0 tbsRequest
// (0 requestList, 1 requestExtensions).
struct SpoiledCase {
  const char* name;
  std::function<void(DerNode&)> spoil;
  const char* where;
};
class SpoiledOcspRequestTest : public ::testing::TestWithParam<SpoiledCase> {};
TEST_P(SpoiledOcspRequestTest, IsRefusedAndSaysWhere) {
  DerNode node = DerNode::Parse(Good());
  GetParam().spoil(node);
  const std::string der = node.Encode();
  const auto request = OcspRequest::Parse(der);
  EXPECT_THAT(request, StatusIs(kInvalid, "OCSP_REQUEST_MALFORMED"));
  EXPECT_THAT(request, HasMetadata("where", GetParam().where));
}

DerNode& CertId(DerNode& n) { return n.At({0, 0, 0, 0}); }

void InsertFirst(DerNode& n, const char* hex) {
  n.children.insert(n.children.begin(), DerNode::Parse(*HexDecode(hex)));
}

const SpoiledCase kSpoiledCases[] = {
    {"TrailingByte", [](DerNode& n) { n.raw = n.Encode() + '\0'; },
     "outer SEQUENCE"},
    {"Empty", [](DerNode& n) { n.raw = ""; }, "outer SEQUENCE"},
    {"NotASequence", [](DerNode& n) { n.raw = *HexDecode("0500"); },
     "outer SEQUENCE"},
    {"SomethingAfterTheRequest",
     [](DerNode& n) {
       n.children.push_back(DerNode::Parse(*HexDecode("0500")));
     },
     "outer SEQUENCE"},
    {"ASignatureThatIsNone",
     [](DerNode& n) {
       n.children.push_back(DerNode::Parse(*HexDecode("a0020500")));
     },
     "outer SEQUENCE"},
    {"VersionWrittenOut",
     [](DerNode& n) { InsertFirst(n.At({0}), "a003020100"); }, "version"},
    {"Version2", [](DerNode& n) { InsertFirst(n.At({0}), "a003020101"); },
     "version"},
    {"TwoNames", [](DerNode& n) { InsertFirst(n.At({0}), "a106820161820161"); },
     "requestorName"},
    {"NoRequest",
     [](DerNode& n) {
       n.At({0, 0}).children.clear();
     },
     "requestList"},
    {"EmptyRequest",
     [](DerNode& n) {
       n.At({0, 0, 0}).children.clear();
     },
     "requestList"},
    {"NoSerial", [](DerNode& n) { CertId(n).children.pop_back(); },
     "requestList"},
    {"FieldAfterSerial",
     [](DerNode& n) {
       CertId(n).children.push_back(DerNode::Parse(*HexDecode("0500")));
     },
     "requestList"},
    {"SerialNotMinimal",
     [](DerNode& n) { CertId(n).At({3}).content = std::string("\0\x01", 2); },
     "requestList"},
    {"EmptySerial", [](DerNode& n) { CertId(n).At({3}).content = ""; },
     "requestList"},
    {"NameHashTooShort",
     [](DerNode& n) { CertId(n).At({1}).content.pop_back(); }, "requestList"},
    {"KeyHashTooLong",
     [](DerNode& n) { CertId(n).At({2}).content.push_back('x'); },
     "requestList"},
    {"HashWithOtherParameters",
     [](DerNode& n) {
       CertId(n).At({0, 1}) = DerNode::Parse(*HexDecode("020100"));
     },
     "requestList"},
    {"UnknownCriticalForOne",
     [](DerNode& n) {
       n.At({0, 0, 0}).children.push_back(
           DerNode::Parse(*HexDecode("a00d300b06022a030101ff04020500")));
     },
     "requestList"},
    {"NonceIsNoOctetString",
     [](DerNode& n) {
       n.At({0, 1, 0, 0, 1}).content = "0123456789";
     },
     "requestExtensions"},
    {"NonceTwice",
     [](DerNode& n) {
       n.At({0, 1, 0}).children.push_back(n.At({0, 1, 0, 0}));
     },
     "requestExtensions"},
    {"UnknownCritical",
     [](DerNode& n) {
       n.At({0, 1, 0}).children.push_back(
           DerNode::Parse(*HexDecode("300b06022a030101ff04020500")));
     },
     "requestExtensions"},
    {"NoExtensionInTheList",
     [](DerNode& n) {
       n.At({0, 1, 0}).children.clear();
     },
     "requestExtensions"},
    {"FieldAfterTheExtensions",
     [](DerNode& n) {
       n.At({0}).children.push_back(DerNode::Parse(*HexDecode("0500")));
     },
     "requestExtensions"}};
INSTANTIATE_TEST_SUITE_P(All, SpoiledOcspRequestTest,
                         ::testing::ValuesIn(kSpoiledCases),
                         [](const auto& info) { return info.param.name; });

TEST(OcspRequestTest, NoPrefixIsARequest) {
  const std::string der = Good();
  for (size_t size = 0; size < der.size(); ++size) {
    EXPECT_THAT(OcspRequest::Parse(absl::string_view(der).substr(0, size)),
                StatusIs(kInvalid, "OCSP_REQUEST_MALFORMED"));
  }
}

TEST(OcspRequestTest, ARequestAboutNothingIsNotBuilt) {
  EXPECT_THAT(BuildOcspRequest({}, std::nullopt),
              HasMetadata("field", "cert_ids"));
  EXPECT_THAT(BuildOcspRequest({""}, std::nullopt),
              HasMetadata("field", "cert_ids"));
}

}  // namespace
}  // namespace birthmark::x509
