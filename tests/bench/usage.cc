#include "tests/bench/usage.h"

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/base/clock.h"
#include "tests/bench/cpu_account.h"

namespace birthmark::bench {
namespace {

// The counters of sessions come with up to a second's delay.
constexpr char kDatabaseUse[] = R"(
    SELECT d.xact_commit, pg_current_wal_insert_lsn() - '0/0', w.wal_fpi,
           b.checkpoints_timed + b.checkpoints_req
    FROM pg_stat_database d, pg_stat_wal w, pg_stat_bgwriter b
    WHERE d.datname = 'birthmark')";

}  // namespace

Usage operator-(const Usage& end, const Usage& start) {
  Usage used = end;
  used.time -= start.time;
  for (auto& [name, cpu] : used.servers) {
    cpu -= start.servers.at(name);
  }
  used.client -= start.client;
  used.machine -= start.machine;
  return used;
}

Usage UsageNow(tests::Deployment& deployment) {
  Usage usage;
  for (const char* role : {"ca", "registration"}) {
    usage.servers[role] = ProcessCpu(deployment.process(role).pid());
  }
  usage.servers["postgres"] = TreeCpu(deployment.postgres().postmaster());
  usage.client = ProcessCpu(getpid());
  usage.machine = MachineCpu();
  usage.time = Clock::Real().MonotonicNow();
  return usage;
}

DatabaseUse operator-(const DatabaseUse& end, const DatabaseUse& start) {
  return {.commits = end.commits - start.commits,
          .wal_bytes = end.wal_bytes - start.wal_bytes,
          .full_pages = end.full_pages - start.full_pages,
          .checkpoints = end.checkpoints - start.checkpoints};
}

DatabaseUse DatabaseUseNow(tests::Deployment& deployment) {
  const std::string row = deployment.postgres().Sql("birthmark", kDatabaseUse);
  const std::vector<std::string> fields =
      absl::StrSplit(absl::StripSuffix(row, "\n"), '|');
  DatabaseUse use;
  if (fields.size() != 4 || !absl::SimpleAtoi(fields[0], &use.commits) ||
      !absl::SimpleAtoi(fields[1], &use.wal_bytes) ||
      !absl::SimpleAtoi(fields[2], &use.full_pages) ||
      !absl::SimpleAtoi(fields[3], &use.checkpoints)) {
    std::cerr << "the database's counters are not as expected: " << row
              << std::endl;
    exit(1);
  }
  return use;
}

}  // namespace birthmark::bench
