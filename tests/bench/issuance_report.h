// issuance_report turns measurements of bulk issuance into figures, and prints
// them for people and for programs. Pure functions.
#ifndef BIRTHMARK_TESTS_BENCH_ISSUANCE_REPORT_H_
#define BIRTHMARK_TESTS_BENCH_ISSUANCE_REPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "tests/bench/floor.h"
#include "tests/bench/usage.h"

namespace birthmark::bench {

// Repeat is one measurement.
struct Repeat {
  Usage used;
  DatabaseUse database;
  uint64_t certificates = 0;
  // Of each certificate, in any order.
  std::vector<absl::Duration> latencies;
  // Means of what was measured right before and right after.
  Floor floor;
  Floor floor_on_all_cores;
};

// Figures are what a repeat comes to; times are microseconds for one
// certificate unless the name says else.
struct Figures {
  double certificates_per_second = 0;
  double server_cpu_us = 0;
  std::map<std::string, double> server_cpu_us_by_process;
  double client_cpu_us = 0;
  double machine_cpu_us = 0;
  double floor_cpu_us = 0;
  double floor_all_cores_cpu_us = 0;
  double share = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double commits = 0;
  double wal_bytes = 0;
  double wal_full_pages = 0;
  double checkpoints = 0;  // in all
};

Figures FiguresOf(const Repeat& repeat);

// Median takes the median of each figure by itself.
Figures Median(const std::vector<Figures>& all);

nlohmann::json ToJson(const Figures& figures);

// TableHead and TableRow print a table for people, a row a repeat.
std::string TableHead();
std::string TableRow(const std::string& name, const Figures& figures);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_ISSUANCE_REPORT_H_
