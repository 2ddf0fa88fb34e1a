// What a device costs that registers over a new connection, beside the bare
// handshake. docs/performance.md says what the figures mean.
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
#include "lib/crypto/batch_verifier.h"
#include "nlohmann/json.hpp"
#include "tests/bench/floor.h"
#include "tests/bench/registration_run.h"
#include "tests/bench/statistics.h"

namespace birthmark::bench {
namespace {

// Figures of one measurement; CPU in milliseconds a visit.
struct Figures {
  double per_second = 0;
  double server_cpu_ms = 0;
  std::map<std::string, double> server_cpu_ms_by_process;
  double client_cpu_ms = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

Figures FiguresOf(const Visits& visits) {
  Figures figures;
  const double count = static_cast<double>(visits.count);
  figures.per_second = count / absl::ToDoubleSeconds(visits.used.time);
  for (const auto& [process, cpu] : visits.used.servers) {
    const double each = absl::ToDoubleMilliseconds(cpu) / count;
    figures.server_cpu_ms_by_process[process] = each;
    figures.server_cpu_ms += each;
  }
  figures.client_cpu_ms =
      absl::ToDoubleMilliseconds(visits.used.client) / count;
  figures.p50_ms = absl::ToDoubleMilliseconds(Quantile(visits.latencies, 0.5));
  figures.p99_ms = absl::ToDoubleMilliseconds(Quantile(visits.latencies, 0.99));
  return figures;
}

Figures MedianOf(const std::vector<Figures>& all) {
  Figures result;
  const auto median = [&all](const auto& get) {
    std::vector<double> values;
    for (const Figures& figures : all) {
      values.push_back(get(figures));
    }
    return Median(std::move(values));
  };
  for (double Figures::*field :
       {&Figures::per_second, &Figures::server_cpu_ms, &Figures::client_cpu_ms,
        &Figures::p50_ms, &Figures::p99_ms}) {
    result.*field =
        median([field](const Figures& figures) { return figures.*field; });
  }
  for (const auto& entry : all.front().server_cpu_ms_by_process) {
    const std::string& process = entry.first;
    result.server_cpu_ms_by_process[process] =
        median([&process](const Figures& figures) {
          return figures.server_cpu_ms_by_process.at(process);
        });
  }
  return result;
}

nlohmann::json ToJson(const Figures& figures) {
  return {{"per_second", figures.per_second},
          {"server_cpu_ms", figures.server_cpu_ms},
          {"server_cpu_ms_by_process", figures.server_cpu_ms_by_process},
          {"client_cpu_ms", figures.client_cpu_ms},
          {"p50_ms", figures.p50_ms},
          {"p99_ms", figures.p99_ms}};
}

std::string Head() {
  return absl::StrFormat("%-20s %8s | %9s = %9s + %9s + %9s | %9s | %7s %7s\n",
                         "CPU in ms", "a second", "server", "registr.", "ca",
                         "postgres", "client", "p50 ms", "p99 ms");
}

std::string Row(const std::string& name, const Figures& figures) {
  const auto& by_process = figures.server_cpu_ms_by_process;
  return absl::StrFormat(
      "%-20s %8.0f | %9.3f = %9.3f + %9.3f + %9.3f | %9.3f | %7.1f %7.1f\n",
      name, figures.per_second, figures.server_cpu_ms,
      by_process.at("registration"), by_process.at("ca"),
      by_process.at("postgres"), figures.client_cpu_ms, figures.p50_ms,
      figures.p99_ms);
}

// For people, who wait: not part of the output.
void Say(const std::string& text) { std::cerr << text << std::flush; }

struct Flags {
  int clients = 8;
  double seconds = 5;
  int repeats = 3;
  bool json = false;
};

int Run(const Flags& flags) {
  RegistrationOptions options;
  options.clients = flags.clients;
  options.duration = absl::Seconds(flags.seconds);
  options.warm_up = std::min(options.warm_up, options.duration);
  RegistrationRun run(options);
  run.WarmUp();
  Say(Head());
  std::vector<Figures> handshakes, registrations;
  std::vector<double> floors;
  for (int i = 1; i <= flags.repeats; ++i) {
    handshakes.push_back(FiguresOf(run.MeasureHandshakes()));
    Say(Row(absl::StrCat(i, " handshake"), handshakes.back()));
    registrations.push_back(FiguresOf(run.MeasureRegistrations()));
    Say(Row(absl::StrCat(i, " registration"), registrations.back()));
    floors.push_back(absl::ToDoubleMilliseconds(
        MeasureFloor(crypto::Arithmetic::kBoringSsl).total()));
  }
  const Figures handshake = MedianOf(handshakes);
  const Figures registration = MedianOf(registrations);
  Say(Row("median handshake", handshake));
  Say(Row("median registration", registration));
  const double floor = Median(floors);
  Say(absl::StrFormat("one verification and one signature: %.3f ms\n", floor));

  nlohmann::json json = ToJson(registration);
  json["handshake"] = ToJson(handshake);
  json["floor_cpu_ms"] = floor;
  json["registered"] = run.registered();
  json["recorded"] = run.CountRecords();
  json["clients"] = options.clients;
  for (const Figures& figures : registrations) {
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
      "Measures what a device costs that registers over a new connection. "
      "Starts all it needs, and removes it.");
  app.option_defaults()->always_capture_default();
  app.add_option("--clients", flags.clients, "devices served at a time")
      ->check(CLI::Range(1, 256));
  app.add_option("--seconds", flags.seconds, "how long a measurement takes")
      ->check(CLI::Range(0.2, 3600.0));
  app.add_option("--repeats", flags.repeats, "measurements of each kind")
      ->check(CLI::Range(1, 1000));
  app.add_flag("--json", flags.json, "print JSON to standard output");
  CLI11_PARSE(app, argc, argv);
  return Run(flags);
}

}  // namespace
}  // namespace birthmark::bench

int main(int argc, char** argv) { return birthmark::bench::Main(argc, argv); }
