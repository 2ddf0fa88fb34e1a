// Project Wycheproof's vectors for ECDSA with SHA-256 on P-256: edge cases of
// the arithmetic, and signatures that only a lax parser takes.

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/testing.h"
#include "lib/crypto/batch_verifier.h"
#include "lib/crypto/public_key.h"
#include "lib/crypto/signature_algorithm.h"
#include "lib/crypto/verify_job.h"
#include "nlohmann/json.hpp"

namespace birthmark::crypto {
namespace {

constexpr char kVectors[] =
    "boringssl/src/third_party/wycheproof_testvectors/"
    "ecdsa_secp256r1_sha256_test.json";
constexpr size_t kVectorCount = 387;

struct Vector {
  std::string name;
  PublicKey key;
  std::string message;
  std::string signature;
  bool valid;
};

std::string FromHex(const nlohmann::json& text) {
  return HexDecode(text.get<std::string>()).value();
}

std::vector<Vector> Load() {
  const std::string path =
      absl::StrCat(std::getenv("TEST_SRCDIR"), "/", kVectors);
  const nlohmann::json file =
      nlohmann::json::parse(ReadFile(path, size_t{1} << 20).value());
  std::vector<Vector> vectors;
  for (const nlohmann::json& group : file["testGroups"]) {
    const PublicKey key = PublicKey::Parse(FromHex(group["keyDer"])).value();
    for (const nlohmann::json& test : group["tests"]) {
      // "acceptable" marks one that is not DER.
      vectors.push_back({absl::StrCat(test["tcId"].get<int>(), ": ",
                                      test["comment"].get<std::string>()),
                         key, FromHex(test["msg"]), FromHex(test["sig"]),
                         test["result"] == "valid"});
    }
  }
  return vectors;
}

class WycheproofTest : public ::testing::TestWithParam<Arithmetic> {
 protected:
  void SetUp() override {
    if (verifier_.arithmetic() != GetParam()) {
      GTEST_SKIP() << "this machine cannot run " << ArithmeticName(GetParam());
    }
  }

  const BatchVerifier verifier_{GetParam()};
  const std::vector<Vector> vectors_ = Load();
};

VerifyJob JobOf(const Vector& vector) {
  return {&vector.key, SignatureAlgorithm::kEcdsaSha256, vector.message,
          vector.signature};
}

TEST_P(WycheproofTest, AllTogether) {
  ASSERT_EQ(vectors_.size(), kVectorCount);
  std::vector<VerifyJob> jobs;
  for (const Vector& vector : vectors_) {
    jobs.push_back(JobOf(vector));
  }
  const std::vector<bool> valid = verifier_.Verify(jobs);
  ASSERT_EQ(valid.size(), jobs.size());
  for (size_t i = 0; i < jobs.size(); ++i) {
    EXPECT_EQ(valid[i], vectors_[i].valid) << vectors_[i].name;
  }
}

TEST_P(WycheproofTest, EachAmongValidOnesInEveryPlace) {
  constexpr size_t kGroup = BatchVerifier::kGroup;
  for (size_t i = 0; i < vectors_.size(); ++i) {
    // The first vector is valid.
    std::vector<VerifyJob> jobs(kGroup, JobOf(vectors_[0]));
    std::vector<bool> want(kGroup, true);
    jobs[i % kGroup] = JobOf(vectors_[i]);
    want[i % kGroup] = vectors_[i].valid;
    EXPECT_EQ(verifier_.Verify(jobs), want) << vectors_[i].name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, WycheproofTest,
                         ::testing::Values(Arithmetic::kBoringSsl,
                                           Arithmetic::kCryptoMb),
                         [](const auto& info) {
                           return std::string(ArithmeticName(info.param));
                         });

}  // namespace
}  // namespace birthmark::crypto
