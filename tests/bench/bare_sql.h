// bare_sql measures statements with nothing around them.
#ifndef BIRTHMARK_TESTS_BENCH_BARE_SQL_H_
#define BIRTHMARK_TESTS_BENCH_BARE_SQL_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace birthmark::bench {

// TimeBareSql has pgbench execute `script` (its language) `times` times over
// one connection to the cluster at `host`, prepared, and returns how long each
// took. Files go to `folder`. Ends the program if that fails.
std::vector<absl::Duration> TimeBareSql(const std::string& host,
                                        const std::string& folder,
                                        const std::string& script, int times);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_BARE_SQL_H_
