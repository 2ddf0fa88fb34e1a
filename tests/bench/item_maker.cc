#include "tests/bench/item_maker.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/support/csr_folder.h"

namespace birthmark::bench {

std::vector<Item> MakeItems(
    size_t count, absl::string_view prefix,
    std::vector<std::unique_ptr<keys::LocalKey>>* keys) {
  std::vector<Item> items(count);
  if (keys != nullptr) {
    keys->resize(count);
  }
  const auto make = [&](size_t i) {
    auto key = keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256);
    if (!key.ok()) {
      std::abort();
    }
    items[i].set_item_id(absl::StrCat(prefix, "-", i));
    items[i].set_csr_der(tests::MakeCsr(**key));
    items[i].set_model("gateway-7");
    items[i].set_serial_number(absl::StrCat("SN-", prefix, "-", i));
    items[i].set_hardware_revision("B");
    if (keys != nullptr) {
      (*keys)[i] = *std::move(key);
    }
  };
  const size_t threads = std::thread::hardware_concurrency();
  std::vector<std::thread> workers;
  for (size_t first = 0; first < threads; ++first) {
    workers.emplace_back([&, first] {
      for (size_t i = first; i < count; i += threads) {
        make(i);
      }
    });
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  return items;
}

size_t ItemNumber(absl::string_view item_id) {
  const size_t dash = item_id.rfind('-');
  uint64_t number = 0;
  if (dash == absl::string_view::npos ||
      !absl::SimpleAtoi(item_id.substr(dash + 1), &number)) {
    return SIZE_MAX;
  }
  return number;
}

}  // namespace birthmark::bench
