#include "lib/http/date.h"

#include "absl/time/civil_time.h"
#include "lib/base/testing.h"

namespace birthmark::http {
namespace {

TEST(HttpDateTest, IsWrittenAsTheRfcDoesAndReadBack) {
  const absl::Time time = absl::FromCivil(
      absl::CivilSecond(1994, 11, 6, 8, 49, 37), absl::UTCTimeZone());
  EXPECT_EQ(HttpDate(time), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(HttpDate(time + absl::Milliseconds(999)),
            "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(ParseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT"), time);
}

TEST(HttpDateTest, FarYearsHaveFourDigits) {
  const absl::Time far = absl::FromCivil(
      absl::CivilSecond(9999, 12, 31, 23, 59, 59), absl::UTCTimeZone());
  EXPECT_EQ(HttpDate(far), "Fri, 31 Dec 9999 23:59:59 GMT");
  EXPECT_EQ(ParseHttpDate(HttpDate(far)), far);
}

TEST(HttpDateTest, OtherTextsAreNoDates) {
  for (const char* text :
       {"", "Sun, 06 Nov 1994 08:49:37", "Mon, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        "sun, 06 nov 1994 08:49:37 gmt", "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC"}) {
    EXPECT_EQ(ParseHttpDate(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace birthmark::http
