#include "lib/base/ids.h"

#include <string>

#include "lib/base/testing.h"

namespace birthmark {
namespace {

constexpr char kUid[] = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
constexpr char kRequestId[] = "919108f7-52d1-4320-9bac-f847db4148a8";

TEST(FormatUidTest, MakesTheExampleOfRfc9562) {
  const std::string random("\x0c\xc3\x18\xc4\xdc\x0c\x0c\x07\x39\x8f", 10);
  EXPECT_EQ(FormatUid(absl::FromUnixMillis(0x017f22e279b0), random), kUid);
}

TEST(FormatUidTest, SortsByTime) {
  const std::string low(kUidRandomBytes, '\0');
  const std::string high(kUidRandomBytes, '\xff');
  EXPECT_LT(FormatUid(absl::FromUnixMillis(1000), high),
            FormatUid(absl::FromUnixMillis(1001), low));
}

TEST(FormatUidTest, IsAUidWhateverTheRandomBytes) {
  for (const char byte : {'\0', '\x55', '\xff'}) {
    const std::string random(kUidRandomBytes, byte);
    EXPECT_TRUE(IsUid(FormatUid(absl::FromUnixMillis(1), random)));
  }
}

TEST(FormatRequestIdTest, IsARequestIdWhateverTheRandomBytes) {
  for (const char byte : {'\0', '\x55', '\xff'}) {
    EXPECT_TRUE(IsRequestId(FormatRequestId(std::string(16, byte))));
  }
}

struct Case {
  const char* name;
  bool (*is)(absl::string_view);
  std::string text;
  bool want;
};

class IdFormTest : public ::testing::TestWithParam<Case> {};

TEST_P(IdFormTest, IsToldApart) {
  EXPECT_EQ(GetParam().is(GetParam().text), GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    All, IdFormTest,
    ::testing::Values(
        Case{"Uid", IsUid, kUid, true},
        Case{"UidUpperCase", IsUid, "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
             false},
        Case{"UidOfVersion4", IsUid, kRequestId, false},
        Case{"UidWrongVariant", IsUid, "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f",
             false},
        Case{"UidBraces", IsUid, "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
             false},
        Case{"UidDashMoved", IsUid, "017f22e27-9b0-7cc3-98c4-dc0c0c07398f",
             false},
        Case{"UidShort", IsUid, "017f22e2-79b0-7cc3-98c4-dc0c0c07398", false},
        Case{"UidEmpty", IsUid, "", false},
        Case{"RequestId", IsRequestId, kRequestId, true},
        Case{"RequestIdOfVersion7", IsRequestId, kUid, false},
        Case{"ResourceId", IsResourceId, "line-7", true},
        Case{"ResourceIdLongest", IsResourceId, std::string(63, 'a'), true},
        Case{"ResourceIdTooLong", IsResourceId, std::string(64, 'a'), false},
        Case{"ResourceIdEmpty", IsResourceId, "", false},
        Case{"ResourceIdUpperCase", IsResourceId, "Line", false},
        Case{"ResourceIdSlash", IsResourceId, "a/b", false},
        Case{"ResourceIdNul", IsResourceId, std::string("a\0b", 3), false},
        Case{"KeyId", IsKeyId, std::string(64, 'f'), true},
        Case{"KeyIdShort", IsKeyId, std::string(63, 'f'), false},
        Case{"KeyIdNotHex", IsKeyId, std::string(64, 'g'), false},
        Case{"Serial", IsSerial, "0193a0c2d4e5f60718293a4b5c6d7e8f", true},
        Case{"SerialOne", IsSerial, "01", true},
        Case{"SerialTopBitPadded", IsSerial, "0080", true},
        Case{"SerialZero", IsSerial, "00", false},
        Case{"SerialNegative", IsSerial, "80", false},
        Case{"SerialNeedlessZero", IsSerial, "007f", false},
        Case{"SerialOddLength", IsSerial, "123", false},
        Case{"SerialEmpty", IsSerial, "", false},
        Case{"SerialLongest", IsSerial, std::string(40, '1'), true},
        Case{"SerialTooLong", IsSerial, std::string(42, '1'), false},
        Case{"SerialUpperCase", IsSerial, "0A", false}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace birthmark
