#include "lib/crypto/batch_verifier.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/testing.h"
#include "lib/crypto/byte_casts.h"
#include "lib/crypto/testing.h"
#include "openssl/bn.h"
#include "openssl/bytestring.h"
#include "openssl/ec.h"
#include "openssl/ec_key.h"
#include "openssl/ecdsa.h"
#include "openssl/err.h"
#include "openssl/mem.h"
#include "openssl/nid.h"
#include "openssl/rand.h"
#include "openssl/sha.h"

namespace birthmark::crypto {
namespace {

using Number = bssl::UniquePtr<BIGNUM>;

// What a VerifyJob points to.
struct Signed {
  PublicKey key;
  SignatureAlgorithm algorithm;
  std::string message;
  std::string signature;

  VerifyJob job() const { return {&key, algorithm, message, signature}; }
};

Signed NewSigned(EvpKey key, SignatureAlgorithm algorithm, const EVP_MD* digest,
                 absl::string_view message) {
  return {PublicKey::Parse(SpkiOf(key.get())).value(), algorithm,
          std::string(message),
          SignWith(key.get(), digest,
                   algorithm == SignatureAlgorithm::kRsaPssSha256, message)};
}

Signed NewGood(int number) {
  return NewSigned(NewP256(), SignatureAlgorithm::kEcdsaSha256, EVP_sha256(),
                   absl::StrCat("message ", number));
}

std::vector<VerifyJob> JobsOf(const std::vector<Signed>& all) {
  std::vector<VerifyJob> jobs;
  for (const Signed& one : all) {
    jobs.push_back(one.job());
  }
  return jobs;
}

// What each key says by itself.
std::vector<bool> Reference(const std::vector<Signed>& all) {
  std::vector<bool> valid;
  for (const Signed& one : all) {
    valid.push_back(one.key.Verify(one.algorithm, one.message, one.signature));
  }
  return valid;
}

uint32_t Random(uint32_t below) {
  uint32_t number = 0;
  RAND_bytes(reinterpret_cast<uint8_t*>(&number), sizeof(number));
  return number % below;
}

std::string EncodeSignature(const BIGNUM* r, const BIGNUM* s) {
  bssl::UniquePtr<ECDSA_SIG> signature(ECDSA_SIG_new());
  EXPECT_TRUE(ECDSA_SIG_set0(signature.get(), BN_dup(r), BN_dup(s)));
  uint8_t* der = nullptr;
  size_t size = 0;
  EXPECT_TRUE(ECDSA_SIG_to_bytes(&der, &size, signature.get()));
  const bssl::UniquePtr<uint8_t> owned(der);
  return std::string(AsChars(der, size));
}

class BatchVerifierTest : public ::testing::TestWithParam<Arithmetic> {
 protected:
  void SetUp() override {
    if (verifier_.arithmetic() != GetParam()) {
      GTEST_SKIP() << "this machine cannot run " << ArithmeticName(GetParam());
    }
  }

