#include "lib/crypto/ecdsa_signature.h"

#include <string>

#include "lib/base/bytes.h"
#include "lib/base/testing.h"
#include "lib/crypto/testing.h"
#include "openssl/digest.h"

namespace birthmark::crypto {
namespace {

TEST(EcdsaSignatureTest, BothFormsSayTheSame) {
  const EvpKey p256 = NewP256();
  const EvpKey p384 = NewP384();
  // Often enough that numbers with leading zeros and with a set top bit come.
  for (int i = 0; i < 600; ++i) {
    const bool large = i % 2 == 0;
    const size_t size = large ? 48 : 32;
    const std::string der =
        SignWith(large ? p384.get() : p256.get(), EVP_sha256(), false, "text");
    ASSERT_OK_AND_ASSIGN(const std::string raw, EcdsaDerToRaw(der, size));
    EXPECT_EQ(raw.size(), 2 * size);
    EXPECT_THAT(EcdsaRawToDer(raw), IsOkAndHolds(der));
  }
}

TEST(EcdsaSignatureTest, NumbersArePadded) {
  ASSERT_OK_AND_ASSIGN(const std::string der, HexDecode("3007020101020200ff"));
  ASSERT_OK_AND_ASSIGN(const std::string raw, EcdsaDerToRaw(der, 2));
  EXPECT_EQ(HexEncode(raw), "000100ff");
  EXPECT_THAT(EcdsaRawToDer(raw), IsOkAndHolds(der));
}

TEST(EcdsaSignatureTest, OtherBytesAreRefused) {
  for (const char* hex : {"", "30", "300602010102010100", "3006020101020200ff",
                          "300602010102020001", "3006020101028100",
                          "30060201ff020101", "3008020200010202000101"}) {
    ASSERT_OK_AND_ASSIGN(const std::string der, HexDecode(hex));
    EXPECT_THAT(EcdsaDerToRaw(der, 32),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << hex;
  }
  ASSERT_OK_AND_ASSIGN(const std::string der, HexDecode("300702010102020100"));
  EXPECT_THAT(EcdsaDerToRaw(der, 1),
              StatusIs(absl::StatusCode::kInvalidArgument));
  for (const size_t size : {0, 1, 63, 134, 1 << 20}) {
    EXPECT_THAT(EcdsaRawToDer(std::string(size, 'a')),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
  }
}

}  // namespace
}  // namespace birthmark::crypto
