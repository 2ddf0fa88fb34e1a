// Round is one chaos run: a line has a batch certified while everything around
// it breaks.
#ifndef BIRTHMARK_TESTS_CHAOS_ROUND_H_
#define BIRTHMARK_TESTS_CHAOS_ROUND_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/chaos/cutting_proxy.h"
#include "tests/chaos/folder_watch.h"
#include "tests/chaos/schedule.h"
#include "tests/chaos/supervised.h"
#include "tests/chaos/verdict.h"
#include "tests/support/csr_folder.h"
#include "tests/support/deployment.h"

namespace birthmark::chaos {

// Round is used once, by one thread.
class Round {
 public:
  // Makes a deployment whose links go through proxies, and the CSRs.
  Round(uint64_t seed, size_t items);
  ~Round();

  // Run runs the batch to its end, judges, and tells `out` what happened. True
  // if nothing was lost or doubled and nobody had to help.
  bool Run(std::ostream& out);

 private:
  // Where the strikes of a link go.
  CuttingProxy& LinkOf(Fault fault);
  std::string ProxyDatabase(const std::string& role);
  void Supervise();

  void Strike(const chaos::Strike& strike, absl::Duration now);
  void StrikeLink(const chaos::Strike& strike, absl::Duration now);
  // Step does what is due. False if there has been no progress for too long.
  bool Step();
  void TakeStrikes(size_t count, absl::Duration now);
  bool Over() const;
  std::vector<Check> Checks();
  Check Faults() const;
  Check Helpless() const;
  void Tell(std::ostream& out) const;

  const size_t items_;
  const std::vector<chaos::Strike> schedule_;
  tests::Deployment deployment_;
  const std::string line_;
  const std::string client_dir_;
  const std::string out_dir_;
  tests::CsrFolder csrs_;
  std::unique_ptr<FolderWatch> watch_;
  std::unique_ptr<CuttingProxy> client_link_;
  std::unique_ptr<CuttingProxy> ca_link_;
  std::unique_ptr<CuttingProxy> registration_database_;
  std::unique_ptr<CuttingProxy> ca_database_;
  SupervisedPostgres postgres_;
  std::unique_ptr<Supervised> ca_;
  std::unique_ptr<Supervised> registration_;
  std::unique_ptr<Supervised> client_;

  size_t next_ = 0;  // of the schedule
  std::multimap<absl::Duration, std::function<void(absl::Duration)>> due_;
  size_t last_count_ = 0;
  size_t struck_at_ = 0;
  absl::Duration start_;
  absl::Duration last_step_;
  absl::Duration last_progress_;
  int struck_in_time_ = 0;
  std::set<Fault> faults_in_time_;
};

}  // namespace birthmark::chaos

#endif  // BIRTHMARK_TESTS_CHAOS_ROUND_H_
