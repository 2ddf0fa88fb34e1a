// Contests are what lanes race for: a key, an item id, a board.
#ifndef BIRTHMARK_TESTS_INTEGRATION_RACE_CONTEST_H_
#define BIRTHMARK_TESTS_INTEGRATION_RACE_CONTEST_H_

#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "tests/integration/race_lane.h"

namespace birthmark::tests {

inline constexpr size_t kLanes = 4;

// Contest is a few items of which one gets what all of them want.
struct Contest {
  struct Entry {
    size_t lane;
    size_t index;  // among the lane's items of the round
  };
  // What all losers are told. Empty: who wins what is open, and the database
  // says what is true.
  std::string reason;
  std::vector<Entry> entries;
};

// Round is what all lanes send at the same time.
struct Round {
  std::array<std::vector<LaneItem>, kLanes> items;
  std::vector<Contest> contests;
};

// RoundMaker makes contests of every kind in equal numbers. It takes lanes 0
// and 1 for streams of one batch, lane 2 for another line of their fleet, and
// lane 3 for one of another fleet.
class RoundMaker {
 public:
  explicit RoundMaker(std::mt19937& random) : random_(random) {}

  Round Make(int contests);
  // MakeFree makes items that nobody else wants.
  Round MakeFree(int items_per_lane);

 private:
  void Tangle(const std::string& name, Round& round);

  std::mt19937& random_;
  int made_ = 0;
};

}  // namespace birthmark::tests

#endif  // BIRTHMARK_TESTS_INTEGRATION_RACE_CONTEST_H_
