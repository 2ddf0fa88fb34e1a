// A schedule says what breaks when in a chaos run. It follows from a seed.
#ifndef BIRTHMARK_TESTS_CHAOS_SCHEDULE_H_
#define BIRTHMARK_TESTS_CHAOS_SCHEDULE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace birthmark::chaos {

// What may be struck, and how. A kill is SIGKILL, for PostgreSQL of all its
// processes; a cut resets every connection of a link, again and again while it
// lasts; a stall lets a link swallow everything in silence.
enum class Fault {
  kKillCa,
  kKillRegistration,
  kKillPostgres,
  kKillClient,
  kCutClientToRegistration,
  kCutRegistrationToCa,
  kCutRegistrationToPostgres,
  kCutCaToPostgres,
  kStallClientToRegistration,
  kStallRegistrationToCa,
  kStallRegistrationToPostgres,
  kStallCaToPostgres,
};
inline constexpr std::array kAllFaults = {
    Fault::kKillCa,
    Fault::kKillRegistration,
    Fault::kKillPostgres,
    Fault::kKillClient,
    Fault::kCutClientToRegistration,
    Fault::kCutRegistrationToCa,
    Fault::kCutRegistrationToPostgres,
    Fault::kCutCaToPostgres,
    Fault::kStallClientToRegistration,
    Fault::kStallRegistrationToCa,
    Fault::kStallRegistrationToPostgres,
    Fault::kStallCaToPostgres,
};

// Name is for people: "kill ca", "stall registration-postgres".
absl::string_view Name(Fault fault);

struct Strike {
  // How many certificates the client has by then: progress, not time, so that a
  // seed means the same on a slow machine.
  size_t at = 0;
  Fault fault = Fault::kKillCa;
  // It comes so much later. Those with the same `at` are a salvo.
  absl::Duration delay;
  // Until it is mended.
  absl::Duration length;
};

// MakeSchedule spreads strikes over `items`: every fault at least once, more
// the more items there are, a quarter of them while another is not mended yet.
// In order of `at`. A pure function.
std::vector<Strike> MakeSchedule(uint64_t seed, size_t items);

// ToText is one line for people: "at 1200 + 0.05 s: kill ca for 0.4 s".
std::string ToText(const Strike& strike);

}  // namespace birthmark::chaos

#endif  // BIRTHMARK_TESTS_CHAOS_SCHEDULE_H_
