// What revocation costs, and what telling verifiers of it costs.
// docs/performance.md says what the figures mean.
#include <algorithm>
#include <cstdint>
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
#include "tests/bench/floor.h"
#include "tests/bench/statistics.h"
#include "tests/bench/status_run.h"

namespace birthmark::bench {
namespace {

// For people, who wait: not part of the output.
void Say(const std::string& text) { std::cerr << text << std::flush; }

double Ms(absl::Duration time) { return absl::ToDoubleMilliseconds(time); }

double Mib(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

template <typename T>
double MedianOf(const std::vector<T>& all, double T::*field) {
  std::vector<double> values;
  for (const T& one : all) {
    values.push_back(one.*field);
  }
  return Median(std::move(values));
}

HttpCost MedianOf(const std::vector<HttpCost>& all) {
  HttpCost median;
  for (double HttpCost::*field :
       {&HttpCost::per_second, &HttpCost::cpu_us, &HttpCost::bytes,
        &HttpCost::p50_ms, &HttpCost::p99_ms}) {
    median.*field = MedianOf(all, field);
  }
  return median;
}

nlohmann::json ToJson(const HttpCost& cost) {
  nlohmann::json json = {{"per_second", cost.per_second},
                         {"cpu_us", cost.cpu_us},
                         {"bytes", cost.bytes}};
  // wrk does not know when a pipelined request was sent.
  if (cost.p99_ms > 0) {
    json["p50_ms"] = cost.p50_ms;
    json["p99_ms"] = cost.p99_ms;
  }
  return json;
}

std::string Row(const std::string& name, const HttpCost& cost) {
  std::string row = absl::StrFormat("%-28s %9.0f | %8.1f | %7.0f |", name,
                                    cost.per_second, cost.cpu_us, cost.bytes);
  if (cost.p99_ms > 0) {
    absl::StrAppendFormat(&row, " %7.2f %7.2f", cost.p50_ms, cost.p99_ms);
  }
  return row + "\n";
}

// The cached responses beside nginx, and the signed ones beside the machine's
// signatures, in turns.
void MeasureHttp(StatusRun& run, int repeats, int pipelined,
                 absl::Duration duration, nlohmann::json& json) {
  std::vector<HttpCost> cached, files, open_files, fresh, fresh_pipelined;
  std::vector<SignatureRate> signatures;
  Say(absl::StrFormat("%-28s %9s | %8s | %7s | %7s %7s\n", "answers",
                      "a second", "CPU us", "bytes", "p50 ms", "p99 ms"));
  const auto note = [](int i, const char* what, HttpCost cost,
                       std::vector<HttpCost>& all) {
    all.push_back(cost);
    Say(Row(absl::StrCat(i, " ", what), cost));
  };
  for (int i = 1; i <= repeats; ++i) {
    note(i, "OCSP, cached", run.MeasureCached(), cached);
    note(i, "nginx, file", run.MeasureNginx(false), files);
    note(i, "nginx, open_file_cache", run.MeasureNginx(true), open_files);
    signatures.push_back(MeasureSignatureRate(duration / 2));
    note(i, "OCSP, signed", run.MeasureSigned(1), fresh);
    note(i, "OCSP, signed, pipelined", run.MeasureSigned(pipelined),
         fresh_pipelined);
    signatures.push_back(MeasureSignatureRate(duration / 2));
  }
  const double per_cpu = MedianOf(signatures, &SignatureRate::per_cpu_second);
  const double per_wall = MedianOf(signatures, &SignatureRate::per_second);
  Say(absl::StrFormat(
      "signatures: %.0f a second on all cores, %.1f us of CPU each\n", per_wall,
      1e6 / per_cpu));
  const std::pair<const char*, HttpCost> medians[] = {
      {"cached", MedianOf(cached)},
      {"nginx", MedianOf(files)},
      {"nginx_open_file_cache", MedianOf(open_files)},
      {"signed", MedianOf(fresh)},
      {"signed_pipelined", MedianOf(fresh_pipelined)}};
  for (const auto& [name, cost] : medians) {
    json[name] = ToJson(cost);
  }
  const auto rate = [&](const char* one, const char* other) {
    return json[one]["per_second"].get<double>() /
           json[other]["per_second"].get<double>();
  };
  const auto cpu = [&](const char* one) {
    return json[one]["cpu_us"].get<double>();
  };
  json["ocsp_cached_to_nginx"] = rate("cached", "nginx");
  json["ocsp_cached_to_nginx_cpu"] = cpu("nginx") / cpu("cached");
  json["ocsp_cached_to_nginx_open_file_cache"] =
      rate("cached", "nginx_open_file_cache");
  json["ocsp_cached_to_nginx_open_file_cache_cpu"] =
      cpu("nginx_open_file_cache") / cpu("cached");
  json["signatures_per_second"] = per_wall;
  json["signature_cpu_us"] = 1e6 / per_cpu;
  json["ocsp_signed_to_bound"] = 1e6 / cpu("signed") / per_cpu;
  json["ocsp_signed_to_bound_wall"] =
      json["signed"]["per_second"].get<double>() / per_wall;
  json["ocsp_signed_pipelined_to_bound"] =
      1e6 / cpu("signed_pipelined") / per_cpu;
  json["ocsp_signed_pipelined_to_bound_wall"] =
      json["signed_pipelined"]["per_second"].get<double>() / per_wall;
  for (const char* ratio :
       {"ocsp_cached_to_nginx", "ocsp_cached_to_nginx_cpu",
        "ocsp_cached_to_nginx_open_file_cache",
        "ocsp_cached_to_nginx_open_file_cache_cpu", "ocsp_signed_to_bound",
        "ocsp_signed_to_bound_wall", "ocsp_signed_pipelined_to_bound",
        "ocsp_signed_pipelined_to_bound_wall"}) {
    Say(absl::StrFormat("%s %.2f\n", ratio, json[ratio].get<double>()));
  }
}

void MeasureMemory(StatusRun& run, nlohmann::json& json) {
  const StatusMemory memory = run.MeasureMemory();
  json["rss_mib"] = Mib(memory.peak);
  json["memory"] = {{"start_mib", Mib(memory.at_start)},
                    {"end_mib", Mib(memory.at_end)},
                    {"ocsp_answers", memory.ocsp_answers},
                    {"crl_answers", memory.crl_answers},
                    {"shards", memory.shards}};
  Say(absl::StrFormat(
      "memory: %.0f MiB before, %.0f after %d OCSP answers and %d CRLs of %d "
      "shards, at most %.0f\n",
      Mib(memory.at_start), Mib(memory.at_end), memory.ocsp_answers,
      memory.crl_answers, memory.shards, Mib(memory.peak)));
}

void MeasureCrls(StatusRun& run, int repeats, nlohmann::json& json) {
  std::vector<double> whole, incremental;
  absl::Duration whole_cpu, incremental_cpu;
  CrlTimes times;
  for (int i = 0; i < repeats; ++i) {
    times = run.MeasureCrl();
    whole.push_back(Ms(times.whole));
    incremental.push_back(Ms(times.incremental));
    whole_cpu += times.whole_cpu / repeats;
    incremental_cpu += times.incremental_cpu / repeats;
    Say(absl::StrFormat(
        "CRL of %d entries, %d bytes: %.1f ms whole, %.1f incremental\n",
        times.entries, times.bytes, whole.back(), incremental.back()));
  }
  json["shard_20k_ms"] = Median(whole);
  json["shard_20k_incremental_ms"] = Median(incremental);
  // Means, since one counts in steps of 10 ms.
  json["shard_20k_cpu_ms"] = Ms(whole_cpu);
  json["shard_20k_incremental_cpu_ms"] = Ms(incremental_cpu);
  Say(absl::StrFormat("CPU of the servers: %.0f ms whole, %.0f incremental\n",
                      Ms(whole_cpu), Ms(incremental_cpu)));
  json["shard_entries"] = times.entries;
  json["shard_bytes"] = times.bytes;
}

// What one number of clients saw, in all repeats.
struct Revokes {
  std::vector<double> p50, p99, per_second, registration, postgres;

  void Add(const std::string& name, const RevokeCost& cost) {
    p50.push_back(Ms(Quantile(cost.times, 0.5)));
    p99.push_back(Ms(Quantile(cost.times, 0.99)));
    per_second.push_back(cost.per_second);
    registration.push_back(cost.registration_cpu_ms);
    postgres.push_back(cost.postgres_cpu_ms);
    Say(absl::StrFormat("%-28s %9.0f | %7.2f + %7.2f | %7.2f %7.2f\n", name,
                        per_second.back(), registration.back(), postgres.back(),
                        p50.back(), p99.back()));
  }
  nlohmann::json ToJson() const {
    return {{"p50_ms", Median(p50)},
            {"p99_ms", Median(p99)},
            {"per_second", Median(per_second)},
            {"registration_cpu_ms", Median(registration)},
            {"postgres_cpu_ms", Median(postgres)}};
  }
};

void MeasureRevocations(StatusRun& run, int repeats, int clients,
                        nlohmann::json& json) {
  run.StartFew();
  Say(absl::StrFormat("%-28s %9s | %7s + %7s | %7s %7s\n", "revocations",
                      "a second", "reg. ms", "pg ms", "p50 ms", "p99 ms"));
  Revokes many, few, many_at_once, few_at_once;
  // The first ones fill plans, caches and connections.
  run.Revoke(true, clients);
  run.Revoke(false, clients);
  for (int i = 1; i <= repeats; ++i) {
    few.Add(absl::StrCat(i, " few revoked"), run.Revoke(false, 1));
    many.Add(absl::StrCat(i, " many revoked"), run.Revoke(true, 1));
    few_at_once.Add(absl::StrCat(i, " few, ", clients, " clients"),
                    run.Revoke(false, clients));
    many_at_once.Add(absl::StrCat(i, " many, ", clients, " clients"),
                     run.Revoke(true, clients));
  }
  json["revoke"] = many.ToJson();
  json["revoke_few"] = few.ToJson();
  json["revoke_clients"] = many_at_once.ToJson();
  json["revoke_few_clients"] = few_at_once.ToJson();
  const auto growth = [&json](const char* one, const char* other,
                              const char* field) {
    return json[one][field].get<double>() / json[other][field].get<double>();
  };
  json["revoke_p99_ms"] = json["revoke"]["p99_ms"];
  json["revoke_clients_p99_ms"] = json["revoke_clients"]["p99_ms"];
  json["revoke_growth"] = growth("revoke", "revoke_few", "p99_ms");
  json["revoke_growth_p50"] = growth("revoke", "revoke_few", "p50_ms");
  json["revoke_clients_growth"] =
      growth("revoke_clients", "revoke_few_clients", "p99_ms");
  json["revoke_clients_growth_p50"] =
      growth("revoke_clients", "revoke_few_clients", "p50_ms");
  for (const char* figure :
       {"revoke_p99_ms", "revoke_clients_p99_ms", "revoke_growth",
        "revoke_growth_p50", "revoke_clients_growth",
        "revoke_clients_growth_p50"}) {
    Say(absl::StrFormat("%s %.2f\n", figure, json[figure].get<double>()));
  }
}

struct Flags {
  StatusOptions options;
  double seconds = 4;
  int repeats = 3;
  int pipelined = 16;
  std::set<std::string> parts = {"http", "memory", "crl", "revoke"};
  bool json = false;
};

int Run(Flags flags) {
  StatusOptions& options = flags.options;
  if (options.revoked == 0) {
    options.revoked = std::max(options.certificates / 10, options.shard_size);
  }
  options.duration = absl::Seconds(flags.seconds);
  options.few_certificates =
      std::min(options.few_certificates, options.certificates);
  options.few_revoked = std::min(options.few_revoked, options.revoked);
  options.asked = std::min(options.asked, options.certificates);
  options.cached = std::min(options.cached, options.certificates);

  StatusRun run(options);
  Say(absl::StrFormat("adding %d certificates\n", options.certificates));
  const absl::Duration load = run.Load();
  nlohmann::json json;
  json["certificates"] = options.certificates;
  json["revoked"] = run.CountRevoked();
  json["load_seconds"] = absl::ToDoubleSeconds(load);
  Say(absl::StrFormat("%d are revoked; with their CRLs that took %.0f s\n",
                      json["revoked"].get<int64_t>(),
                      absl::ToDoubleSeconds(load)));
  if (flags.parts.count("http") > 0) {
    run.WarmUp();
    MeasureHttp(run, flags.repeats, flags.pipelined, options.duration, json);
  }
  if (flags.parts.count("memory") > 0) {
    MeasureMemory(run, json);
  }
  if (flags.parts.count("crl") > 0) {
    MeasureCrls(run, flags.repeats, json);
  }
  if (flags.parts.count("revoke") > 0) {
    MeasureRevocations(run, flags.repeats, options.clients, json);
  }
  if (flags.json) {
    std::cout << json.dump(2) << std::endl;
  }
  return 0;
}

int Main(int argc, char** argv) {
  Flags flags;
  StatusOptions& options = flags.options;
  options.revoked = 0;
  CLI::App app(
      "Measures revocation, OCSP beside nginx and beside bare signatures, the "
      "making of a CRL, and memory. Starts all it needs, and removes it.");
  app.option_defaults()->always_capture_default();
  app.add_option("--certificates", options.certificates,
                 "certificates that exist")
      ->check(CLI::Range(int64_t{1000}, int64_t{20000000}));
  app.add_option("--revoked", options.revoked,
                 "of them; 0: a tenth, and a shard's at least")
      ->check(CLI::Range(int64_t{0}, int64_t{5000000}));
  app.add_option("--shard_size", options.shard_size, "certificates of a shard")
      ->check(CLI::Range(int64_t{100}, int64_t{20000}));
  app.add_option("--seconds", flags.seconds, "how long wrk measures, in whole")
      ->check(CLI::Range(1.0, 600.0));
  app.add_option("--connections", options.connections, "of wrk")
      ->check(CLI::Range(1, 1000));
  app.add_option("--pipelined", flags.pipelined,
                 "requests sent at once, where that is measured")
      ->check(CLI::Range(2, 64));
  app.add_option("--asked", options.asked,
                 "certificates asked for while memory is watched")
      ->check(CLI::Range(int64_t{1000}, int64_t{2000000}));
  app.add_option("--revocations", options.revocations,
                 "revocations of a measurement")
      ->check(CLI::Range(int64_t{10}, int64_t{100000}));
  app.add_option("--clients", options.clients, "that revoke at a time")
      ->check(CLI::Range(2, 64));
  app.add_option("--repeats", flags.repeats, "measurements of each kind")
      ->check(CLI::Range(1, 30));
  app.add_option("--parts", flags.parts, "what is measured")
      ->delimiter(',')
      ->check(CLI::IsMember(flags.parts));
  app.add_flag("--json", flags.json, "print JSON to standard output");
  CLI11_PARSE(app, argc, argv);
  EndOnSignal();
  return Run(flags);
}

}  // namespace
}  // namespace birthmark::bench

int main(int argc, char** argv) { return birthmark::bench::Main(argc, argv); }
