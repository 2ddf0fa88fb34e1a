// The contract of all stores once more, with a look at the plan of every
// statement, those of triggers too: none reads a large table from end to end.

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "lib/storage/plan_log.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::storage {
namespace {

// Statements that are meant to read all: the preview of a mass revocation.
bool MayReadAll(const LoggedPlan& plan) {
  return absl::StrContains(plan.text, "WITH picked AS");
}

class PlanWatch : public testing::Environment {
 public:
  void SetUp() override {
    tests::PostgresCluster& cluster = tests::PostgresCluster::Shared();
    log_ = std::make_unique<PlanLog>(
        cluster.host(),
        [&](const std::string& sql) { cluster.Sql("postgres", sql); });
  }
  void TearDown() override {
    int plans = 0;
    std::set<std::string> seen;
    for (const LoggedPlan& plan : log_->Plans()) {
      ++plans;
      if (plan.seq_scans.empty() || MayReadAll(plan)) {
        continue;
      }
      const std::string tables = absl::StrJoin(plan.seq_scans, " ");
      if (seen.insert(tables).second) {
        ADD_FAILURE() << "reads all of " << tables << ":\n" << plan.text;
      }
    }
    // The contract is executed by some thousand statements.
    EXPECT_GT(plans, 1000);
  }

 private:
  std::unique_ptr<PlanLog> log_;
};

const auto* const kWatch = testing::AddGlobalTestEnvironment(new PlanWatch);

}  // namespace
}  // namespace birthmark::storage
