#include "lib/crypto/rsa_modulus.h"

#include <string>

#include "lib/base/testing.h"
#include "lib/crypto/testing.h"

namespace birthmark::crypto {
namespace {

TEST(RsaModulusTest, IsThatInTheKey) {
  ASSERT_OK_AND_ASSIGN(const PublicKey key,
                       PublicKey::Parse(SpkiOf(NewRsa().get())));
  const std::string modulus = RsaModulus(key);
  EXPECT_EQ(modulus.size(), 256u);
  // INTEGER, with the zero that keeps it positive.
  EXPECT_NE(
      key.key_bytes().find(std::string("\x02\x82\x01\x01\x00", 5) + modulus),
      absl::string_view::npos);
}

TEST(RsaModulusTest, OtherKeysHaveNone) {
  ASSERT_OK_AND_ASSIGN(const PublicKey key,
                       PublicKey::Parse(SpkiOf(NewP256().get())));
  EXPECT_EQ(RsaModulus(key), "");
}

}  // namespace
}  // namespace birthmark::crypto
