#include "lib/crypto/batch_gcd.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "gmpxx.h"
#include "lib/base/testing.h"

namespace birthmark::crypto {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Bytes(const mpz_class& number) {
  std::string bytes((mpz_sizeinbase(number.get_mpz_t(), 2) + 7) / 8, '\0');
  mpz_export(bytes.data(), nullptr, 1, 1, 1, 0, number.get_mpz_t());
  return bytes;
}

mpz_class Number(const std::string& bytes) {
  mpz_class number;
  mpz_import(number.get_mpz_t(), bytes.size(), 1, 1, 1, 0, bytes.data());
  return number;
}

class BatchGcdTest : public testing::Test {
 protected:
  // A fresh prime of `bits`.
  mpz_class Prime(int bits = 96) {
    mpz_class number = 1;
    for (int i = 0; i < bits / 32; ++i) {
      number = (number << 32) + static_cast<unsigned>(random_());
    }
    mpz_nextprime(number.get_mpz_t(), number.get_mpz_t());
    return number;
  }

  std::string Modulus() { return Bytes(Prime() * Prime()); }

  std::vector<std::string> Moduli(int count) {
    std::vector<std::string> moduli;
    for (int i = 0; i < count; ++i) {
      moduli.push_back(Modulus());
    }
    return moduli;
  }

