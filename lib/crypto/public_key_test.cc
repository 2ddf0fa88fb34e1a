#include "lib/crypto/public_key.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/byte_casts.h"
#include "lib/crypto/testing.h"
#include "openssl/digest.h"
#include "openssl/err.h"

namespace birthmark::crypto {
namespace {

struct GoodCase {
  const char* name;
  EvpKey (*make)();
  KeyAlgorithm algorithm;
  int bits;
  SignatureAlgorithm signature;
  const EVP_MD* (*digest)();
};

class GoodKeyTest : public ::testing::TestWithParam<GoodCase> {
 protected:
  EvpKey evp_ = GetParam().make();
  std::string spki_ = SpkiOf(evp_.get());

  std::string Signature(absl::string_view message) {
    return SignWith(
        evp_.get(),
        GetParam().digest == nullptr ? nullptr : GetParam().digest(),
        GetParam().signature == SignatureAlgorithm::kRsaPssSha256, message);
  }
};

TEST_P(GoodKeyTest, IsParsed) {
  ASSERT_OK_AND_ASSIGN(const PublicKey key, PublicKey::Parse(spki_));
  EXPECT_EQ(key.algorithm(), GetParam().algorithm);
  EXPECT_EQ(key.bits(), GetParam().bits);
  EXPECT_EQ(key.spki_der(), spki_);
  EXPECT_EQ(key.Id().size(), 64u);
  EXPECT_EQ(key.key_bytes(), absl::string_view(spki_).substr(
                                 spki_.size() - key.key_bytes().size()));
}

TEST_P(GoodKeyTest, VerifiesItsSignature) {
  ASSERT_OK_AND_ASSIGN(const PublicKey key, PublicKey::Parse(spki_));
  const std::string signature = Signature("message");
  EXPECT_TRUE(key.Verify(GetParam().signature, "message", signature));
  const PublicKey copy = key;
  EXPECT_TRUE(copy.Verify(GetParam().signature, "message", signature));
  EXPECT_EQ(copy, key);
}

TEST_P(GoodKeyTest, RefusesEverySpoiledSignature) {
  ASSERT_OK_AND_ASSIGN(const PublicKey key, PublicKey::Parse(spki_));
  const std::string signature = Signature("message");
  const SignatureAlgorithm algorithm = GetParam().signature;
  EXPECT_FALSE(key.Verify(algorithm, "massage", signature));
  EXPECT_FALSE(key.Verify(algorithm, "message", ""));
  EXPECT_FALSE(key.Verify(algorithm, "message", signature + '\0'));
  EXPECT_FALSE(key.Verify(algorithm, "message", '\0' + signature));
  for (size_t i = 0; i < signature.size(); ++i) {
    std::string spoiled = signature;
    spoiled[i] = static_cast<char>(spoiled[i] ^ 0x40);
    EXPECT_FALSE(key.Verify(algorithm, "message", spoiled)) << i;
    EXPECT_FALSE(key.Verify(algorithm, "message", signature.substr(0, i)));
  }
}

TEST_P(GoodKeyTest, RefusesEveryOtherAlgorithmAndKey) {
  ASSERT_OK_AND_ASSIGN(const PublicKey key, PublicKey::Parse(spki_));
  const std::string signature = Signature("message");
  for (const SignatureAlgorithm other :
       {SignatureAlgorithm::kEcdsaSha256, SignatureAlgorithm::kEcdsaSha384,
        SignatureAlgorithm::kEcdsaSha512, SignatureAlgorithm::kEd25519,
        SignatureAlgorithm::kRsaPkcs1Sha256,
        SignatureAlgorithm::kRsaPkcs1Sha384,
        SignatureAlgorithm::kRsaPkcs1Sha512,
        SignatureAlgorithm::kRsaPssSha256}) {
    EXPECT_EQ(key.Verify(other, "message", signature),
              other == GetParam().signature);
  }
  const EvpKey stranger_key = GetParam().make();
  ASSERT_OK_AND_ASSIGN(const PublicKey stranger,
                       PublicKey::Parse(SpkiOf(stranger_key.get())));
  EXPECT_FALSE(stranger.Verify(GetParam().signature, "message", signature));
  EXPECT_FALSE(stranger == key);
}

TEST_P(GoodKeyTest, RefusesEveryPrefixAndTrailingBytes) {
  for (size_t size = 0; size < spki_.size(); ++size) {
    EXPECT_THAT(
        PublicKey::Parse(spki_.substr(0, size)),
        StatusIs(absl::StatusCode::kInvalidArgument, reasons::kKeyMalformed));
  }
  const auto result = PublicKey::Parse(spki_ + '\0');
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument,
                               reasons::kKeyMalformed));
  EXPECT_THAT(result, HasMetadata("rule", "trailing_bytes"));
}

