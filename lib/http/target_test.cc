#include "lib/http/target.h"

#include "lib/base/bytes.h"
#include "lib/base/testing.h"

namespace birthmark::http {
namespace {

TEST(PercentDecodeTest, UndoesWhatIsEncoded) {
  EXPECT_THAT(PercentDecode("a%2Fb%2f+%00"),
              IsOkAndHolds(std::string("a/b/+\0", 6)));
  EXPECT_THAT(PercentDecode(""), IsOkAndHolds(""));
}

TEST(PercentDecodeTest, RefusesHalfAnEscape) {
  for (const char* text : {"%", "%2", "a%2", "%g0", "%0g", "%%41", "% 1"}) {
    EXPECT_THAT(PercentDecode(text),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

TEST(DecodeOcspPathTest, TakesBase64RawAndEncoded) {
  const std::string der("0\x3e\xff\xfb\xef\xff\xff", 7);
  EXPECT_EQ(Base64Encode(der), "MD7/++///w==");
  EXPECT_THAT(DecodeOcspPath("MD7/++///w=="), IsOkAndHolds(der));
  EXPECT_THAT(DecodeOcspPath("MD7%2F%2B%2B%2F%2f%2Fw%3D%3d"),
              IsOkAndHolds(der));
  EXPECT_THAT(DecodeOcspPath("%4dD7/%2b+//%2Fw=%3D"), IsOkAndHolds(der));
}

TEST(DecodeOcspPathTest, RefusesAllElse) {
  for (const char* text :
       {"", "%", "MD7", "MD7/++///w",
        "MD7/++///x==", "MD7_--___w==", "MD7/++///w==/", "/MD7/++///w==",
        " MD7/++///w==", "MD7/\n++///w==", "MD7/%20++///w==", "%00", "===="}) {
    EXPECT_THAT(DecodeOcspPath(text),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

}  // namespace
}  // namespace birthmark::http
