// fuzz_target is what each target of tests/fuzz defines and each runner calls.
// A target takes any bytes; what it promises about those that parse it checks
// with FUZZ_CHECK.
#ifndef BIRTHMARK_TESTS_FUZZ_FUZZ_TARGET_H_
#define BIRTHMARK_TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#define FUZZ_CHECK(condition)                                              \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                        \
    }                                                                      \
  } while (false)

// LLVMFuzzerTestOneInput is libFuzzer's name for a target. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace birthmark::fuzz {

// Seeds returns inputs that the target takes, to start mutations from. They
// hold keys, so they are made at run time and not kept in files.
std::vector<std::string> Seeds();

}  // namespace birthmark::fuzz

#endif  // BIRTHMARK_TESTS_FUZZ_FUZZ_TARGET_H_
