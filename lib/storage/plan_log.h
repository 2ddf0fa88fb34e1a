// PlanLog has PostgreSQL log the plan of every statement that the services'
// roles execute, those of triggers and functions too, with what it really read.
// Only for lib/storage's tests.

#ifndef BIRTHMARK_LIB_STORAGE_PLAN_LOG_H_
#define BIRTHMARK_LIB_STORAGE_PLAN_LOG_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace birthmark::storage {

// LoggedPlan is a statement, how it was executed, and what of that is too much.
struct LoggedPlan {
  std::string text;                    // of statement and plan
  std::vector<std::string> seq_scans;  // of large tables
  int64_t rows_read = 0;  // the most that one scan of a large one read
  int64_t buffers = 0;    // pages touched
  double milliseconds = 0;
};

class PlanLog {
 public:
  // Sessions that begin from now on are logged. `host` is the server's socket,
  // as PostgresCluster has it, `sql` executes a statement as the superuser.
  PlanLog(const std::string& host,
          const std::function<void(const std::string&)>& sql);
  // Plans returns what was logged since the last call.
  std::vector<LoggedPlan> Plans();

  // IsLarge tells whether a table, or the one that it is a partition of, grows
  // with the devices or with what happens to them.
  static bool IsLarge(absl::string_view table);

 private:
  const std::string path_;
  size_t read_ = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PLAN_LOG_H_
