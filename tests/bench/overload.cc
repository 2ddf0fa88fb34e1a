// What happens when lines ask for more than the machine can do.
// docs/performance.md says what the figures mean.
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "tests/bench/overload_run.h"

namespace birthmark::bench {
namespace {

constexpr double kMegabyte = 1 << 20;

// For people, who wait: not part of the output.
void Say(const std::string& text) { std::cerr << text << std::flush; }

struct Flags {
  int lines = 4;
  int factor = 4;
  int greedy = 1;
  double seconds = 6;
  bool json = false;
};

// Memory of one server, in megabytes.
struct Memory {
  double before = 0;
  double early = 0;  // the most in the first half of the overload
  double late = 0;   // and in the second
};

std::map<std::string, Memory> MemoryOf(
    const std::map<std::string, int64_t>& before, const Outcome& overload) {
  std::map<std::string, Memory> memory;
  for (const auto& [role, samples] : overload.resident) {
    const auto middle =
        samples.begin() + static_cast<std::ptrdiff_t>((samples.size() + 1) / 2);
    const auto late = middle == samples.end() ? samples.begin() : middle;
    memory[role] = {
        .before = static_cast<double>(before.at(role)) / kMegabyte,
        .early =
            static_cast<double>(*std::max_element(samples.begin(), middle)) /
            kMegabyte,
        .late = static_cast<double>(*std::max_element(late, samples.end())) /
                kMegabyte};
  }
  return memory;
}

int Run(const Flags& flags) {
  OverloadRun run(flags.lines * flags.factor);
  const absl::Duration duration = absl::Seconds(flags.seconds);
  const Load peak{.lines = flags.lines, .duration = duration};
  Load overload{.lines = flags.lines * flags.factor,
                .greedy = flags.greedy,
                .duration = duration * 2};
  const double warm = run.Put(peak, 10000).certificates_per_second;

  const double first = run.Put(peak, warm).certificates_per_second;
  Say(absl::StrFormat("%d lines: %.0f certificates/s\n", flags.lines, first));
  const auto before = run.Resident();
  const Outcome outcome = run.Put(overload, std::max(first, warm));
  Say(absl::StrFormat("%d lines, %d of them greedy: %.0f certificates/s\n",
                      overload.lines, overload.greedy,
                      outcome.certificates_per_second));
  const double second =
      run.Put(peak, std::max(first, warm)).certificates_per_second;
  Say(absl::StrFormat("%d lines: %.0f certificates/s\n", flags.lines, second));

  const double peak_rate = (first + second) / 2;
  nlohmann::json json = {
      {"peak_per_second", peak_rate},
      {"overload_per_second", outcome.certificates_per_second},
      {"throughput_ratio", outcome.certificates_per_second / peak_rate},
      {"resource_exhausted", outcome.refusals.exhausted},
      {"resource_exhausted_without_delay", outcome.refusals.without_delay},
      {"other_errors", outcome.refusals.other},
      {"lines", flags.lines},
      {"overload_lines", overload.lines},
      {"greedy_lines", overload.greedy},
      {"received", run.received()},
      {"recorded", run.CountRecords()}};
  for (const auto& [role, memory] : MemoryOf(before, outcome)) {
    json["memory_mb"][role] = {{"before", memory.before},
                               {"early", memory.early},
                               {"late", memory.late}};
    Say(absl::StrFormat("%s: %.0f MB before, %.0f early, %.0f late\n", role,
                        memory.before, memory.early, memory.late));
  }
  Say(absl::StrCat("throughput ratio ", json["throughput_ratio"].get<double>(),
                   ", RESOURCE_EXHAUSTED ", json["resource_exhausted"].dump(),
                   ", without a delay ", outcome.refusals.without_delay,
                   ", other errors ", json["other_errors"].dump(), "\n"));
  if (flags.json) {
    std::cout << json.dump(2) << std::endl;
  }
  return 0;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app(
      "Measures what the service does under more load than it can take. Starts "
      "all it needs, and removes it.");
  app.option_defaults()->always_capture_default();
  app.add_option("--lines", flags.lines, "lines that make a full load")
      ->check(CLI::Range(1, 64));
  app.add_option("--factor", flags.factor, "so many times the lines: overload")
      ->check(CLI::Range(2, 64));
  app.add_option("--greedy", flags.greedy,
                 "lines of the overload that send twice what they may");
  app.add_option("--seconds", flags.seconds,
                 "how long a full load lasts; the overload, twice as long")
      ->check(CLI::Range(0.5, 3600.0));
  app.add_flag("--json", flags.json, "print JSON to standard output");
  CLI11_PARSE(app, argc, argv);
  return Run(flags);
}

}  // namespace
}  // namespace birthmark::bench

int main(int argc, char** argv) { return birthmark::bench::Main(argc, argv); }
