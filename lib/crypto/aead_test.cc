#include "lib/crypto/aead.h"

#include <string>
#include <utility>

#include "lib/base/testing.h"
#include "lib/crypto/key_export_token.h"

namespace birthmark::crypto {
namespace {

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

Aead NewAead() { return Aead::New(SecretBytes::Random(kAeadKeyBytes)).value(); }

TEST(AeadTest, OpensWhatItSealed) {
  const Aead aead = NewAead();
  for (const size_t size : {0, 1, 15, 16, 1000}) {
    const std::string plaintext(size, 'p');
    const std::string sealed = aead.Seal(plaintext, "context");
    EXPECT_EQ(sealed.size(), size + 28);
    EXPECT_THAT(aead.Open(sealed, "context"), IsOkAndHolds(plaintext));
  }
}

TEST(AeadTest, OpensSecrets) {
  const Aead aead = NewAead();
  const std::string sealed = aead.Seal(SecretBytes::Take("key"), "context");
  ASSERT_OK_AND_ASSIGN(const SecretBytes secret,
                       aead.OpenSecret(sealed, "context"));
  EXPECT_EQ(secret.Expose(KeyExportToken::IUnderstandThatThisExposesKeys()),
            "key");
}

TEST(AeadTest, SealsTheSameTextDifferentlyEachTime) {
  const Aead aead = NewAead();
  EXPECT_NE(aead.Seal("text", ""), aead.Seal("text", ""));
}

TEST(AeadTest, RefusesEveryFlippedByte) {
  const Aead aead = NewAead();
  const std::string sealed = aead.Seal("text", "context");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string altered = sealed;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    EXPECT_THAT(aead.Open(altered, "context"), StatusIs(kInvalid)) << i;
  }
}

TEST(AeadTest, RefusesEveryPrefix) {
  const Aead aead = NewAead();
  const std::string sealed = aead.Seal("text", "context");
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_THAT(aead.Open(sealed.substr(0, size), "context"),
                StatusIs(kInvalid));
  }
}

TEST(AeadTest, RefusesAnotherContextAndAnotherKey) {
  const Aead aead = NewAead();
  const std::string sealed = aead.Seal("text", "context");
  EXPECT_THAT(aead.Open(sealed, "other"), StatusIs(kInvalid));
  EXPECT_THAT(NewAead().Open(sealed, "context"), StatusIs(kInvalid));
  EXPECT_THAT(NewAead().OpenSecret(sealed, "context"), StatusIs(kInvalid));
}

TEST(AeadTest, RefusesKeysOfOtherLengths) {
  for (const size_t size : {0, 16, 31, 33}) {
    EXPECT_THAT(Aead::New(SecretBytes::Random(size)), StatusIs(kInvalid));
  }
}

}  // namespace
}  // namespace birthmark::crypto
