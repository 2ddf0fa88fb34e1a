#include "lib/telemetry/log.h"

#include "lib/base/testing.h"
#include "nlohmann/json.hpp"

namespace birthmark::telemetry {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(LogTest, ALineIsOneJsonObjectWithTypedValues) {
  CaptureLogs logs;
  Log(Level::kWarning, "quota_low",
      {{"line", "l1"},
       {"left", 7},
       {"share", 0.5},
       {"blocking", true},
       {"waited", absl::Milliseconds(1500)}});
  ASSERT_THAT(logs.lines(), SizeIs(1));
  const auto line = nlohmann::json::parse(logs.lines()[0]);
  EXPECT_EQ(line["level"], "warning");
  EXPECT_EQ(line["event"], "quota_low");
  EXPECT_EQ(line["line"], "l1");
  EXPECT_EQ(line["left"], 7);
  EXPECT_EQ(line["share"], 0.5);
  EXPECT_EQ(line["blocking"], true);
  EXPECT_EQ(line["waited"], 1.5);
  EXPECT_EQ(line["time"].get<std::string>().back(), 'Z');
}

TEST(LogTest, HostileTextStaysInsideItsValue) {
  CaptureLogs logs;
  const std::string hostile = "a\"}\n{\"event\":\"forged\xff";
  Log(Level::kInfo, "seen", {{"text", hostile}});
  ASSERT_THAT(logs.lines(), SizeIs(1));
  EXPECT_EQ(logs.lines()[0].find('\n'), std::string::npos);
  const auto line = nlohmann::json::parse(logs.lines()[0]);
  EXPECT_EQ(line["event"], "seen");
  EXPECT_EQ(line["text"], "a\"}\n{\"event\":\"forged\xef\xbf\xbd");
}

TEST(LogTest, LinesBelowTheLimitAreNotWritten) {
  CaptureLogs logs;
  Log(Level::kDebug, "detail");
  EXPECT_THAT(logs.lines(), IsEmpty());
  SetLogLevel(Level::kDebug);
  Log(Level::kDebug, "detail");
  SetLogLevel(Level::kInfo);
  EXPECT_THAT(logs.lines(), SizeIs(1));
}

}  // namespace
}  // namespace birthmark::telemetry