  const BatchVerifier verifier_{GetParam()};
};

TEST_P(BatchVerifierTest, AnswersEachJobInBatchesOfAnySize) {
  std::vector<Signed> all;
  for (int i = 0; i < 33; ++i) {
    all.push_back(NewGood(i));
  }
  const std::vector<VerifyJob> jobs = JobsOf(all);
  for (size_t size = 0; size <= all.size(); ++size) {
    EXPECT_EQ(verifier_.Verify(absl::MakeConstSpan(jobs.data(), size)),
              std::vector<bool>(size, true));
  }
  // Every third one is bad, from one batch size to the next another third.
  for (size_t size = 0; size <= all.size(); ++size) {
    std::vector<VerifyJob> spoiled(jobs.begin(), jobs.begin() + size);
    std::vector<bool> want(size, true);
    for (size_t i = size % 3; i < size; i += 3) {
      spoiled[i].message = "another message";
      want[i] = false;
    }
    EXPECT_EQ(verifier_.Verify(spoiled), want) << size;
  }
}

TEST_P(BatchVerifierTest, ABadOneIsFoundInEveryPlaceAndHarmsNobody) {
  std::vector<Signed> all;
  for (int i = 0; i < 16; ++i) {
    all.push_back(NewGood(i));
  }
  for (size_t bad = 0; bad < all.size(); ++bad) {
    std::vector<VerifyJob> jobs = JobsOf(all);
    std::vector<bool> want(all.size(), true);
    want[bad] = false;
    jobs[bad].signature = all[(bad + 1) % all.size()].signature;
    EXPECT_EQ(verifier_.Verify(jobs), want) << bad;
    jobs[bad] = all[bad].job();
    jobs[bad].key = &all[(bad + 1) % all.size()].key;
    EXPECT_EQ(verifier_.Verify(jobs), want) << bad;
    jobs[bad].key = &all[bad].key;
    jobs[bad].signature = "";
    EXPECT_EQ(verifier_.Verify(jobs), want) << bad;
  }
}

TEST_P(BatchVerifierTest, SaysWhatTheKeysSayAboutMutations) {
  std::vector<Signed> pool;
  for (int i = 0; i < 64; ++i) {
    pool.push_back(NewGood(i));
  }
  int valid_ones = 0;
  for (int round = 0; round < 60; ++round) {
    std::vector<Signed> all;
    for (int i = 0; i < 50; ++i) {
      Signed one = pool[Random(64)];
      switch (Random(6)) {
        case 0:  // a bit of the signature
          one.signature[Random(one.signature.size())] ^=
              static_cast<char>(1 << Random(8));
          break;
        case 1:  // a bit of the message
          one.message[Random(one.message.size())] ^=
              static_cast<char>(1 << Random(8));
          break;
        case 2:
          one.signature.resize(Random(one.signature.size() + 1));
          break;
        case 3:
          one.signature = pool[Random(64)].signature;
          break;
        default:
          break;
      }
      all.push_back(std::move(one));
    }
    const std::vector<bool> want = Reference(all);
    valid_ones += static_cast<int>(std::count(want.begin(), want.end(), true));
    EXPECT_EQ(verifier_.Verify(JobsOf(all)), want);
  }
  EXPECT_GT(valid_ones, 500);
  EXPECT_LT(valid_ones, 2500);
}

TEST_P(BatchVerifierTest, RefusesNumbersOutOfRange) {
  const bssl::UniquePtr<EC_GROUP> group(
      EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  const BIGNUM* const order = EC_GROUP_get0_order(group.get());
  Number zero(BN_new());
  Number above(BN_dup(order));
  Number long_one(BN_dup(order));
  Number field(BN_new());
  ASSERT_TRUE(BN_add_word(above.get(), 1));
  ASSERT_TRUE(BN_lshift(long_one.get(), long_one.get(), 8));
  ASSERT_TRUE(EC_GROUP_get_curve_GFp(group.get(), field.get(), nullptr, nullptr,
                                     nullptr));
  std::vector<Signed> all;
  for (const BIGNUM* bad : {static_cast<const BIGNUM*>(zero.get()), order,
                            static_cast<const BIGNUM*>(above.get()),
                            static_cast<const BIGNUM*>(field.get()),
                            static_cast<const BIGNUM*>(long_one.get())}) {
    const Signed good = NewGood(0);
    const bssl::UniquePtr<ECDSA_SIG> signature(
        ECDSA_SIG_from_bytes(AsBytes(good.signature), good.signature.size()));
    const BIGNUM* const r = ECDSA_SIG_get0_r(signature.get());
    const BIGNUM* const s = ECDSA_SIG_get0_s(signature.get());
    for (const std::string& spoiled :
         {EncodeSignature(bad, s), EncodeSignature(r, bad),
          EncodeSignature(bad, bad)}) {
      all.push_back(good);
      all.back().signature = spoiled;
    }
    all.push_back(good);
    all.back().signature = EncodeSignature(s, r);
  }
  EXPECT_EQ(verifier_.Verify(JobsOf(all)),
            std::vector<bool>(all.size(), false));
}

TEST_P(BatchVerifierTest, RefusesSignaturesThatAreNotDer) {
  const Signed good = NewGood(0);
  std::vector<Signed> all(BatchVerifier::kGroup, good);
  all[1].signature.insert(1, "\x81");   // a length in its long form
  all[2].signature += '\0';             // something after it
  all[3].signature[0] = '\x31';         // a SET
  all[4].signature.insert(4, 1, '\0');  // a zero too many
  all[4].signature[1] += 1;
  all[4].signature[3] += 1;
  all[5].signature = '\0' + good.signature;  // something before it
  all[6].signature[2] = '\x03';              // no INTEGER
  std::vector<bool> want(all.size(), false);
  want[0] = want[7] = true;
  EXPECT_EQ(verifier_.Verify(JobsOf(all)), want);
  EXPECT_EQ(ERR_peek_error(), 0u) << "leaves no error for others to find";
}

TEST_P(BatchVerifierTest, TakesOtherAlgorithmsInBetween) {
  std::vector<Signed> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(NewGood(i));
  }
  const auto add = [&](size_t place, Signed one) {
    all.insert(all.begin() + static_cast<ptrdiff_t>(place), std::move(one));
  };
  add(0, NewSigned(NewP384(), SignatureAlgorithm::kEcdsaSha384, EVP_sha384(),
                   "p384"));
  add(5, NewSigned(NewP384(), SignatureAlgorithm::kEcdsaSha256, EVP_sha256(),
                   "p384 with sha256"));
  add(7, NewSigned(NewEd25519(), SignatureAlgorithm::kEd25519, nullptr, "ed"));
  add(9, NewSigned(NewP256(), SignatureAlgorithm::kEcdsaSha512, EVP_sha512(),
                   "p256 with sha512"));
  add(11, NewSigned(NewRsa(), SignatureAlgorithm::kRsaPkcs1Sha256, EVP_sha256(),
                    "rsa"));
  EXPECT_EQ(verifier_.Verify(JobsOf(all)), std::vector<bool>(all.size(), true));
  // The right signature under the wrong algorithm.
  for (Signed& one : all) {
    one.algorithm = one.algorithm == SignatureAlgorithm::kEcdsaSha256
                        ? SignatureAlgorithm::kEcdsaSha512
                        : SignatureAlgorithm::kEcdsaSha256;
  }
  all[5].algorithm = SignatureAlgorithm::kEcdsaSha384;
  EXPECT_EQ(verifier_.Verify(JobsOf(all)),
            std::vector<bool>(all.size(), false));
}

// The signer may choose its key such that both halves of the sum are the same
// point, u1 * G = u2 * Q, which crypto_mb does not always add rightly. For a
// message with digest e: u1 at random, r = x(2 * u1 * G), d = e / r, s = e /
// u1.
Signed NewSumOfEqualPoints(int number) {
  const bssl::UniquePtr<EC_KEY> key(
      EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  const EC_GROUP* const group = EC_KEY_get0_group(key.get());
  const BIGNUM* const order = EC_GROUP_get0_order(group);
  const bssl::UniquePtr<BN_CTX> context(BN_CTX_new());
  const bssl::UniquePtr<EC_POINT> point(EC_POINT_new(group));
  const std::string message = absl::StrCat("equal points ", number);
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(AsBytes(message), message.size(), digest);
  const Number e(BN_bin2bn(digest, sizeof(digest), nullptr));
  const Number u1(BN_new());
  const Number twice(BN_new());
  const Number r(BN_new());
  const Number d(BN_new());
  const Number s(BN_new());
  EXPECT_TRUE(
      BN_rand_range_ex(u1.get(), 1, order) &&
      BN_mod_lshift1(twice.get(), u1.get(), order, context.get()) &&
      EC_POINT_mul(group, point.get(), twice.get(), nullptr, nullptr,
                   nullptr) &&
      EC_POINT_get_affine_coordinates_GFp(group, point.get(), r.get(), nullptr,
                                          nullptr) &&
      BN_nnmod(r.get(), r.get(), order, context.get()) &&
      BN_mod_inverse(d.get(), r.get(), order, context.get()) != nullptr &&
      BN_mod_mul(d.get(), d.get(), e.get(), order, context.get()) &&
      BN_mod_inverse(s.get(), u1.get(), order, context.get()) != nullptr &&
      BN_mod_mul(s.get(), s.get(), e.get(), order, context.get()) &&
      EC_POINT_mul(group, point.get(), d.get(), nullptr, nullptr, nullptr) &&
      EC_KEY_set_public_key(key.get(), point.get()));
  const EvpKey evp(EVP_PKEY_new());
  EXPECT_TRUE(EVP_PKEY_set1_EC_KEY(evp.get(), key.get()));
  return {PublicKey::Parse(SpkiOf(evp.get())).value(),
          SignatureAlgorithm::kEcdsaSha256, message,
          EncodeSignature(r.get(), s.get())};
}

TEST_P(BatchVerifierTest, AcceptsSumsOfEqualPoints) {
  std::vector<Signed> all;
  for (int i = 0; i < 200; ++i) {
    all.push_back(NewSumOfEqualPoints(i));
  }
  EXPECT_EQ(Reference(all), std::vector<bool>(all.size(), true));
  EXPECT_EQ(verifier_.Verify(JobsOf(all)), std::vector<bool>(all.size(), true));
}

TEST_P(BatchVerifierTest, ServesManyThreads) {
  std::vector<Signed> all;
  for (int i = 0; i < 24; ++i) {
    all.push_back(NewGood(i));
  }
  all[13].message += "x";
  std::vector<bool> want(all.size(), true);
  want[13] = false;
  const std::vector<VerifyJob> jobs = JobsOf(all);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        EXPECT_EQ(verifier_.Verify(jobs), want);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

INSTANTIATE_TEST_SUITE_P(All, BatchVerifierTest,
                         ::testing::Values(Arithmetic::kBoringSsl,
                                           Arithmetic::kCryptoMb),
                         [](const auto& info) {
                           return std::string(ArithmeticName(info.param));
                         });

TEST(ArithmeticTest, TheBestOneIsTheDefaultAndCanBeOverridden) {
  EXPECT_EQ(BatchVerifier().arithmetic(), BestArithmetic());
  EXPECT_EQ(BatchVerifier(Arithmetic::kBoringSsl).arithmetic(),
            Arithmetic::kBoringSsl);
  EXPECT_EQ(BatchVerifier(Arithmetic::kCryptoMb).arithmetic(),
            BestArithmetic());
}

}  // namespace
}  // namespace birthmark::crypto
