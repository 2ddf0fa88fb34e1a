#include "tests/chaos/schedule.h"

#include <algorithm>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"

namespace birthmark::chaos {
namespace {

// One strike for so many items, if that is more than one of each fault.
constexpr size_t kItemsPerStrike = 200;

// Between and not a distribution of the library, which may differ between
// compilers: a seed shall mean the same everywhere.
uint64_t Between(uint64_t low, uint64_t high, std::mt19937_64& random) {
  return low + random() % (high - low + 1);
}

absl::Duration Milliseconds(uint64_t low, uint64_t high,
                            std::mt19937_64& random) {
  return absl::Milliseconds(static_cast<int64_t>(Between(low, high, random)));
}

Strike MakeStrike(Fault fault, size_t at, std::mt19937_64& random) {
  Strike strike = {.at = at, .fault = fault};
  // Mostly short, sometimes beyond what the server retries by itself.
  const bool is_long = Between(1, 8, random) == 1;
  strike.length =
      is_long ? Milliseconds(1000, 4000, random) : Milliseconds(0, 800, random);
  return strike;
}

}  // namespace

absl::string_view Name(Fault fault) {
  switch (fault) {
    case Fault::kKillCa:
      return "kill ca";
    case Fault::kKillRegistration:
      return "kill registration";
    case Fault::kKillPostgres:
      return "kill postgres";
    case Fault::kKillClient:
      return "kill client";
    case Fault::kCutClientToRegistration:
      return "cut client-registration";
    case Fault::kCutRegistrationToCa:
      return "cut registration-ca";
    case Fault::kCutRegistrationToPostgres:
      return "cut registration-postgres";
    case Fault::kCutCaToPostgres:
      return "cut ca-postgres";
    case Fault::kStallClientToRegistration:
      return "stall client-registration";
    case Fault::kStallRegistrationToCa:
      return "stall registration-ca";
    case Fault::kStallRegistrationToPostgres:
      return "stall registration-postgres";
    case Fault::kStallCaToPostgres:
      return "stall ca-postgres";
  }
  return "";
}

std::vector<Strike> MakeSchedule(uint64_t seed, size_t items) {
  std::mt19937_64 random(seed);
  std::vector<Fault> faults(kAllFaults.begin(), kAllFaults.end());
  // One of each comes before the rest, so that none comes too late.
  for (size_t i = faults.size() - 1; i > 0; --i) {
    std::swap(faults[i], faults[Between(0, i, random)]);
  }
  while (faults.size() < items / kItemsPerStrike) {
    // Half of them kills, which stand first.
    const size_t last = Between(1, 2, random) == 1
                            ? static_cast<size_t>(Fault::kKillClient)
                            : kAllFaults.size() - 1;
    faults.push_back(kAllFaults[Between(0, last, random)]);
  }
  // Not at the very end, where there is nothing left to break.
  std::vector<size_t> places;
  for (size_t i = 0; i < faults.size(); ++i) {
    places.push_back(Between(items / 100, items * 4 / 5, random));
  }
  std::sort(places.begin(), places.end());
  std::vector<Strike> strikes;
  for (size_t i = 0; i < faults.size(); ++i) {
    const bool joins = i > 0 && Between(1, 4, random) == 1;
    Strike strike = MakeStrike(faults[i], places[i], random);
    // Not just when a result has come, but at any time between two.
    strike.delay = Milliseconds(0, 80, random);
    if (joins) {
      strike.at = strikes.back().at;
      strike.delay += strikes.back().delay + Milliseconds(0, 400, random);
    }
    strikes.push_back(strike);
  }
  return strikes;
}

std::string ToText(const Strike& strike) {
  return absl::StrFormat("at %d + %.2f s: %s for %.1f s", strike.at,
                         absl::ToDoubleSeconds(strike.delay),
                         Name(strike.fault),
                         absl::ToDoubleSeconds(strike.length));
}

}  // namespace birthmark::chaos
