#include "lib/crypto/ids.h"

#include <set>
#include <string>

#include "lib/base/fake_clock.h"
#include "lib/base/ids.h"
#include "lib/base/testing.h"

namespace birthmark::crypto {
namespace {

TEST(NewUidTest, IsAUidThatStartsWithTheTime) {
  FakeClock clock(absl::FromUnixMillis(0x017f22e279b0));
  const std::string uid = NewUid(clock);
  EXPECT_TRUE(IsUid(uid)) << uid;
  EXPECT_EQ(uid.substr(0, 13), "017f22e2-79b0");
}

TEST(NewUidTest, IsNewEachTimeWhileTheClockStandsStill) {
  FakeClock clock;
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(seen.insert(NewUid(clock)).second);
  }
}

TEST(NewRequestIdTest, IsARequestId) {
  EXPECT_TRUE(IsRequestId(NewRequestId()));
  EXPECT_NE(NewRequestId(), NewRequestId());
}

TEST(RandomSerialSourceTest, PutsTheMillisecondsInFront) {
  FakeClock clock(absl::FromUnixMillis(0x0193a0c2d4e5));
  RandomSerialSource source(clock);
  const std::string serial = source.Next();
  EXPECT_EQ(serial.size(), 32u);
  EXPECT_TRUE(IsSerial(serial)) << serial;
  EXPECT_EQ(serial.substr(0, 12), "0193a0c2d4e5");
  EXPECT_NE(source.Next(), serial);
}

TEST(RandomSerialSourceTest, SortsByTime) {
  FakeClock clock;
  RandomSerialSource source(clock);
  const std::string first = source.Next();
  clock.Advance(absl::Milliseconds(1));
  EXPECT_LT(first, source.Next());
}

TEST(KeyIdTest, IsTheLowerCaseHexSha256) {
  EXPECT_EQ(KeyId("abc"),
            "ba7816bf8f01cfea414140de5dae2223"
            "b00361a396177a9cb410ff61f20015ad");
  EXPECT_TRUE(IsKeyId(KeyId("")));
}

}  // namespace
}  // namespace birthmark::crypto