  std::mt19937_64 random_{std::random_device()()};
};

// What the trees must find, in the slow way.
std::vector<std::string> Naive(const std::vector<std::string>& moduli) {
  std::vector<std::string> factors;
  for (size_t i = 0; i < moduli.size(); ++i) {
    mpz_class product = 1;
    for (size_t j = 0; j < moduli.size(); ++j) {
      product *= i == j ? mpz_class(1) : Number(moduli[j]);
    }
    const mpz_class factor = gcd(Number(moduli[i]), product);
    factors.push_back(factor == 1 ? "" : Bytes(factor));
  }
  return factors;
}

TEST_F(BatchGcdTest, PlantedPrimesAreFoundAsByComparingAll) {
  // Whatever the shape of the trees.
  for (const int count : {1, 2, 3, 7, 16, 61}) {
    std::vector<std::string> moduli = Moduli(count);
    const mpz_class p = Prime();
    const mpz_class q = Prime();
    for (int i = 0; i < count / 3; ++i) {
      moduli[random_() % moduli.size()] = Bytes((i % 2 == 0 ? p : q) * Prime());
    }
    if (count > 10) {
      moduli[3] = Bytes(p * q);
      moduli[9] = moduli[4];
    }
    for (const size_t chunk : {1, 2, 5, 8, 1000}) {
      ASSERT_OK_AND_ASSIGN(const BatchGcdResult result,
                           BatchGcd(moduli, {.chunk = chunk}));
      EXPECT_EQ(result.factors, Naive(moduli)) << count << " by " << chunk;
    }
  }
}

TEST_F(BatchGcdTest, GoodModuliShareNothing) {
  ASSERT_OK_AND_ASSIGN(const BatchGcdResult result, BatchGcd(Moduli(200)));
  EXPECT_THAT(result.factors, testing::Each(""));
  EXPECT_THAT(result.shared, IsEmpty());
}

TEST_F(BatchGcdTest, NothingSharesNothing) {
  ASSERT_OK_AND_ASSIGN(const BatchGcdResult result, BatchGcd({}));
  EXPECT_THAT(result.factors, IsEmpty());
}

TEST_F(BatchGcdTest, WhoSharesAPrimeIsNamed) {
  std::vector<std::string> moduli = Moduli(50);
  const mpz_class p = Prime();
  for (const size_t i : {4, 17, 40}) {
    moduli[i] = Bytes(p * Prime());
  }
  ASSERT_OK_AND_ASSIGN(const BatchGcdResult result,
                       BatchGcd(moduli, {.chunk = 16}));
  ASSERT_THAT(result.shared, SizeIs(1));
  EXPECT_EQ(result.shared[0].factor, Bytes(p));
  EXPECT_THAT(result.shared[0].members, ElementsAre(4, 17, 40));
  EXPECT_EQ(result.factors[17], Bytes(p));
}

TEST_F(BatchGcdTest, TheSameModulusTwiceIsFound) {
  std::vector<std::string> moduli = Moduli(9);
  moduli[7] = moduli[2];
  ASSERT_OK_AND_ASSIGN(const BatchGcdResult result, BatchGcd(moduli));
  EXPECT_EQ(result.factors[2], moduli[2]);
  ASSERT_THAT(result.shared, SizeIs(1));
  EXPECT_EQ(result.shared[0].factor, moduli[2]);
  EXPECT_THAT(result.shared[0].members, ElementsAre(2, 7));
}

TEST_F(BatchGcdTest, AModulusWhoseBothPrimesAreSharedIsTakenApart) {
  std::vector<std::string> moduli = Moduli(9);
  const mpz_class p = Prime();
  const mpz_class q = Prime();
  moduli[1] = Bytes(p * Prime());
  moduli[5] = Bytes(p * q);
  moduli[6] = Bytes(Prime() * q);
  ASSERT_OK_AND_ASSIGN(BatchGcdResult result, BatchGcd(moduli));
  EXPECT_EQ(result.factors[5], moduli[5]);
  ASSERT_THAT(result.shared, SizeIs(2));
  if (result.shared[0].factor != Bytes(p)) {
    std::swap(result.shared[0], result.shared[1]);
  }
  EXPECT_THAT(result.shared[0].members, ElementsAre(1, 5));
  EXPECT_THAT(result.shared[1].members, ElementsAre(5, 6));
}

TEST_F(BatchGcdTest, ARingOfPrimesIsTakenApart) {
  // Nothing here has a proper factor: each shares both primes.
  std::vector<std::string> moduli = Moduli(8);
  const mpz_class p = Prime();
  const mpz_class q = Prime();
  const mpz_class r = Prime();
  moduli[0] = Bytes(p * q);
  moduli[3] = Bytes(q * r);
  moduli[4] = Bytes(r * p);
  moduli[7] = moduli[0];
  ASSERT_OK_AND_ASSIGN(const BatchGcdResult result, BatchGcd(moduli));
  ASSERT_THAT(result.shared, SizeIs(3));
  for (const SharedFactor& shared : result.shared) {
    if (shared.factor == Bytes(p)) {
      EXPECT_THAT(shared.members, ElementsAre(0, 4, 7));
    } else if (shared.factor == Bytes(q)) {
      EXPECT_THAT(shared.members, ElementsAre(0, 3, 7));
    } else {
      EXPECT_EQ(shared.factor, Bytes(r));
      EXPECT_THAT(shared.members, ElementsAre(3, 4));
    }
  }
}

TEST_F(BatchGcdTest, ModuliOfThreePrimesAreNamedToo) {
  std::vector<std::string> moduli = Moduli(6);
  const mpz_class p = Prime();
  const mpz_class q = Prime();
  moduli[0] = Bytes(p * q * Prime());
  moduli[2] = Bytes(p * Prime());
  moduli[5] = Bytes(q * Prime());
  ASSERT_OK_AND_ASSIGN(const BatchGcdResult result, BatchGcd(moduli));
  std::vector<size_t> named;
  for (const SharedFactor& shared : result.shared) {
    named.insert(named.end(), shared.members.begin(), shared.members.end());
  }
  EXPECT_THAT(named, testing::IsSupersetOf<size_t>({0, 2, 5}));
}

TEST_F(BatchGcdTest, APoolOfFewPrimesIsNamedWholly) {
  // As a device makes keys that has hardly any entropy.
  std::vector<mpz_class> pool;
  for (int i = 0; i < 20; ++i) {
    pool.push_back(Prime());
  }
  std::vector<std::string> moduli;
  for (int i = 0; i < 150; ++i) {
    const size_t a = random_() % pool.size();
    const size_t b = (a + 1 + random_() % (pool.size() - 1)) % pool.size();
    moduli.push_back(Bytes(pool[a] * pool[b]));
  }
  ASSERT_OK_AND_ASSIGN(const BatchGcdResult result, BatchGcd(moduli));
  EXPECT_EQ(result.factors, Naive(moduli));
  for (size_t i = 0; i < moduli.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (gcd(Number(moduli[i]), Number(moduli[j])) == 1) {
        continue;
      }
      EXPECT_TRUE(
          std::any_of(result.shared.begin(), result.shared.end(),
                      [&](const SharedFactor& shared) {
                        return std::binary_search(shared.members.begin(),
                                                  shared.members.end(), i) &&
                               std::binary_search(shared.members.begin(),
                                                  shared.members.end(), j);
                      }));
    }
  }
}

