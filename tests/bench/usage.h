// Usage is what a deployment has used up to a moment; the difference of two is
// what a measurement cost.
#ifndef BIRTHMARK_TESTS_BENCH_USAGE_H_
#define BIRTHMARK_TESTS_BENCH_USAGE_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "tests/support/deployment.h"

namespace birthmark::bench {

struct Usage {
  absl::Duration time;  // on the monotonic clock
  // CPU time of the servers, by process. "postgres" is the whole server: all
  // sessions and background processes.
  std::map<std::string, absl::Duration> servers;
  absl::Duration client;   // this process
  absl::Duration machine;  // everything, charged to a process or not
};

Usage operator-(const Usage& end, const Usage& start);

// UsageNow reads the accounts of a deployment with a process per role.
Usage UsageNow(tests::Deployment& deployment);

// DatabaseUse is what PostgreSQL itself counts.
struct DatabaseUse {
  int64_t commits = 0;  // of the database birthmark, reading ones too
  int64_t wal_bytes = 0;
  int64_t full_pages = 0;  // of the pages in the log that are there whole
  int64_t checkpoints = 0;
};

DatabaseUse operator-(const DatabaseUse& end, const DatabaseUse& start);

// DatabaseUseNow asks the database, which costs it some milliseconds.
DatabaseUse DatabaseUseNow(tests::Deployment& deployment);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_USAGE_H_
