// Writes the target's seeds into the corpus directory that libFuzzer was given
// first, since they hold keys and are in no repository.
#include <fstream>

#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  for (int i = 1; i < *argc; ++i) {
    const char* argument = (*argv)[i];
    if (argument[0] == '-') {
      continue;
    }
    int number = 0;
    for (const std::string& seed : birthmark::fuzz::Seeds()) {
      std::ofstream(std::string(argument) + "/seed_" + std::to_string(number++),
                    std::ios::binary)
          << seed;
    }
    break;
  }
  return 0;
}