TEST_F(BatchGcdTest, WhatIsNoModulusIsRefused) {
  for (const std::string& bad :
       {std::string(), std::string("\0\0", 2), std::string("\1")}) {
    std::vector<std::string> moduli = Moduli(3);
    moduli[1] = bad;
    EXPECT_THAT(BatchGcd(moduli), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST_F(BatchGcdTest, ItReportsAndCanBeGivenUpAnywhere) {
  std::vector<std::string> moduli = Moduli(60);
  const mpz_class p = Prime();
  moduli[3] = Bytes(p * Prime());
  moduli[5] = Bytes(p * Prime());
  int reports = 0;
  BatchGcdOptions options = {.chunk = 8};
  options.progress = [&](absl::string_view phase, double share) {
    EXPECT_FALSE(phase.empty());
    EXPECT_GE(share, 0);
    EXPECT_LE(share, 1);
    ++reports;
    return true;
  };
  ASSERT_OK(BatchGcd(moduli, options));
  EXPECT_GE(reports, 17);
  for (int end = 0; end < reports; ++end) {
    int left = end;
    options.progress = [&](absl::string_view, double) { return left-- > 0; };
    EXPECT_THAT(BatchGcd(moduli, options),
                StatusIs(absl::StatusCode::kCancelled));
  }
}

// The trees handle every word a few times on each level, and there are log2 of
// the moduli levels; comparing all would handle each word for every other
// modulus.
TEST_F(BatchGcdTest, WorkGrowsQuasiLinearly) {
  std::vector<std::string> moduli = Moduli(8192);
  uint64_t before = 0;
  for (const size_t count : {512, 1024, 2048, 4096, 8192}) {
    ASSERT_OK_AND_ASSIGN(
        const BatchGcdResult result,
        BatchGcd(absl::MakeSpan(moduli).first(count), {.chunk = 256}));
    const double per_level =
        static_cast<double>(result.words) /
        (static_cast<double>(count) * std::log2(static_cast<double>(count)));
    RecordProperty("words_" + std::to_string(count),
                   std::to_string(result.words));
    // Four words a modulus: its product once or twice, its remainder and the
    // square's.
    EXPECT_LT(per_level, 24) << count;
    if (before > 0) {
      EXPECT_LT(static_cast<double>(result.words) / before, 2.3) << count;
    }
    before = result.words;
  }
}

TEST_F(BatchGcdTest, ProcessorTimeGrowsLessThanQuadratically) {
  const std::vector<std::string> moduli = Moduli(8192);
  const auto seconds = [&](size_t count) {
    const std::clock_t start = std::clock();
    EXPECT_OK(BatchGcd(absl::MakeSpan(moduli).first(count)));
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  // The best of several: others use the machine too.
  double small = seconds(1024);
  double large = seconds(8192);
  for (int i = 0; i < 2; ++i) {
    small = std::min(small, seconds(1024));
    large = std::min(large, seconds(8192));
  }
  RecordProperty("ratio_of_eightfold", std::to_string(large / small));
  // Comparing all with all would take 64 times as long.
  EXPECT_LT(large / small, 32);
}

}  // namespace
}  // namespace birthmark::crypto
