// RaceJudge compares what lanes were told with each other and with the
// database.
#ifndef BIRTHMARK_TESTS_INTEGRATION_RACE_JUDGE_H_
#define BIRTHMARK_TESTS_INTEGRATION_RACE_JUDGE_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/race_contest.h"
#include "tests/integration/race_lane.h"
#include "tests/support/deployment.h"

namespace birthmark::tests {

// RaceJudge finds fault by failing the test. Used by one thread.
class RaceJudge {
 public:
  // `lanes` must outlive it.
  explicit RaceJudge(const std::vector<std::unique_ptr<Lane>>& lanes)
      : lanes_(lanes), wins_(lanes.size()) {}

  // Compare looks at each contest of a round by itself: one winner, and the
  // losers are told the reason. `told` is by lane, then by item.
  void Compare(const Round& round, const std::vector<std::vector<Told>>& told);

  // CompareWithDatabase judges every answer by what is recorded and every
  // record by what was answered. Call it once, at the end.
  void CompareWithDatabase(Deployment& deployment);

  // wins is how often each lane got a certificate.
  const std::vector<int>& wins() const { return wins_; }

 private:
  using ItemName = std::pair<std::string, std::string>;  // batch, item id
  struct Answer {
    size_t lane;
    LaneItem item;
    Told told;
  };
  // Held is what an item has, for ever. Hashes are in hex.
  struct Held {
    std::string spki_sha256;
    std::string serial_number;
    std::string certificate_sha256;
  };

  void Read(Deployment& deployment);
  void CompareCounts(Deployment& deployment) const;
  bool IsTrue(const ItemName& name, const Answer& answer) const;

  const std::vector<std::unique_ptr<Lane>>& lanes_;
  std::vector<int> wins_;
  int refused_keys_ = 0;
  std::map<ItemName, std::vector<Answer>> told_;

  // What is recorded.
  std::map<ItemName, Held> held_;
  std::map<ItemName, std::string> refused_;  // the reason
  std::map<std::string, ItemName> key_owner_;
  std::map<std::pair<std::string, std::string>, ItemName> board_owner_;
};

}  // namespace birthmark::tests

#endif  // BIRTHMARK_TESTS_INTEGRATION_RACE_JUDGE_H_
