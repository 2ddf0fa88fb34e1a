#include "tests/bench/bare_sql.h"

#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/deployment.h"
#include "tests/support/process.h"

namespace birthmark::bench {

std::vector<absl::Duration> TimeBareSql(const std::string& host,
                                        const std::string& folder,
                                        const std::string& script, int times) {
  const std::string file = folder + "/bare.sql";
  tests::WriteFile(file, script);
  const std::string prefix = folder + "/bare";
  // Debian keeps it beside the server, out of the way.
  const tests::ProcessResult result = tests::RunProgram(
      {"sh", "-c",
       absl::StrCat("PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin | tail -1) "
                    "exec pgbench -n -M prepared -c 1 -t ",
                    times, " -l --log-prefix ", prefix, " -f ", file, " -h ",
                    host, " -U postgres birthmark")});
  std::vector<absl::Duration> durations;
  for (const std::string& name : tests::Files(folder, "")) {
    if (!absl::StartsWith(name, "bare.") || name == "bare.sql") {
      continue;
    }
    const std::string log = tests::ReadAll(absl::StrCat(folder, "/", name));
    for (const auto line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
      // client, number, microseconds, …
      const std::vector<std::string> fields = absl::StrSplit(line, ' ');
      int64_t us = 0;
      if (fields.size() > 2 && absl::SimpleAtoi(fields[2], &us)) {
        durations.push_back(absl::Microseconds(us));
      }
    }
    tests::RunProgram({"rm", absl::StrCat(folder, "/", name)});
  }
  if (result.exit_code != 0 || durations.size() != static_cast<size_t>(times)) {
    std::cerr << "pgbench: " << result.out << result.err << std::endl;
    exit(1);
  }
  return durations;
}

}  // namespace birthmark::bench
