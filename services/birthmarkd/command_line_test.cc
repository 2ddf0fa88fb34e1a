#include "services/birthmarkd/command_line.h"

#include <string>
#include <vector>

#include "lib/base/testing.h"

namespace birthmark::birthmarkd {
namespace {

using ::testing::HasSubstr;

TEST(CommandLineTest, ReadsServe) {
  ASSERT_OK_AND_ASSIGN(CommandLine line,
                       ParseCommandLine({"serve", "--config", "a.textproto"}));
  EXPECT_EQ(line.command, Command::kServe);
  EXPECT_EQ(line.config_path, "a.textproto");
  EXPECT_FALSE(line.check_config);
}

TEST(CommandLineTest, ReadsSwitchesInAnyOrderAndForm) {
  ASSERT_OK_AND_ASSIGN(
      CommandLine line,
      ParseCommandLine({"serve", "--check_config", "--config=b"}));
  EXPECT_EQ(line.config_path, "b");
  EXPECT_TRUE(line.check_config);
}

TEST(CommandLineTest, ReadsMigrateAndVersion) {
  ASSERT_OK_AND_ASSIGN(CommandLine line,
                       ParseCommandLine({"migrate", "--config", "m"}));
  EXPECT_EQ(line.command, Command::kMigrate);
  for (const char* version : {"version", "--version"}) {
    ASSERT_OK_AND_ASSIGN(line, ParseCommandLine({version}));
    EXPECT_EQ(line.command, Command::kVersion);
  }
}

TEST(CommandLineTest, HelpsWithAllAndWithEach) {
  for (const char* help : {"help", "--help", "-h"}) {
    ASSERT_OK_AND_ASSIGN(CommandLine line, ParseCommandLine({help}));
    EXPECT_EQ(line.command, Command::kHelp);
    EXPECT_THAT(line.help, HasSubstr("birthmarkd serve --config FILE"));
  }
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{
           {"help", "migrate"},
           {"migrate", "--help"},
           {"migrate", "--config", "x", "-h"}}) {
    ASSERT_OK_AND_ASSIGN(CommandLine line, ParseCommandLine(arguments));
    EXPECT_EQ(line.command, Command::kHelp);
    EXPECT_THAT(line.help, HasSubstr("MigrateConfig"));
  }
}

struct Case {
  const char* name;
  std::vector<std::string> arguments;
  const char* text;
};
class WrongCommandLineTest : public testing::TestWithParam<Case> {};

TEST_P(WrongCommandLineTest, IsRefusedWithWhatIsWrong) {
  const auto line = ParseCommandLine(GetParam().arguments);
  EXPECT_THAT(line, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(line.status().message()), HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongCommandLineTest,
    testing::Values(
        Case{"Nothing", {}, "a command is required"},
        Case{"UnknownCommand", {"start"}, "\"start\""},
        Case{"UnknownSwitch", {"serve", "--port", "1"}, "\"--port\""},
        Case{"NoConfig", {"serve"}, "--config FILE is required"},
        Case{"NoFile", {"serve", "--config"}, "needs a file"},
        Case{"EmptyFile", {"serve", "--config="}, "--config FILE is required"},
        Case{"CheckOfMigrate",
             {"migrate", "--config", "m", "--check_config"},
             "\"--check_config\""},
        Case{"HelpOnNothing", {"help", "start"}, "\"start\""}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace birthmark::birthmarkd
