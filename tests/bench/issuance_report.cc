#include "tests/bench/issuance_report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "tests/bench/statistics.h"

namespace birthmark::bench {
Figures FiguresOf(const Repeat& repeat) {
  Figures figures;
  const double count =
      static_cast<double>(std::max<uint64_t>(repeat.certificates, 1));
  const auto each = [count](absl::Duration time) {
    return absl::ToDoubleMicroseconds(time) / count;
  };
  figures.certificates_per_second = static_cast<double>(repeat.certificates) /
                                    absl::ToDoubleSeconds(repeat.used.time);
  for (const auto& [process, cpu] : repeat.used.servers) {
    figures.server_cpu_us_by_process[process] = each(cpu);
    figures.server_cpu_us += each(cpu);
  }
  figures.client_cpu_us = each(repeat.used.client);
  figures.machine_cpu_us = each(repeat.used.machine);
  figures.floor_cpu_us = absl::ToDoubleMicroseconds(repeat.floor.total());
  figures.floor_all_cores_cpu_us =
      absl::ToDoubleMicroseconds(repeat.floor_on_all_cores.total());
  figures.share = figures.server_cpu_us > 0
                      ? figures.floor_cpu_us / figures.server_cpu_us
                      : 0;
  figures.p50_ms = absl::ToDoubleMilliseconds(Quantile(repeat.latencies, 0.5));
  figures.p99_ms = absl::ToDoubleMilliseconds(Quantile(repeat.latencies, 0.99));
  figures.commits = static_cast<double>(repeat.database.commits) / count;
  figures.wal_bytes = static_cast<double>(repeat.database.wal_bytes) / count;
  figures.wal_full_pages =
      static_cast<double>(repeat.database.full_pages) / count;
  figures.checkpoints = static_cast<double>(repeat.database.checkpoints);
  return figures;
}

Figures Median(const std::vector<Figures>& all) {
  const auto median = [&all](const auto& get) {
    std::vector<double> values;
    for (const Figures& figures : all) {
      values.push_back(get(figures));
    }
    return bench::Median(std::move(values));
  };
  Figures result;
  for (double Figures::*field :
       {&Figures::certificates_per_second, &Figures::server_cpu_us,
        &Figures::client_cpu_us, &Figures::machine_cpu_us,
        &Figures::floor_cpu_us, &Figures::floor_all_cores_cpu_us,
        &Figures::share, &Figures::p50_ms, &Figures::p99_ms, &Figures::commits,
        &Figures::wal_bytes, &Figures::wal_full_pages, &Figures::checkpoints}) {
    result.*field =
        median([field](const Figures& figures) { return figures.*field; });
  }
  for (const auto& entry : all.front().server_cpu_us_by_process) {
    const std::string& process = entry.first;
    result.server_cpu_us_by_process[process] =
        median([&process](const Figures& figures) {
          return figures.server_cpu_us_by_process.at(process);
        });
  }
  return result;
}

nlohmann::json ToJson(const Figures& figures) {
  return {
      {"certificates_per_second", figures.certificates_per_second},
      {"server_cpu_us", figures.server_cpu_us},
      {"server_cpu_us_by_process", figures.server_cpu_us_by_process},
      {"client_cpu_us", figures.client_cpu_us},
      {"machine_cpu_us", figures.machine_cpu_us},
      {"floor_cpu_us", figures.floor_cpu_us},
      {"floor_all_cores_cpu_us", figures.floor_all_cores_cpu_us},
      {"share", figures.share},
      {"p50_ms", figures.p50_ms},
      {"p99_ms", figures.p99_ms},
      {"commits_per_certificate", figures.commits},
      {"wal_bytes_per_certificate", figures.wal_bytes},
      {"wal_full_pages_per_certificate", figures.wal_full_pages},
      {"checkpoints", figures.checkpoints},
  };
}

std::string TableHead() {
  return absl::StrFormat(
      "%-8s %8s | %7s = %7s + %7s + %7s | %7s | %7s %6s | %6s %6s | %7s %6s\n"
      "%-8s %8s | %7s   %7s   %7s   %7s | %7s | %7s %6s | %6s %6s | %7s %6s\n",
      "", "certif.", "server", "regis-", "ca", "post-", "client", "floor",
      "share", "p50", "p99", "WAL", "com-", "repeat", "/s", "µs CPU", "tration",
      "", "gres", "µs CPU", "µs CPU", "", "ms", "ms", "bytes", "mits");
}

std::string TableRow(const std::string& name, const Figures& figures) {
  const auto& by_process = figures.server_cpu_us_by_process;
  return absl::StrFormat(
      "%-8s %8.0f | %7.1f = %7.1f + %7.1f + %7.1f | %7.1f | %7.1f %6.3f | "
      "%6.0f %6.0f | %7.0f %6.3f\n",
      name, figures.certificates_per_second, figures.server_cpu_us,
      by_process.at("registration"), by_process.at("ca"),
      by_process.at("postgres"), figures.client_cpu_us, figures.floor_cpu_us,
      figures.share, figures.p50_ms, figures.p99_ms, figures.wal_bytes,
      figures.commits);
}

}  // namespace birthmark::bench
