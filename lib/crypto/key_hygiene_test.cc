#include "lib/crypto/key_hygiene.h"

#include <string>
#include <utility>
#include <vector>

#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/crypto/byte_casts.h"
#include "openssl/bn.h"
#include "openssl/bytestring.h"
#include "openssl/evp.h"
#include "openssl/mem.h"
#include "openssl/nid.h"
#include "openssl/rsa.h"

namespace birthmark::crypto {
namespace {

using Number = bssl::UniquePtr<BIGNUM>;

Number FromWord(uint64_t word) {
  Number number(BN_new());
  EXPECT_TRUE(BN_set_u64(number.get(), word));
  return number;
}

Number PowerOfTwo(int exponent) {
  Number number = FromWord(1);
  EXPECT_TRUE(BN_lshift(number.get(), number.get(), exponent));
  return number;
}

Number Product(const BIGNUM* a, const BIGNUM* b) {
  bssl::UniquePtr<BN_CTX> context(BN_CTX_new());
  Number product(BN_new());
  EXPECT_TRUE(BN_mul(product.get(), a, b, context.get()));
  return product;
}

bool IsPrime(const BIGNUM* number) {
  bssl::UniquePtr<BN_CTX> context(BN_CTX_new());
  int prime = 0;
  EXPECT_TRUE(BN_primality_test(&prime, number, BN_prime_checks_for_generation,
                                context.get(), /*do_trial_division=*/1,
                                nullptr));
  return prime == 1;
}

Number RandomPrime(int bits) {
  Number prime(BN_new());
  EXPECT_TRUE(BN_generate_prime_ex(prime.get(), bits, /*safe=*/0, nullptr,
                                   nullptr, nullptr));
  // The top two bits are set, so that products have the full length.
  return prime;
}

// The first prime above `start`.
Number NextPrime(const BIGNUM* start) {
  Number candidate(BN_dup(start));
  EXPECT_TRUE(BN_add_word(candidate.get(), BN_is_odd(start) ? 2 : 1));
  while (!IsPrime(candidate.get())) {
    EXPECT_TRUE(BN_add_word(candidate.get(), 2));
  }
  return candidate;
}

PublicKey KeyOf(const BIGNUM* modulus, uint64_t exponent) {
  bssl::ScopedCBB cbb;
  CBB spki, algorithm, oid, null, bits, key;
  const Number e = FromWord(exponent);
  uint8_t* der = nullptr;
  size_t size = 0;
  EXPECT_TRUE(
      CBB_init(cbb.get(), 512) &&
      CBB_add_asn1(cbb.get(), &spki, CBS_ASN1_SEQUENCE) &&
      CBB_add_asn1(&spki, &algorithm, CBS_ASN1_SEQUENCE) &&
      CBB_add_asn1(&algorithm, &oid, CBS_ASN1_OBJECT) &&
      CBB_add_bytes(&oid, AsBytes("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), 9) &&
      CBB_add_asn1(&algorithm, &null, CBS_ASN1_NULL) &&
      CBB_add_asn1(&spki, &bits, CBS_ASN1_BITSTRING) && CBB_add_u8(&bits, 0) &&
      CBB_add_asn1(&bits, &key, CBS_ASN1_SEQUENCE) &&
      BN_marshal_asn1(&key, modulus) && BN_marshal_asn1(&key, e.get()) &&
      CBB_finish(cbb.get(), &der, &size));
  bssl::UniquePtr<uint8_t> owned(der);
  return PublicKey::Parse(AsChars(der, size)).value();
}

void ExpectWeak(const PublicKey& key, const char* rule) {
  const absl::Status status = CheckKeyHygiene(key);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               reasons::kKeyWeak));
  EXPECT_THAT(status, HasMetadata("rule", rule));
}

// One good modulus for all tests: making it takes a while.
const BIGNUM* GoodModulus() {
  static const BIGNUM* const modulus = [] {
    const Number p = RandomPrime(1024);
    const Number q = RandomPrime(1024);
    return Product(p.get(), q.get()).release();
  }();
  return modulus;
}

TEST(KeyHygieneTest, PassesAGoodRsaKey) {
  EXPECT_OK(CheckKeyHygiene(KeyOf(GoodModulus(), 65537)));
}

TEST(KeyHygieneTest, PassesEllipticCurveKeys) {
  bssl::UniquePtr<EVP_PKEY_CTX> context(
      EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr));
  EVP_PKEY* key = nullptr;
  ASSERT_TRUE(EVP_PKEY_keygen_init(context.get()));
  ASSERT_TRUE(EVP_PKEY_keygen(context.get(), &key));
  bssl::UniquePtr<EVP_PKEY> owned(key);
  bssl::ScopedCBB cbb;
  uint8_t* der = nullptr;
  size_t size = 0;
  ASSERT_TRUE(CBB_init(cbb.get(), 64) &&
              EVP_marshal_public_key(cbb.get(), key) &&
              CBB_finish(cbb.get(), &der, &size));
  bssl::UniquePtr<uint8_t> owned_der(der);
  ASSERT_OK_AND_ASSIGN(const PublicKey parsed,
                       PublicKey::Parse(AsChars(der, size)));
  EXPECT_OK(CheckKeyHygiene(parsed));
}

struct SizeCase {
  const char* name;
  int first_prime_bits;
  int second_prime_bits;
};

class ModulusSizeTest : public ::testing::TestWithParam<SizeCase> {};

TEST_P(ModulusSizeTest, OutOfRangeIsWeak) {
  const Number p = RandomPrime(GetParam().first_prime_bits);
  const Number q = RandomPrime(GetParam().second_prime_bits);
  ExpectWeak(KeyOf(Product(p.get(), q.get()).get(), 65537), "rsa_modulus_size");
}

INSTANTIATE_TEST_SUITE_P(All, ModulusSizeTest,
                         ::testing::Values(SizeCase{"Rsa1024", 512, 512},
                                           SizeCase{"Rsa2040", 1020, 1020},
                                           SizeCase{"Rsa2052", 1028, 1024}),
                         [](const auto& info) { return info.param.name; });

TEST(KeyHygieneTest, ModulusAbove4096BitsIsWeak) {
  Number modulus = PowerOfTwo(4103);
  ASSERT_TRUE(BN_add_word(modulus.get(), 1));
  ExpectWeak(KeyOf(modulus.get(), 65537), "rsa_modulus_size");
}

struct ExponentCase {
  const char* name;
  uint64_t exponent;
  bool good;
};

class ExponentTest : public ::testing::TestWithParam<ExponentCase> {};

TEST_P(ExponentTest, IsJudged) {
  const PublicKey key = KeyOf(GoodModulus(), GetParam().exponent);
  if (GetParam().good) {
    EXPECT_OK(CheckKeyHygiene(key));
  } else {
    ExpectWeak(key, "rsa_exponent");
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, ExponentTest,
    ::testing::Values(
        ExponentCase{"Zero", 0, false}, ExponentCase{"One", 1, false},
        ExponentCase{"Three", 3, false}, ExponentCase{"Below", 65535, false},
        ExponentCase{"Even", 65538, false}, ExponentCase{"Least", 65537, true},
        ExponentCase{"More", 65539, true},
        ExponentCase{"Most", 0xffffffff, true},
        ExponentCase{"TooMuch", 0x100000001, false}),
    [](const auto& info) { return info.param.name; });

TEST(KeyHygieneTest, EvenModulusIsWeak) {
  Number modulus(BN_dup(GoodModulus()));
  ASSERT_TRUE(BN_add_word(modulus.get(), 1));
  ExpectWeak(KeyOf(modulus.get(), 65537), "rsa_even_modulus");
}

class SmallFactorTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(SmallFactorTest, IsWeak) {
  // The rest fills the modulus up to 2048 bits; how long it has to be depends
  // on its leading digits.
  const Number factor = FromWord(GetParam());
  const int whole = 2048 - static_cast<int>(BN_num_bits(factor.get()));
  Number modulus;
  for (int draw = 0; !modulus || BN_num_bits(modulus.get()) != 2048; ++draw) {
    const Number rest = RandomPrime(whole + draw % 2);
    modulus = Product(factor.get(), rest.get());
  }
  ExpectWeak(KeyOf(modulus.get(), 65537), "rsa_small_factor");
}

// The last is the 2000th odd prime.
INSTANTIATE_TEST_SUITE_P(All, SmallFactorTest,
                         ::testing::Values(3, 5, 7, 641, 17393));

TEST(KeyHygieneTest, KeyMadeLikeTheInfineonLibraryIsWeak) {
  bssl::UniquePtr<BN_CTX> context(BN_CTX_new());
  // M: the product of the first 71 primes, which that library took for keys of
  // this size. Its primes are k * M + (65537^a mod M).
  Number primorial = FromWord(2);
  for (uint64_t candidate = 3, found = 1; found < 71; candidate += 2) {
    if (IsPrime(FromWord(candidate).get())) {
      ASSERT_TRUE(BN_mul_word(primorial.get(), candidate));
      ++found;
    }
  }
  const Number generator = FromWord(65537);
  const auto make_prime = [&] {
    Number power(BN_new());
    Number k(BN_new());
    Number exponent(BN_new());
    Number prime;
    do {
      EXPECT_TRUE(
          BN_rand(exponent.get(), 128, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY));
      EXPECT_TRUE(BN_rand(k.get(), 1024 - BN_num_bits(primorial.get()),
                          BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY));
      EXPECT_TRUE(BN_mod_exp(power.get(), generator.get(), exponent.get(),
                             primorial.get(), context.get()));
      prime = Product(k.get(), primorial.get());
      EXPECT_TRUE(BN_add(prime.get(), prime.get(), power.get()));
    } while (BN_num_bits(prime.get()) != 1024 || !IsPrime(prime.get()));
    return prime;
  };
  Number modulus;
  do {
    const Number p = make_prime();
    const Number q = make_prime();
    modulus = Product(p.get(), q.get());
  } while (BN_num_bits(modulus.get()) != 2048);
  ExpectWeak(KeyOf(modulus.get(), 65537), "rsa_roca");
}

struct DistanceCase {
  const char* name;
  int bits;  // of the distance between the primes
  bool weak;
};

class ClosePrimesTest : public ::testing::TestWithParam<DistanceCase> {};

TEST_P(ClosePrimesTest, AreFoundWithinReach) {
  const Number p = RandomPrime(1024);
  const Number distance = PowerOfTwo(GetParam().bits);
  Number start(BN_new());
  // Downwards, so that the product keeps its length.
  ASSERT_TRUE(BN_sub(start.get(), p.get(), distance.get()));
  const Number q = NextPrime(start.get());
  const PublicKey key = KeyOf(Product(p.get(), q.get()).get(), 65537);
  if (GetParam().weak) {
    ExpectWeak(key, "rsa_close_primes");
  } else {
    EXPECT_OK(CheckKeyHygiene(key));
  }
}

// n = p q is found after about (p - q)^2 / (8 sqrt(n)) rounds: 2^(2 bits - 3) /
// 2^1024 for primes of 1024 bits.
INSTANTIATE_TEST_SUITE_P(
    All, ClosePrimesTest,
    ::testing::Values(DistanceCase{"Neighbours", 12, true},
                      DistanceCase{"OneRound", 500, true},
                      DistanceCase{"DozensOfRounds", 516, true},
                      DistanceCase{"OutOfReach", 530, false}),
    [](const auto& info) { return info.param.name; });

TEST(KeyHygieneTest, SquareOfAPrimeIsWeak) {
  const Number p = RandomPrime(1024);
  ExpectWeak(KeyOf(Product(p.get(), p.get()).get(), 65537), "rsa_close_primes");
}

}  // namespace
}  // namespace birthmark::crypto
