// The verdict on a chaos run: whether the client's files, the database and the
// audit log say the same, and everything exactly once.
#ifndef BIRTHMARK_TESTS_CHAOS_VERDICT_H_
#define BIRTHMARK_TESTS_CHAOS_VERDICT_H_

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/deployment.h"

namespace birthmark::chaos {

// Check is one thing that was looked at, so many times.
struct Check {
  std::string name;
  size_t count = 0;
  std::vector<std::string> faults;
};

// What the client had, and what came of it.
struct Evidence {
  std::string csr_dir;
  std::vector<std::string> item_ids;
  // Every content that any file of the output folder ever had, by name.
  std::map<std::string, std::set<std::string>> contents;
};

// Judge looks at a deployment that nobody uses any more, whose only devices are
// those of `evidence`. All is well if no check has a fault.
std::vector<Check> Judge(tests::Deployment& deployment,
                         const Evidence& evidence);

}  // namespace birthmark::chaos

#endif  // BIRTHMARK_TESTS_CHAOS_VERDICT_H_
