// What bulk issuance costs, over real processes. docs/performance.md says what
// the figures mean.
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/bench/issuance_report.h"
#include "tests/bench/issuance_run.h"

namespace birthmark::bench {
namespace {

// For people, who wait: not part of the output.
void Say(const std::string& text) { std::cerr << text << std::flush; }

struct Flags {
  int lines = 4;
  size_t batch = 100;
  size_t in_flight = 0;
  double seconds = 6;
  double warm_up = 4;
  int repeats = 5;
  bool json = false;
};

int Run(const Flags& flags) {
  IssuanceOptions options;
  options.lines = flags.lines;
  options.items_per_message = flags.batch;
  options.in_flight = flags.in_flight;
  options.duration = absl::Seconds(flags.seconds);
  options.warm_up = absl::Seconds(flags.warm_up);
  IssuanceRun run(options);
  run.WarmUp();
  std::vector<Figures> all;
  Say(TableHead());
  for (int i = 1; i <= flags.repeats; ++i) {
    all.push_back(FiguresOf(run.Measure()));
    Say(TableRow(absl::StrCat(i), all.back()));
  }
  run.CheckRecords();
  const Figures median = Median(all);
  Say(TableRow("median", median));

  nlohmann::json json = ToJson(median);
  json["arithmetic"] = "boringssl";
  json["certificates"] = run.issued();
  json["certificates_verified"] = run.verified();
  json["lines"] = options.lines;
  json["items_per_message"] = options.items_per_message;
  for (const Figures& figures : all) {
    json["repeats"].push_back(ToJson(figures));
  }
  if (flags.json) {
    std::cout << json.dump(2) << std::endl;
  }
  return 0;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app(
      "Measures what bulk issuance costs. Starts all it needs, and removes "
      "it.");
  app.option_defaults()->always_capture_default();
  app.add_option("--lines", flags.lines, "provisioning lines at a time")
      ->check(CLI::Range(1, 64));
  app.add_option("--batch", flags.batch, "items in a message")
      ->check(CLI::Range(1, 1000));
  app.add_option("--in_flight", flags.in_flight,
                 "items of a line unanswered; 0: what the server allows");
  app.add_option("--seconds", flags.seconds, "how long a repeat measures")
      ->check(CLI::Range(0.5, 3600.0));
  app.add_option("--warm_up", flags.warm_up,
                 "seconds of load before the first repeat")
      ->check(CLI::Range(0.5, 3600.0));
  app.add_option("--repeats", flags.repeats, "measurements")
      ->check(CLI::Range(1, 1000));
  app.add_flag("--json", flags.json, "print JSON to standard output");
  CLI11_PARSE(app, argc, argv);
  return Run(flags);
}

}  // namespace
}  // namespace birthmark::bench

int main(int argc, char** argv) { return birthmark::bench::Main(argc, argv); }
