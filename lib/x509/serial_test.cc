#include "lib/x509/serial.h"

#include "lib/base/fake_clock.h"
#include "lib/base/testing.h"
#include "lib/crypto/ids.h"

namespace birthmark::x509 {
namespace {

TEST(SerialTest, HexAndOctetsAreTwoFormsOfOneSerial) {
  const std::string hex = "019b76dab40000112233445566778899";
  ASSERT_OK_AND_ASSIGN(const std::string octets, SerialFromHex(hex));
  EXPECT_EQ(octets.size(), kSerialSize);
  EXPECT_EQ(SerialToHex(octets), hex);
}

TEST(SerialTest, WhatDerAddsOrDropsInFrontMakesNoDifference) {
  EXPECT_EQ(SerialToHex(std::string("\x00\x80", 2)),
            "00000000000000000000000000000080");
  EXPECT_EQ(SerialToHex(std::string(1, '\0') + std::string(16, '\x80')),
            "80808080808080808080808080808080");
  EXPECT_EQ(SerialToHex("\x07"), "00000000000000000000000000000007");
  EXPECT_EQ(SerialToHex(std::string(20, '\x11')).size(), 40u);
}

TEST(SerialTest, OtherFormsAreRefused) {
  for (const char* hex :
       {"", "01", "019B76DAB40000112233445566778899",
        "019b76dab4000011223344556677889", "019b76dab400001122334455667788999a",
        "019b76dab40000112233445566778zzz"}) {
    EXPECT_THAT(SerialFromHex(hex), StatusIs(absl::StatusCode::kInvalidArgument,
                                             "SERIAL_MALFORMED"));
  }
}

TEST(SerialTest, TheMomentIsWrittenIntoTheSerial) {
  FakeClock clock;
  crypto::RandomSerialSource source(clock);
  ASSERT_OK_AND_ASSIGN(const std::string octets, SerialFromHex(source.Next()));
  EXPECT_EQ(SerialTime(octets), clock.Now());
  EXPECT_EQ(SerialTime("short"), absl::InfinitePast());
}

}  // namespace
}  // namespace birthmark::x509
