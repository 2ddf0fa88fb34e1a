#include "services/cli/command.h"

#include <sstream>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/fake_clock.h"
#include "lib/base/testing.h"
#include "services/cli/error_report.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

using testing::HasSubstr;

absl::StatusOr<int> Greet(const Arguments& args, Context& context) {
  context.out << "hello " << args.Text("NAME") << '\n';
  return kExitOk;
}

absl::StatusOr<int> Refuse(const Arguments&, Context&) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "LINE_DISABLED",
                   "the line\nis disabled", {{"resource", "fleets/a"}});
}

const std::vector<Command>& Commands() {
  static const auto& commands = *new std::vector<Command>{
      {.path = "greet",
       .summary = "Greets.",
       .examples = "birthmark greet you",
       .params = {{.name = "NAME", .help = "whom", .required = true}},
       .run = Greet},
      {.path = "thing make",
       .summary = "Makes a thing.",
       .details = "At length.",
       .examples = "birthmark thing make x --size 3\nbirthmark thing make y",
       .params = {{.name = "NAME", .help = "its name", .required = true},
                  {.name = "--size",
                   .value = "N",
                   .help = "how large",
                   .kind = ParamKind::kInteger,
                   .default_value = "7"},
                  {.name = "--wait",
                   .value = "TIME",
                   .help = "how long",
                   .kind = ParamKind::kDuration},
                  {.name = "--yes",
                   .help = "do not ask",
                   .kind = ParamKind::kSwitch}},
       .run = Greet},
      {.path = "thing refuse",
       .summary = "Never works.",
       .examples = "birthmark thing refuse",
       .run = Refuse},
  };
  return commands;
}

struct Result {
  int code = 0;
  std::string out;
  std::string err;
};

Result RunWords(const std::vector<std::string>& words) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  FakeClock clock;
  Context context{.in = in, .out = out, .err = err, .clock = clock};
  Result run;
  run.code = RunLine(Commands(), words, context);
  run.out = out.str();
  run.err = err.str();
  return run;
}

