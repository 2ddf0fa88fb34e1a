#include "lib/crypto/signature_algorithm.h"

#include <string>

#include "lib/base/bytes.h"
#include "lib/base/testing.h"

namespace birthmark::crypto {
namespace {

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

struct Case {
  const char* name;
  SignatureAlgorithm algorithm;
  const char* der;
  const char* text;
};

class AlgorithmIdentifierTest : public ::testing::TestWithParam<Case> {};

TEST_P(AlgorithmIdentifierTest, HasOneFormBothWays) {
  EXPECT_EQ(HexEncode(AlgorithmIdentifierDer(GetParam().algorithm)),
            GetParam().der);
  EXPECT_THAT(ParseAlgorithmIdentifier(HexDecode(GetParam().der).value()),
              IsOkAndHolds(GetParam().algorithm));
  EXPECT_EQ(SignatureAlgorithmName(GetParam().algorithm), GetParam().text);
}

// The values are from RFC 5758, 8410 and 4055, read by hand.
INSTANTIATE_TEST_SUITE_P(
    All, AlgorithmIdentifierTest,
    ::testing::Values(
        Case{"EcdsaSha256", SignatureAlgorithm::kEcdsaSha256,
             "300a06082a8648ce3d040302", "ecdsa-with-SHA256"},
        Case{"EcdsaSha384", SignatureAlgorithm::kEcdsaSha384,
             "300a06082a8648ce3d040303", "ecdsa-with-SHA384"},
        Case{"EcdsaSha512", SignatureAlgorithm::kEcdsaSha512,
             "300a06082a8648ce3d040304", "ecdsa-with-SHA512"},
        Case{"Ed25519", SignatureAlgorithm::kEd25519, "300506032b6570",
             "Ed25519"},
        Case{"RsaSha256", SignatureAlgorithm::kRsaPkcs1Sha256,
             "300d06092a864886f70d01010b0500", "sha256WithRSAEncryption"},
        Case{"RsaSha384", SignatureAlgorithm::kRsaPkcs1Sha384,
             "300d06092a864886f70d01010c0500", "sha384WithRSAEncryption"},
        Case{"RsaSha512", SignatureAlgorithm::kRsaPkcs1Sha512,
             "300d06092a864886f70d01010d0500", "sha512WithRSAEncryption"},
        Case{"RsaPssSha256", SignatureAlgorithm::kRsaPssSha256,
             "304106092a864886f70d01010a3034a00f300d0609608648016503040201"
             "0500a11c301a06092a864886f70d010108300d0609608648016503040201"
             "0500a203020120",
             "RSASSA-PSS with SHA256"}),
    [](const auto& info) { return info.param.name; });

struct BadCase {
  const char* name;
  const char* der;
};

class BadAlgorithmIdentifierTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadAlgorithmIdentifierTest, IsRefused) {
  EXPECT_THAT(ParseAlgorithmIdentifier(HexDecode(GetParam().der).value()),
              StatusIs(kInvalid));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadAlgorithmIdentifierTest,
    ::testing::Values(BadCase{"Empty", ""},
                      BadCase{"EcdsaWithNull", "300c06082a8648ce3d0403020500"},
                      BadCase{"EcdsaSha1", "300906072a8648ce3d0401"},
                      BadCase{"RsaWithoutNull", "300b06092a864886f70d01010b"},
                      BadCase{"RsaSha1", "300d06092a864886f70d0101050500"},
                      BadCase{"RsaMd5", "300d06092a864886f70d0101040500"},
                      BadCase{"LongFormLength", "30810a06082a8648ce3d040302"},
                      BadCase{"TrailingByte", "300a06082a8648ce3d04030200"},
                      BadCase{"Cut", "300a06082a8648ce3d0403"}),
    [](const auto& info) { return info.param.name; });

TEST(FitsTest, PairsAlgorithmsWithKeys) {
  EXPECT_TRUE(Fits(SignatureAlgorithm::kEcdsaSha256, KeyAlgorithm::kP256));
  EXPECT_TRUE(Fits(SignatureAlgorithm::kEcdsaSha256, KeyAlgorithm::kP384));
  EXPECT_TRUE(Fits(SignatureAlgorithm::kEcdsaSha384, KeyAlgorithm::kP256));
  EXPECT_FALSE(Fits(SignatureAlgorithm::kEcdsaSha256, KeyAlgorithm::kRsa));
  EXPECT_FALSE(Fits(SignatureAlgorithm::kEcdsaSha256, KeyAlgorithm::kEd25519));
  EXPECT_TRUE(Fits(SignatureAlgorithm::kEd25519, KeyAlgorithm::kEd25519));
  EXPECT_FALSE(Fits(SignatureAlgorithm::kEd25519, KeyAlgorithm::kP256));
  EXPECT_TRUE(Fits(SignatureAlgorithm::kRsaPssSha256, KeyAlgorithm::kRsa));
  EXPECT_FALSE(Fits(SignatureAlgorithm::kRsaPkcs1Sha256, KeyAlgorithm::kP256));
}

TEST(KeyAlgorithmNameTest, RoundTrips) {
  for (const KeyAlgorithm key : {KeyAlgorithm::kP256, KeyAlgorithm::kP384,
                                 KeyAlgorithm::kEd25519, KeyAlgorithm::kRsa}) {
    EXPECT_THAT(ParseKeyAlgorithmName(KeyAlgorithmName(key)),
                IsOkAndHolds(key));
    EXPECT_TRUE(Fits(DefaultSignatureAlgorithm(key), key));
  }
  EXPECT_THAT(ParseKeyAlgorithmName("P-521"), StatusIs(kInvalid));
  EXPECT_THAT(ParseKeyAlgorithmName(""), StatusIs(kInvalid));
}

}  // namespace
}  // namespace birthmark::crypto
