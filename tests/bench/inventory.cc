// How quickly the inventory answers, and what changing it costs.
// docs/performance.md says what the figures mean.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "tests/bench/end_on_signal.h"
#include "tests/bench/inventory_run.h"
#include "tests/bench/statistics.h"
#include "tests/support/process.h"

namespace birthmark::bench {
namespace {

// For people, who wait: not part of the output.
void Say(const std::string& text) { std::cerr << text << std::flush; }

double Ms(absl::Duration time) { return absl::ToDoubleMilliseconds(time); }

struct Flags {
  InventoryOptions options;
  double seconds = 60;
  std::set<std::string> parts = {"queries", "reports", "jobs"};
  std::string compare;
  bool load_only = false;
  bool json = false;
};

// Puts what calls took into the report.
void Note(const QueryTimes& query, nlohmann::json& json) {
  const double p50 = Ms(Quantile(query.times, 0.5));
  const double p99 = Ms(Quantile(query.times, 0.99));
  if (query.failed > 0) {
    json["failed"][query.name] = query.failure;
  }
  json["p50_ms"][query.name] = p50;
  json["p99_ms"][query.name] = p99;
  json["calls"][query.name] = query.times.size();
  if (query.short_pages > 0) {
    json["short_pages"][query.name] = query.short_pages;
  }
  Say(absl::StrFormat(
      "%-36s %8.2f %8.2f %8.2f | %7.1f %s\n", query.name, p50, p99,
      Ms(Quantile(query.times, 1)),
      static_cast<double>(query.devices) /
          static_cast<double>(std::max<size_t>(1, query.times.size())),
      query.failed > 0 ? absl::StrCat(query.failed, " FAILED: ", query.failure)
                       : query.text));
}

void MeasureQueries(InventoryRun& run, nlohmann::json& json) {
  Say(absl::StrFormat("%-36s %8s %8s %8s | %7s\n", "calls, ms", "p50", "p99",
                      "most", "devices"));
  for (const QueryTimes& query : run.MeasureQueries()) {
    Note(query, json);
  }
  for (const WalkTimes& walk : run.MeasureEmptyWalks()) {
    Note(walk.calls, json);
    json["empty"][walk.calls.name] = {{"calls", walk.calls.times.size()},
                                      {"ended", walk.ended}};
  }
  // What a look-up cannot do without: a statement and a call.
  const double bound = json["p50_ms"]["bare.statement"].get<double>() +
                       json["p50_ms"]["ping"].get<double>();
  json["get_by_uid_to_bound"] =
      json["p50_ms"]["get_by_uid"].get<double>() / bound;
  Say(absl::StrFormat("get_by_uid_to_bound %.2f\n",
                      json["get_by_uid_to_bound"].get<double>()));
}

nlohmann::json ToJson(const ReportResult& result) {
  nlohmann::json json = {{"per_second", result.per_second},
                         {"reports", result.reports},
                         {"failed", result.failed},
                         {"p50_ms", Ms(Quantile(result.times, 0.5))},
                         {"p99_ms", Ms(Quantile(result.times, 0.99))}};
  for (const auto& [text, count] : result.failures) {
    Say(absl::StrCat(count, " reports failed: ", text, "\n"));
  }
  return json;
}

void MeasureReports(InventoryRun& run, nlohmann::json& json) {
  const auto measure = [&](const char* name, double rate,
                           absl::Duration duration) {
    const ReportCost cost = run.MeasureReports(rate, duration);
    nlohmann::json one = ToJson(cost.result);
    one["registration_cpu_ms"] = cost.registration_cpu_ms;
    one["postgres_cpu_ms"] = cost.postgres_cpu_ms;
    Say(absl::StrFormat(
        "%-28s %7.0f a second, p50 %.1f ms, p99 %.1f ms, CPU %.3f + %.3f ms\n",
        name, cost.result.per_second, one["p50_ms"].get<double>(),
        one["p99_ms"].get<double>(), cost.registration_cpu_ms,
        cost.postgres_cpu_ms));
    json[name] = std::move(one);
  };
  const InventoryOptions& options = run.options();
  measure("reports", options.reports_per_second, options.duration);
  measure("reports_at_most", 0, options.duration / 3);
  json["reports_per_second"] = json["reports"]["per_second"];
}

void MeasureJobs(InventoryRun& run, nlohmann::json& json) {
  for (const JobCost& job : run.MeasureJobs()) {
    json["jobs"][job.name] = {
        {"devices", job.result.devices},
        {"done", job.result.done},
        {"failed", job.result.failed},
        {"certificates", job.result.certificates},
        {"collecting_seconds", absl::ToDoubleSeconds(job.result.collecting)},
        {"running_seconds", absl::ToDoubleSeconds(job.result.running)},
        {"inventory_cpu_ms", job.inventory_cpu_ms},
        {"postgres_cpu_ms", job.postgres_cpu_ms}};
    json[job.name + "_per_second"] = job.result.per_second();
    json[job.name + "_per_second_in_all"] = job.result.per_second_in_all();
    Say(absl::StrFormat(
        "%-12s %d devices, %d certificates: %.0f a second, %.0f with what "
        "collecting them took; CPU %.3f + %.3f ms\n",
        job.name, job.result.done, job.result.certificates,
        job.result.per_second(), job.result.per_second_in_all(),
        job.inventory_cpu_ms, job.postgres_cpu_ms));
  }
}

// How many times longer each query takes than in another run.
void Compare(const std::string& path, nlohmann::json& json) {
  const auto other = nlohmann::json::parse(tests::ReadAll(path), nullptr,
                                           /*allow_exceptions=*/false);
  if (!other.is_object() || !other.contains("p99_ms")) {
    std::cerr << path << " is not what --json printed" << std::endl;
    exit(1);
  }
  double worst = 0;
  for (const auto& [name, p99] : json["p99_ms"].items()) {
    if (!other["p99_ms"].contains(name)) {
      continue;
    }
    const double ratio =
        p99.get<double>() / other["p99_ms"][name].get<double>();
    json["p99_ratio"][name] = ratio;
    worst = std::max(worst, ratio);
    Say(absl::StrFormat("%-36s %.2f times\n", name, ratio));
  }
  json["worst_p99_ratio"] = worst;
  Say(absl::StrFormat("at most %.2f times\n", worst));
}

int Run(const Flags& flags) {
  InventoryRun run(flags.options);
  const InventoryLoad load = run.Load();
  nlohmann::json json;
  json["devices"] = flags.options.devices;
  json["database_bytes"] = load.database_bytes;
  if (load.loaded) {
    json["load_seconds"] = absl::ToDoubleSeconds(load.time);
  }
  Say(absl::StrFormat("%d devices, %.1f GB%s\n", flags.options.devices,
                      static_cast<double>(load.database_bytes) / 1e9,
                      load.loaded
                          ? absl::StrFormat(", loaded in %.0f s",
                                            absl::ToDoubleSeconds(load.time))
                          : ""));
  if (flags.load_only) {
    return 0;
  }
  run.Start();
  if (flags.parts.count("queries") > 0) {
    MeasureQueries(run, json);
  }
  if (flags.parts.count("reports") > 0) {
    MeasureReports(run, json);
  }
  if (flags.parts.count("jobs") > 0) {
    MeasureJobs(run, json);
  }
  if (!flags.compare.empty()) {
    Compare(flags.compare, json);
  }
  if (flags.json) {
    std::cout << json.dump(2) << std::endl;
  }
  return 0;
}

int Main(int argc, char** argv) {
  Flags flags;
  InventoryOptions& options = flags.options;
  CLI::App app(
      "Measures how quickly the inventory answers, and what firmware reports "
      "and jobs over many devices cost. Starts all it needs, and removes it.");
  app.option_defaults()->always_capture_default();
  app.add_option("--devices", options.devices, "devices that exist")
      ->check(CLI::Range(int64_t{1000}, int64_t{20000000}));
  app.add_option("--data", options.data,
                 "folder where the database is kept, and used again");
  app.add_flag("--load_only", flags.load_only, "measure nothing");
  app.add_option("--calls", options.calls, "of each query")
      ->check(CLI::Range(10, 1000000));
  app.add_option("--repeats", options.repeats, "of all queries")
      ->check(CLI::Range(1, 30));
  app.add_option("--pool", options.pool, "devices that report")
      ->check(CLI::Range(1, 5000));
  app.add_option("--reports", options.reports_per_second,
                 "firmware reports a second")
      ->check(CLI::Range(1.0, 100000.0));
  app.add_option("--seconds", flags.seconds, "how long they last")
      ->check(CLI::Range(1.0, 3600.0));
  app.add_option("--job_devices", options.job_devices, "devices of a job")
      ->check(CLI::Range(int64_t{10}, int64_t{1000000}));
  app.add_option("--parts", flags.parts, "what is measured")
      ->delimiter(',')
      ->check(CLI::IsMember(flags.parts));
  app.add_option("--compare", flags.compare,
                 "what --json printed for another number of devices");
  app.add_flag("--json", flags.json, "print JSON to standard output");
  CLI11_PARSE(app, argc, argv);
  options.duration = absl::Seconds(flags.seconds);
  EndOnSignal();
  return Run(flags);
}

}  // namespace
}  // namespace birthmark::bench

int main(int argc, char** argv) { return birthmark::bench::Main(argc, argv); }
