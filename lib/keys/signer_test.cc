// The contract of Signer, run on every implementation.

#include "lib/keys/signer.h"

#include <stdlib.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/testing.h"
#include "lib/crypto/secret.h"
#include "lib/keys/fake_signer.h"
#include "lib/keys/local_key.h"
#include "lib/keys/sealed_file.h"

namespace birthmark::keys {
namespace {

using crypto::KeyAlgorithm;
using SignerFactory = std::unique_ptr<Signer> (*)();

template <KeyAlgorithm kAlgorithm>
std::unique_ptr<Signer> NewFileSigner() {
  std::string directory = ::testing::TempDir() + "signer_test.XXXXXX";
  EXPECT_NE(mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/key";
  const crypto::SecretBytes kek = crypto::SecretBytes::Random(32);
  EXPECT_OK(CreateSealedKey(path, "test", kAlgorithm, kek));
  return FileSigner::Open(path, "test", kek).value();
}

template <KeyAlgorithm kAlgorithm>
std::unique_ptr<Signer> NewLocalKey() {
  return LocalKey::Generate(kAlgorithm).value();
}

template <KeyAlgorithm kAlgorithm>
std::unique_ptr<Signer> NewFakeSigner() {
  return std::make_unique<FakeSigner>(kAlgorithm);
}

struct Case {
  const char* name;
  SignerFactory make;
};

class SignerContractTest : public ::testing::TestWithParam<Case> {
 protected:
  std::unique_ptr<Signer> signer_ = GetParam().make();

  bool Verifies(absl::string_view message, absl::string_view signature) {
    return signer_->public_key().Verify(signer_->algorithm(), message,
                                        signature);
  }
};

TEST_P(SignerContractTest, SignaturesVerify) {
  for (const size_t size : {0, 1, 63, 64, 5000}) {
    const std::string message(size, 'm');
    ASSERT_OK_AND_ASSIGN(const std::string signature, signer_->Sign(message));
    EXPECT_TRUE(Verifies(message, signature));
    EXPECT_FALSE(Verifies(message + "x", signature));
  }
}

TEST_P(SignerContractTest, AlgorithmFitsTheKeyAndStays) {
  const crypto::SignatureAlgorithm algorithm = signer_->algorithm();
  EXPECT_TRUE(crypto::Fits(algorithm, signer_->public_key().algorithm()));
  ASSERT_OK(signer_->Sign("message"));
  EXPECT_EQ(signer_->algorithm(), algorithm);
}

TEST_P(SignerContractTest, SignsOnManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::vector<std::vector<std::string>> signatures(4);
  for (std::vector<std::string>& mine : signatures) {
    threads.emplace_back([this, &mine] {
      for (int i = 0; i < 20; ++i) {
        mine.push_back(signer_->Sign("message").value_or(""));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const std::vector<std::string>& mine : signatures) {
    for (const std::string& signature : mine) {
      EXPECT_TRUE(Verifies("message", signature));
    }
  }
}

TEST_P(SignerContractTest, EverySignerHasAKeyOfItsOwn) {
  const std::unique_ptr<Signer> other = GetParam().make();
  EXPECT_FALSE(other->public_key() == signer_->public_key());
}

INSTANTIATE_TEST_SUITE_P(
    All, SignerContractTest,
    ::testing::Values(
        Case{"FileSignerP256", NewFileSigner<KeyAlgorithm::kP256>},
        Case{"FileSignerP384", NewFileSigner<KeyAlgorithm::kP384>},
        Case{"LocalKeyP256", NewLocalKey<KeyAlgorithm::kP256>},
        Case{"LocalKeyP384", NewLocalKey<KeyAlgorithm::kP384>},
        Case{"LocalKeyEd25519", NewLocalKey<KeyAlgorithm::kEd25519>},
        Case{"LocalKeyRsa", NewLocalKey<KeyAlgorithm::kRsa>},
        Case{"FakeSignerP256", NewFakeSigner<KeyAlgorithm::kP256>},
        Case{"FakeSignerP384", NewFakeSigner<KeyAlgorithm::kP384>}),
    [](const auto& info) { return info.param.name; });

TEST(FakeSignerTest, FailsOnceOnDemand) {
  FakeSigner signer;
  signer.FailNext(absl::UnavailableError("offline"));
  EXPECT_THAT(signer.Sign("message"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(signer.Sign("message"), IsOk());
  EXPECT_EQ(signer.sign_count(), 1);
}

}  // namespace
}  // namespace birthmark::keys
