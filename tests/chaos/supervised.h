// Supervised keeps a program running, as a supervisor in production does: one
// that has ended is started again with the same command.
#ifndef BIRTHMARK_TESTS_CHAOS_SUPERVISED_H_
#define BIRTHMARK_TESTS_CHAOS_SUPERVISED_H_

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/support/postgres_cluster.h"
#include "tests/support/process.h"

namespace birthmark::chaos {

// Whether a program that ends with exit code 0 has done its work.
enum class Ends { kNever, kWithSuccess };

// Supervised is not thread-safe. Times are those of Clock::MonotonicNow.
class Supervised {
 public:
  // Starts the program; its output is appended to PREFIX.out and PREFIX.err.
  Supervised(std::vector<std::string> arguments, std::string prefix, Ends ends);

  // Tend starts the program if it has ended and its time has come. Call it
  // often.
  void Tend(absl::Duration now);
  // Kill ends it with SIGKILL; it stays away until `until`.
  void Kill(absl::Duration until);

  bool done() const { return done_; }
  bool running() { return process_ != nullptr && process_->Running(); }
  int starts() const { return starts_; }
  // exits are the codes with which it ended by itself without success.
  const std::vector<int>& exits() const { return exits_; }
  std::string Err() const { return tests::ReadAll(prefix_ + ".err"); }

 private:
  void Start();

  const std::vector<std::string> arguments_;
  const std::string prefix_;
  const Ends ends_;
  std::unique_ptr<tests::Process> process_;
  absl::Duration not_before_ = absl::ZeroDuration();
  int starts_ = 0;
  bool done_ = false;
  std::vector<int> exits_;
};

// SupervisedPostgres is the same for a PostgreSQL. It may be killed while it
// recovers from the last time. `cluster` must outlive it and belongs to it.
class SupervisedPostgres {
 public:
  explicit SupervisedPostgres(tests::PostgresCluster& cluster)
      : cluster_(cluster) {}

  void Tend(absl::Duration now);
  void Kill(absl::Duration until);

  bool running() const { return !down_; }
  // recoveries is how often it came up again.
  int recoveries() const { return recoveries_; }

 private:
  tests::PostgresCluster& cluster_;
  bool down_ = false;
  bool killed_since_start_ = false;
  absl::Duration not_before_ = absl::ZeroDuration();
  int recoveries_ = 0;
  std::future<bool> starting_;  // valid while it starts
};

}  // namespace birthmark::chaos

#endif  // BIRTHMARK_TESTS_CHAOS_SUPERVISED_H_
