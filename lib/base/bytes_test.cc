#include "lib/base/bytes.h"

#include <string>

#include "lib/base/testing.h"

namespace birthmark {
namespace {

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(HexTest, RoundTripsEveryByte) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) {
    bytes.push_back(static_cast<char>(byte));
  }
  EXPECT_THAT(HexDecode(HexEncode(bytes)), IsOkAndHolds(bytes));
  EXPECT_EQ(HexEncode("\x01\xab\xff"), "01abff");
}

TEST(Base64Test, RoundTripsEveryLength) {
  std::string bytes;
  for (int length = 0; length < 40; ++length) {
    EXPECT_THAT(Base64Decode(Base64Encode(bytes)), IsOkAndHolds(bytes));
    EXPECT_THAT(Base64UrlDecode(Base64UrlEncode(bytes)), IsOkAndHolds(bytes));
    bytes.push_back(static_cast<char>(length * 37 + 200));
  }
}

struct Case {
  const char* name;
  absl::StatusOr<std::string> (*decode)(absl::string_view);
  std::string text;
};

class RefusedTextTest : public ::testing::TestWithParam<Case> {};

TEST_P(RefusedTextTest, IsInvalidArgument) {
  EXPECT_THAT(GetParam().decode(GetParam().text), StatusIs(kInvalid));
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedTextTest,
    ::testing::Values(Case{"HexOddLength", HexDecode, "abc"},
                      Case{"HexUpperCase", HexDecode, "AB"},
                      Case{"HexNotADigit", HexDecode, "0g"},
                      Case{"HexSpace", HexDecode, "0 "},
                      Case{"HexPrefix", HexDecode, "0x01"},
                      Case{"Base64NoPadding", Base64Decode, "YQ"},
                      Case{"Base64BitsInPadding", Base64Decode, "YR=="},
                      Case{"Base64Newline", Base64Decode, "YWJj\nYWJj"},
                      Case{"Base64UrlAlphabet", Base64Decode, "_-8="},
                      Case{"UrlPadding", Base64UrlDecode, "YQ=="},
                      Case{"UrlBitsInPadding", Base64UrlDecode, "YR"},
                      Case{"UrlStandardAlphabet", Base64UrlDecode, "/+8"}),
    [](const auto& info) { return info.param.name; });

TEST(BigEndianTest, RoundTrips) {
  std::string bytes;
  AppendUint32(0x01020304, bytes);
  AppendUint64(0xfffefdfcfbfaf9f8, bytes);
  EXPECT_EQ(HexEncode(bytes), "01020304fffefdfcfbfaf9f8");
  absl::string_view in = bytes;
  uint32_t small = 0;
  uint64_t large = 0;
  EXPECT_TRUE(ReadUint32(in, small));
  EXPECT_TRUE(ReadUint64(in, large));
  EXPECT_EQ(small, 0x01020304u);
  EXPECT_EQ(large, 0xfffefdfcfbfaf9f8u);
  EXPECT_TRUE(in.empty());
}

TEST(BigEndianTest, LeavesAShortInputAlone) {
  absl::string_view in = "abc";
  uint32_t value = 7;
  EXPECT_FALSE(ReadUint32(in, value));
  EXPECT_EQ(in, "abc");
  EXPECT_EQ(value, 7u);
}

}  // namespace
}  // namespace birthmark