TEST_P(GoodKeyTest, LeavesNoErrorForOthersToFind) {
  ASSERT_OK_AND_ASSIGN(const PublicKey key, PublicKey::Parse(spki_));
  EXPECT_FALSE(key.Verify(GetParam().signature, "message", "nonsense"));
  EXPECT_EQ(ERR_peek_error(), 0u);
  EXPECT_FALSE(PublicKey::Parse(spki_.substr(1)).ok());
  EXPECT_EQ(ERR_peek_error(), 0u);
}

INSTANTIATE_TEST_SUITE_P(
    All, GoodKeyTest,
    ::testing::Values(GoodCase{"P256", NewP256, KeyAlgorithm::kP256, 256,
                               SignatureAlgorithm::kEcdsaSha256, EVP_sha256},
                      GoodCase{"P256WithSha512", NewP256, KeyAlgorithm::kP256,
                               256, SignatureAlgorithm::kEcdsaSha512,
                               EVP_sha512},
                      GoodCase{"P384", NewP384, KeyAlgorithm::kP384, 384,
                               SignatureAlgorithm::kEcdsaSha384, EVP_sha384},
                      GoodCase{"Ed25519", NewEd25519, KeyAlgorithm::kEd25519,
                               255, SignatureAlgorithm::kEd25519, nullptr},
                      GoodCase{"Rsa", NewRsa, KeyAlgorithm::kRsa, 2048,
                               SignatureAlgorithm::kRsaPkcs1Sha256, EVP_sha256},
                      GoodCase{"RsaWithSha384", NewRsa, KeyAlgorithm::kRsa,
                               2048, SignatureAlgorithm::kRsaPkcs1Sha384,
                               EVP_sha384},
                      GoodCase{"RsaPss", NewRsa, KeyAlgorithm::kRsa, 2048,
                               SignatureAlgorithm::kRsaPssSha256, EVP_sha256}),
    [](const auto& info) { return info.param.name; });

TEST(PublicKeyTest, RefusesAnEcdsaSignatureThatIsNotDer) {
  const EvpKey evp = NewP256();
  ASSERT_OK_AND_ASSIGN(const PublicKey key,
                       PublicKey::Parse(SpkiOf(evp.get())));
  std::string signature = SignWith(evp.get(), EVP_sha256(), false, "message");
  // The same sequence with its length in the long form, which BER allows.
  signature.insert(1, "\x81");
  EXPECT_FALSE(
      key.Verify(SignatureAlgorithm::kEcdsaSha256, "message", signature));
}

constexpr char kP256Header[] =
    "3059301306072a8648ce3d020106082a8648ce3d030107034200";
constexpr char kP256Generator[] =
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
constexpr char kEd25519Header[] = "302a300506032b6570032100";

TEST(PublicKeyTest, TakesTheGeneratorsOfTheCurves) {
  EXPECT_OK(PublicKey::Parse(
      HexDecode(absl::StrCat(kP256Header, kP256Generator)).value()));
  EXPECT_OK(PublicKey::Parse(
      HexDecode(absl::StrCat(kEd25519Header, "58", std::string(62, '6')))
          .value()));
}

struct BadCase {
  const char* name;
  std::string hex;
  absl::StatusCode code;
  absl::string_view reason;
  const char* rule;
};

BadCase Malformed(const char* name, std::string hex, const char* rule) {
  return {name, std::move(hex), absl::StatusCode::kInvalidArgument,
          reasons::kKeyMalformed, rule};
}

BadCase NotAllowed(const char* name, std::string hex, const char* rule) {
  return {name, std::move(hex), absl::StatusCode::kFailedPrecondition,
          reasons::kKeyTypeNotAllowed, rule};
}

class BadKeyTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadKeyTest, IsRefusedWithItsRule) {
  const auto result = PublicKey::Parse(HexDecode(GetParam().hex).value());
  EXPECT_THAT(result, StatusIs(GetParam().code, GetParam().reason));
  EXPECT_THAT(result, HasMetadata("rule", GetParam().rule));
}

std::string Zeros(size_t bytes) { return std::string(2 * bytes, '0'); }

std::string Point(const std::string& hex) { return kP256Header + hex; }

INSTANTIATE_TEST_SUITE_P(
    Ec, BadKeyTest,
    ::testing::Values(
        Malformed("Empty", "", "der"), Malformed("NotASequence", "0500", "der"),
        Malformed("LongFormLength",
                  absl::StrCat("308159301306072a8648ce3d020106082a8648ce3d0301"
                               "07034200",
                               kP256Generator),
                  "der"),
        Malformed("IndefiniteLength", "30800000", "der"),
        Malformed("PointOffTheCurve",
                  Point(absl::StrCat(std::string(kP256Generator).substr(0, 128),
                                     "f6")),
                  "ec_point_not_on_curve"),
        Malformed("PointZero", Point("04" + Zeros(64)),
                  "ec_point_not_on_curve"),
        Malformed("CoordinateNotBelowP", Point("04" + std::string(128, 'f')),
                  "ec_point_not_on_curve"),
        Malformed("HybridPoint",
                  Point("07" + std::string(kP256Generator).substr(2)),
                  "ec_point_encoding"),
        Malformed("PointAtInfinity",
                  "3019301306072a8648ce3d020106082a8648ce3d03010703020000",
                  "ec_point_encoding"),
        Malformed("CompressedPoint",
                  "3039301306072a8648ce3d020106082a8648ce3d030107032200036b17"
                  "d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2"
                  "96",
                  "ec_point_encoding"),
        Malformed("UnusedBits",
                  absl::StrCat("3059301306072a8648ce3d020106082a8648ce3d030107"
                               "034201",
                               kP256Generator),
                  "bit_string"),
        Malformed("NoParameters",
                  absl::StrCat("304f300906072a8648ce3d0201034200",
                               kP256Generator),
                  "ec_parameters"),
        Malformed("NullParameters",
                  absl::StrCat("3051300b06072a8648ce3d02010500034200",
                               kP256Generator),
                  "ec_parameters"),
        Malformed("ExplicitParameters",
                  absl::StrCat("3051300b06072a8648ce3d02013000034200",
                               kP256Generator),
                  "ec_explicit_parameters"),
        NotAllowed("P521Curve",
                   "3016301006072a8648ce3d020106052b8104002303020004", "curve"),
        NotAllowed("Secp256k1Curve",
                   "3016301006072a8648ce3d020106052b8104000a03020004", "curve"),
        NotAllowed("Dsa", "300e300906072a8648ce380401030100", "algorithm")),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Ed25519, BadKeyTest,
    ::testing::Values(
        Malformed("OrderOne", kEd25519Header + ("01" + Zeros(31)),
                  "ed25519_small_order"),
        Malformed("OrderOneNegative",
                  kEd25519Header + ("01" + Zeros(30) + "80"),
                  "ed25519_small_order"),
        Malformed("OrderTwo",
                  kEd25519Header + ("ec" + std::string(60, 'f') + "7f"),
                  "ed25519_small_order"),
        Malformed("OrderTwoNegative",
                  kEd25519Header + ("ec" + std::string(60, 'f') + "ff"),
                  "ed25519_small_order"),
        Malformed("OrderFour", kEd25519Header + Zeros(32),
                  "ed25519_small_order"),
        Malformed("OrderFourNegative", kEd25519Header + (Zeros(31) + "80"),
                  "ed25519_small_order"),
        Malformed("OrderEight",
                  absl::StrCat(kEd25519Header,
                               "26e8958fc2b227b045c3f489f2ef98f0"
                               "d5dfac05d3c63339b13802886d53fc05"),
                  "ed25519_small_order"),
        Malformed("OrderEightNegative",
                  absl::StrCat(kEd25519Header,
                               "26e8958fc2b227b045c3f489f2ef98f0"
                               "d5dfac05d3c63339b13802886d53fc85"),
                  "ed25519_small_order"),
        Malformed("OrderEightOther",
                  absl::StrCat(kEd25519Header,
                               "c7176a703d4dd84fba3c0b760d10670f"
                               "2a2053fa2c39ccc64ec7fd7792ac037a"),
                  "ed25519_small_order"),
        Malformed("OrderEightOtherNegative",
                  absl::StrCat(kEd25519Header,
                               "c7176a703d4dd84fba3c0b760d10670f"
                               "2a2053fa2c39ccc64ec7fd7792ac03fa"),
                  "ed25519_small_order"),
        Malformed("YIsP", kEd25519Header + ("ed" + std::string(60, 'f') + "7f"),
                  "ed25519_not_canonical"),
        Malformed("YIsPPlusOne",
                  kEd25519Header + ("ee" + std::string(60, 'f') + "7f"),
                  "ed25519_not_canonical"),
        Malformed("YIsAllOnes", kEd25519Header + std::string(64, 'f'),
                  "ed25519_not_canonical"),
        Malformed("NotOnTheCurve", kEd25519Header + ("02" + Zeros(31)),
                  "ed25519_not_on_curve"),
        Malformed("Short", "3029300506032b6570032000" + Zeros(31),
                  "ed25519_not_canonical"),
        Malformed("NullParameters", "302c300706032b65700500032100" + Zeros(32),
                  "ed25519_parameters"),
        NotAllowed("Ed448", "300a300506032b6571030100", "algorithm"),
        NotAllowed("X25519", "302a300506032b656e032100" + Zeros(32),
                   "algorithm")),
    [](const auto& info) { return info.param.name; });

