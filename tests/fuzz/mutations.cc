// Feeds a target its seeds, their prefixes, and mutations of them. The same
// inputs in every run: what fails here fails again. For long runs with
// coverage there is libFuzzer (README.md).
#include <algorithm>
#include <random>

#include "gtest/gtest.h"
#include "tests/fuzz/fuzz_target.h"

namespace birthmark::fuzz {
namespace {

constexpr int kMutationsPerSeed = 20000;
constexpr size_t kMaxSize = 4096;

void Feed(const std::string& input) {
  ASSERT_EQ(LLVMFuzzerTestOneInput(
                reinterpret_cast<const uint8_t*>(input.data()), input.size()),
            0);
}

class Mutator {
 public:
  explicit Mutator(std::vector<std::string> seeds) : seeds_(std::move(seeds)) {}

  std::string Mutate(std::string input) {
    for (size_t changes = 1 + Below(4); changes > 0; --changes) {
      MutateOnce(&input);
    }
    input.resize(std::min(input.size(), kMaxSize));
    return input;
  }

 private:
  size_t Below(size_t end) { return end == 0 ? 0 : random_() % end; }

  char InterestingOctet() {
    // Ends of length and sign, and tags that change what a field is.
    constexpr unsigned char kOctets[] = {
        0x00, 0x01, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xff, 0x02, 0x03, 0x04, 0x05,
        0x06, 0x0c, 0x13, 0x17, 0x18, 0x30, 0x31, 0xa0, 0xa3, '-',  '\n', '='};
    return static_cast<char>(kOctets[Below(sizeof(kOctets))]);
  }

  void MutateOnce(std::string* input) {
    if (input->empty()) {
      input->push_back(InterestingOctet());
      return;
    }
    const size_t at = Below(input->size());
    const size_t length = Below(std::min<size_t>(32, input->size() - at) + 1);
    const std::string& other = seeds_[Below(seeds_.size())];
    switch (Below(8)) {
      case 0:
        (*input)[at] ^= static_cast<char>(1 << Below(8));
        break;
      case 1:
        (*input)[at] = InterestingOctet();
        break;
      case 2:
        (*input)[at] = static_cast<char>((*input)[at] + (Below(2) ? 1 : -1));
        break;
      case 3:
        input->erase(at, length);
        break;
      case 4:
        input->insert(at, 1, InterestingOctet());
        break;
      case 5:
        input->insert(Below(input->size()), input->substr(at, length));
        break;
      case 6:
        input->resize(at);
        break;
      default:
        if (!other.empty()) {
          const size_t from = Below(other.size());
          input->replace(at, length, other.substr(from, Below(64)));
        }
    }
  }

  std::vector<std::string> seeds_;
  std::mt19937 random_{20260101};
};

TEST(MutationsTest, SeedsAndTheirPrefixesAreTaken) {
  const std::vector<std::string> seeds = Seeds();
  ASSERT_FALSE(seeds.empty());
  Feed("");
  for (const std::string& seed : seeds) {
    for (size_t size = 0; size <= seed.size(); ++size) {
      Feed(seed.substr(0, size));
    }
  }
}

TEST(MutationsTest, MutationsOfSeedsBreakNoPromise) {
  const std::vector<std::string> seeds = Seeds();
  Mutator mutator(seeds);
  for (const std::string& seed : seeds) {
    for (int i = 0; i < kMutationsPerSeed; ++i) {
      Feed(mutator.Mutate(seed));
    }
  }
}

}  // namespace
}  // namespace birthmark::fuzz
