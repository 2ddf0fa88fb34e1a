// What happens when all devices come back at once after a power cut.
// docs/performance.md says what the figures mean.
#include <cstdint>
#include <iostream>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "tests/bench/comeback_run.h"
#include "tests/bench/statistics.h"

namespace birthmark::bench {
namespace {

constexpr double kMegabyte = 1 << 20;

int Run(size_t devices, int clients, bool print_json) {
  ComebackRun run(devices);
  const Comeback comeback = run.Run(clients);
  const double count = static_cast<double>(comeback.waits.size());
  nlohmann::json json = {
      {"devices", comeback.waits.size()},
      {"recorded", run.CountRecords()},
      {"clients", clients},
      {"seconds", absl::ToDoubleSeconds(comeback.time)},
      {"per_second", count / absl::ToDoubleSeconds(comeback.time)},
      {"wait_p50_seconds",
       absl::ToDoubleSeconds(Quantile(comeback.waits, 0.5))},
      {"wait_p99_seconds",
       absl::ToDoubleSeconds(Quantile(comeback.waits, 0.99))},
      {"failures_before", comeback.failures_before},
      {"failures_after", comeback.failures_after},
      {"resource_exhausted_without_delay", comeback.without_delay}};
  double total = 0;
  for (const auto& [process, cpu] : comeback.used.servers) {
    const double each = absl::ToDoubleMilliseconds(cpu) / count;
    json["server_cpu_ms_by_process"][process] = each;
    total += each;
  }
  json["server_cpu_ms"] = total;
  for (const auto& [role, bytes] : comeback.resident_most) {
    json["memory_mb"][role] = {
        {"before",
         static_cast<double>(comeback.resident_before.at(role)) / kMegabyte},
        {"most", static_cast<double>(bytes) / kMegabyte}};
  }
  if (print_json) {
    std::cout << json.dump(2) << std::endl;
    return 0;
  }
  std::cout << absl::StrFormat(
      "%d devices came back at once, %d at a time: all were served within "
      "%.1f s, each once\n",
      comeback.waits.size(), clients, absl::ToDoubleSeconds(comeback.time));
  for (auto& [field, value] : json.items()) {
    std::cout << "  " << field << ": " << value.dump() << "\n";
  }
  return 0;
}

int Main(int argc, char** argv) {
  size_t devices = 10000;
  int clients = 1000;
  bool json = false;
  CLI::App app(
      "Cuts the power and has all devices come back at once. Starts all it "
      "needs, and removes it.");
  app.option_defaults()->always_capture_default();
  app.add_option("--devices", devices, "devices that come back")
      ->check(CLI::Range(1, 1000000));
  app.add_option("--clients", clients, "devices on their way at a time")
      ->check(CLI::Range(1, 20000));
  app.add_flag("--json", json, "print JSON");
  CLI11_PARSE(app, argc, argv);
  return Run(devices, clients, json);
}

}  // namespace
}  // namespace birthmark::bench

int main(int argc, char** argv) { return birthmark::bench::Main(argc, argv); }