// An RSA SPKI of the given modulus and exponent, both as INTEGER TLVs.
std::string RsaHex(const std::string& integers,
                   const std::string& algorithm = "06092a864886f70d0101010500",
                   const std::string& unused_bits = "00") {
  const auto wrap = [](int tag, const std::string& hex) {
    const size_t size = hex.size() / 2;
    std::string out(1, static_cast<char>(tag));
    if (size >= 256) {
      out += '\x82';
      out += static_cast<char>(size >> 8);
    } else if (size >= 128) {
      out += '\x81';
    }
    out += static_cast<char>(size & 0xff);
    return HexEncode(out) + hex;
  };
  return wrap(0x30, wrap(0x30, algorithm) +
                        wrap(0x03, unused_bits + wrap(0x30, integers)));
}

const char kExponent[] = "0203010001";

// A modulus of 2048 bits, all ones.
std::string Modulus2048() { return "0282010100" + std::string(512, 'f'); }

INSTANTIATE_TEST_SUITE_P(
    Rsa, BadKeyTest,
    ::testing::Values(
        Malformed("NoNull",
                  RsaHex(Modulus2048() + kExponent, "06092a864886f70d010101"),
                  "rsa_parameters"),
        Malformed("UnusedBits",
                  RsaHex(Modulus2048() + kExponent,
                         "06092a864886f70d0101010500", "01"),
                  "bit_string"),
        Malformed("NegativeModulus",
                  RsaHex("02820100" + std::string(512, 'f') + kExponent),
                  "rsa_public_key"),
        Malformed("PaddedModulus",
                  RsaHex("028201020000" + std::string(512, 'f') + kExponent),
                  "rsa_public_key"),
        Malformed("PaddedExponent", RsaHex(Modulus2048() + "020400010001"),
                  "rsa_public_key"),
        Malformed("NegativeExponent", RsaHex(Modulus2048() + "0201ff"),
                  "rsa_public_key"),
        Malformed("NoExponent", RsaHex(Modulus2048()), "rsa_public_key"),
        Malformed("ThirdInteger", RsaHex(Modulus2048() + kExponent + "020101"),
                  "rsa_public_key"),
        NotAllowed("TinyModulus", RsaHex(std::string("020103") + kExponent),
                   "rsa_modulus_size"),
        NotAllowed("HugeExponent",
                   RsaHex(Modulus2048() + "0205" + "0fffffffff"),
                   "rsa_exponent_size"),
        NotAllowed("HugeKey", std::string(2 * (kMaxSpkiBytes + 1), '0'),
                   "size"),
        NotAllowed("PssKey",
                   RsaHex(Modulus2048() + kExponent, "06092a864886f70d01010a"),
                   "algorithm")),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace birthmark::crypto
