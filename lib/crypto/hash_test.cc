#include "lib/crypto/hash.h"

#include <string>

#include "lib/base/bytes.h"
#include "lib/base/testing.h"

namespace birthmark::crypto {
namespace {

struct Case {
  const char* name;
  std::string (*hash)(absl::string_view);
  const char* want;  // of "abc": FIPS 180-4 examples
};

class HashTest : public ::testing::TestWithParam<Case> {};

TEST_P(HashTest, MakesThePublishedDigestOfAbc) {
  EXPECT_EQ(HexEncode(GetParam().hash("abc")), GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    All, HashTest,
    ::testing::Values(Case{"Sha1", Sha1,
                           "a9993e364706816aba3e25717850c26c9cd0d89d"},
                      Case{"Sha256", Sha256,
                           "ba7816bf8f01cfea414140de5dae2223"
                           "b00361a396177a9cb410ff61f20015ad"},
                      Case{"Sha384", Sha384,
                           "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163"
                           "1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
                      Case{"Sha512", Sha512,
                           "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea2"
                           "0a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
                           "454d4423643ce80e2a9ac94fa54ca49f"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace birthmark::crypto
