// Has a line certify batches while everything is killed and cut around it, and
// checks that nothing is lost or doubled. docs/reliability.md.
#include <cstdint>
#include <iostream>
#include <random>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "tests/chaos/round.h"

int main(int argc, char** argv) {
  int rounds = 1;
  size_t items = 20000;
  uint32_t seed = std::random_device()();
  CLI::App app(
      "Has a line certify a batch while a driver kills and cuts everything "
      "around it,\nand checks that nothing is lost or doubled.");
  app.add_option("--rounds", rounds, "batches, each with a seed of its own")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  app.add_option("--items", items, "devices of a batch")
      ->capture_default_str()
      ->check(CLI::Range(100, 1000000));
  app.add_option("--seed", seed,
                 "of the first round; the next has the next number [random]");
  CLI11_PARSE(app, argc, argv);

  int failed = 0;
  for (int round = 0; round < rounds; ++round) {
    const uint32_t own_seed = seed + static_cast<uint32_t>(round);
    std::cout << absl::StrFormat(
                     "round %d of %d: --rounds 1 --items %d --seed %d",
                     round + 1, rounds, items, own_seed)
              << std::endl;
    const bool passed = birthmark::chaos::Round(own_seed, items).Run(std::cout);
    failed += passed ? 0 : 1;
  }
  std::cout << absl::StrFormat("%d of %d rounds passed", rounds - failed,
                               rounds)
            << std::endl;
  return failed == 0 ? 0 : 1;
}
