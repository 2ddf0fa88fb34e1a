#include "lib/crypto/random.h"

#include <set>
#include <string>

#include "lib/base/testing.h"

namespace birthmark::crypto {
namespace {

TEST(RandomBytesTest, HasTheLengthAskedFor) {
  EXPECT_EQ(RandomBytes(0).size(), 0u);
  EXPECT_EQ(RandomBytes(33).size(), 33u);
}

TEST(RandomBytesTest, DoesNotRepeat) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(seen.insert(RandomBytes(16)).second);
  }
}

}  // namespace
}  // namespace birthmark::crypto