TEST(CommandTest, RunsWhatIsNamed) {
  const Result run = RunWords({"greet", "world"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "hello world\n");
}

TEST(CommandTest, ReadsOptionsInAnyOrder) {
  ASSERT_OK_AND_ASSIGN(const ParsedLine line,
                       ParseLine(Commands(), {"thing", "make", "--wait=90s",
                                              "x", "--yes", "--json"}));
  ASSERT_NE(line.command, nullptr);
  EXPECT_EQ(line.command->path, "thing make");
  EXPECT_EQ(line.args.Text("NAME"), "x");
  EXPECT_EQ(line.args.Integer("--size"), 7);
  EXPECT_EQ(line.args.Duration("--wait"), absl::Seconds(90));
  EXPECT_TRUE(line.args.Switch("--yes"));
  EXPECT_TRUE(line.json);
}

TEST(CommandTest, AnOptionThatMayComeAgainTakesOneValueEachTime) {
  const std::vector<Command> commands = {
      {.path = "do",
       .params = {{.name = "THING"},
                  {.name = "--label", .kind = ParamKind::kTexts}},
       .run = [](const Arguments&, Context&) -> absl::StatusOr<int> {
         return kExitOk;
       }}};
  ASSERT_OK_AND_ASSIGN(
      const ParsedLine line,
      ParseLine(commands, {"do", "--label", "a=1", "x", "--label", "-b"}));
  EXPECT_THAT(line.args.Texts("--label"), testing::ElementsAre("a=1", "-b"));
  EXPECT_EQ(line.args.Text("THING"), "x");
  EXPECT_TRUE(line.args.Has("--label"));
  ASSERT_OK_AND_ASSIGN(const ParsedLine none, ParseLine(commands, {"do", "x"}));
  EXPECT_FALSE(none.args.Has("--label"));
  EXPECT_THAT(none.args.Texts("--label"), testing::IsEmpty());
}

TEST(ParseSpanTest, TakesDaysToo) {
  absl::Duration span;
  EXPECT_TRUE(ParseSpan("30d", &span));
  EXPECT_EQ(span, absl::Hours(720));
  EXPECT_TRUE(ParseSpan("1d12h", &span));
  EXPECT_EQ(span, absl::Hours(36));
  EXPECT_TRUE(ParseSpan("0s", &span));
  EXPECT_EQ(span, absl::ZeroDuration());
  for (const char* text :
       {"", "d", "-1d", "1d-1h", "1.5d", "1d1d", "12", "inf", "99999999d",
        "99999999999999999999d", "-5s", "1dx", "+1d"}) {
    EXPECT_FALSE(ParseSpan(text, &span)) << text;
  }
}

TEST(CommandTest, AbsentOptionsAreAbsent) {
  ASSERT_OK_AND_ASSIGN(const ParsedLine line,
                       ParseLine(Commands(), {"thing", "make", "x"}));
  EXPECT_FALSE(line.args.Has("--wait"));
  EXPECT_FALSE(line.args.Switch("--yes"));
  EXPECT_FALSE(line.json);
}

struct UsageCase {
  const char* name;
  std::vector<std::string> words;
};
class CommandUsageTest : public testing::TestWithParam<UsageCase> {};

TEST_P(CommandUsageTest, IsRefusedWithExitCodeTwo) {
  const Result run = RunWords(GetParam().words);
  EXPECT_EQ(run.code, kExitUsage) << run.err;
  EXPECT_THAT(run.err, HasSubstr("error: INVALID_ARGUMENT / USAGE: "));
  EXPECT_EQ(run.out, "");
}

INSTANTIATE_TEST_SUITE_P(
    All, CommandUsageTest,
    testing::Values(
        UsageCase{"UnknownCommand", {"dance"}},
        UsageCase{"GroupAlone", {"thing"}},
        UsageCase{"UnknownInGroup", {"thing", "break"}},
        UsageCase{"MissingArgument", {"greet"}},
        UsageCase{"TooManyArguments", {"greet", "a", "b"}},
        UsageCase{"UnknownOption", {"greet", "a", "--loud"}},
        UsageCase{"OptionWithoutValue", {"thing", "make", "x", "--size"}},
        UsageCase{"NotANumber", {"thing", "make", "x", "--size", "many"}},
        UsageCase{"NegativeNumber", {"thing", "make", "x", "--size=-1"}},
        UsageCase{"NotATime", {"thing", "make", "x", "--wait", "10"}}),
    [](const auto& info) { return std::string(info.param.name); });

struct HelpCase {
  const char* name;
  std::vector<std::string> words;
  const char* want;
};
class CommandHelpTest : public testing::TestWithParam<HelpCase> {};

TEST_P(CommandHelpTest, IsPrintedAndSucceeds) {
  const Result run = RunWords(GetParam().words);
  EXPECT_EQ(run.code, kExitOk);
  EXPECT_THAT(run.out, HasSubstr(GetParam().want));
}

INSTANTIATE_TEST_SUITE_P(
    All, CommandHelpTest,
    testing::Values(
        HelpCase{"Nothing", {}, "thing make    Makes a thing."},
        HelpCase{"Help", {"help"}, "greet         Greets."},
        HelpCase{"Group", {"thing", "--help"}, "thing refuse"},
        HelpCase{"Command", {"thing", "make", "--help"}, "Example:\n  birth"},
        HelpCase{"DespiteMissingArguments",
                 {"greet", "-h"},
                 "Usage: birthmark greet NAME"},
        HelpCase{"HelpThenCommand",
                 {"help", "thing", "make"},
                 "how large [default: 7]"},
        HelpCase{"ExitCodes", {"help", "exit-codes"}, "130  interrupted"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(CommandTest, ErrorsAreOneLineAndAHint) {
  const Result run = RunWords({"thing", "refuse"});
  EXPECT_EQ(run.code, kExitRefused);
  EXPECT_THAT(run.err,
              HasSubstr("error: FAILED_PRECONDITION / LINE_DISABLED: the line "
                        "is disabled\nfix: "));
  EXPECT_EQ(run.out, "");
}

TEST(CommandTest, ErrorsForMachinesAreJson) {
  const Result run = RunWords({"thing", "refuse", "--json"});
  EXPECT_EQ(run.code, kExitRefused);
  EXPECT_THAT(run.out, HasSubstr("\"reason\": \"LINE_DISABLED\""));
  EXPECT_THAT(run.out, HasSubstr("\"resource\": \"fleets/a\""));
}

struct CodeCase {
  const char* name;
  absl::Status status;
  ExitCode want;
};
class ExitCodeTest : public testing::TestWithParam<CodeCase> {};

TEST_P(ExitCodeTest, SaysWhatAScriptCanDo) {
  EXPECT_EQ(ExitCodeFor(GetParam().status), GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    All, ExitCodeTest,
    testing::Values(
        CodeCase{"Ok", absl::OkStatus(), kExitOk},
        CodeCase{"Usage", UsageError("x"), kExitUsage},
        CodeCase{"NotFound", absl::NotFoundError("x"), kExitRefused},
        CodeCase{"Unavailable", absl::UnavailableError("x"), kExitUnavailable},
        CodeCase{"Late", absl::DeadlineExceededError("x"), kExitUnavailable},
        CodeCase{"Stranger", absl::UnauthenticatedError("x"), kExitDenied},
        CodeCase{"WrongRole", absl::PermissionDeniedError("x"), kExitDenied},
        CodeCase{"LocalFile", FileError(absl::PermissionDeniedError("x"), "/f"),
                 kExitLocal},
        CodeCase{"DiskFull", FileError(absl::ResourceExhaustedError("x"), "/f"),
                 kExitLocal},
        CodeCase{"Quota",
                 MakeError(absl::StatusCode::kResourceExhausted,
                           "LINE_QUOTA_EXCEEDED", "x"),
                 kExitRefused},
        CodeCase{"Fault", absl::InternalError("x"), kExitFault},
        CodeCase{"Interrupted", absl::CancelledError("x"), kExitInterrupted}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace birthmark::cli
