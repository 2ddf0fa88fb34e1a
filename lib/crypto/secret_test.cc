#include "lib/crypto/secret.h"

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "lib/base/testing.h"
#include "lib/crypto/key_export_token.h"

namespace birthmark::crypto {
namespace {

static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
static_assert(!Printable<SecretBytes>);

std::string Content(const SecretBytes& secret) {
  return std::string(
      secret.Expose(KeyExportToken::IUnderstandThatThisExposesKeys()));
}

TEST(SecretBytesTest, TakesTheBytesAndLeavesTheSourceEmpty) {
  std::string bytes("a\0b", 3);
  const char* const place = bytes.data();
  const SecretBytes secret = SecretBytes::Take(std::move(bytes));
  EXPECT_EQ(Content(secret), std::string("a\0b", 3));
  EXPECT_TRUE(bytes.empty());
  // The short text sits inside the string object, which is still alive.
  EXPECT_EQ(place[0], '\0');
  EXPECT_EQ(place[2], '\0');
}

TEST(SecretBytesTest, MovingEmptiesTheSource) {
  SecretBytes first = SecretBytes::Take("abc");
  SecretBytes second = std::move(first);
  EXPECT_TRUE(first.empty());
  EXPECT_EQ(Content(second), "abc");
  SecretBytes third = SecretBytes::Take("old");
  third = std::move(second);
  EXPECT_EQ(Content(third), "abc");
  EXPECT_TRUE(second.empty());
  EXPECT_EQ(second.size(), 0u);
}

TEST(SecretBytesTest, SurvivesMovingIntoItself) {
  SecretBytes secret = SecretBytes::Take("abc");
  SecretBytes& same = secret;
  secret = std::move(same);
  EXPECT_LE(secret.size(), 3u);
}

TEST(SecretBytesTest, RandomIsNewEachTime) {
  const SecretBytes first = SecretBytes::Random(32);
  EXPECT_EQ(first.size(), 32u);
  EXPECT_FALSE(first.Equal(SecretBytes::Random(32)));
}

TEST(SecretBytesTest, EqualComparesLengthAndContent) {
  const SecretBytes abc = SecretBytes::Take("abc");
  EXPECT_TRUE(abc.Equal(SecretBytes::Take("abc")));
  EXPECT_FALSE(abc.Equal(SecretBytes::Take("abd")));
  EXPECT_FALSE(abc.Equal(SecretBytes::Take("ab")));
  EXPECT_FALSE(abc.Equal(SecretBytes()));
  EXPECT_TRUE(SecretBytes().Equal(SecretBytes()));
}

TEST(ConstantTimeEqualTest, ComparesLengthAndContent) {
  EXPECT_TRUE(ConstantTimeEqual("abc", "abc"));
  EXPECT_FALSE(ConstantTimeEqual("abc", "abx"));
  EXPECT_FALSE(ConstantTimeEqual("abc", "abcd"));
  EXPECT_TRUE(ConstantTimeEqual("", ""));
}

TEST(WipeTest, OverwritesTheWholeBuffer) {
  std::string bytes(100, 'x');
  const char* const place = bytes.data();
  bytes.resize(10);
  Wipe(bytes);
  EXPECT_TRUE(bytes.empty());
  ASSERT_EQ(bytes.data(), place);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(place[i], '\0') << i;
  }
}

}  // namespace
}  // namespace birthmark::crypto
