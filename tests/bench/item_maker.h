// item_maker makes the devices that a benchmark has certified: each with a key
// of its own, made before anything is measured.
#ifndef BIRTHMARK_TESTS_BENCH_ITEM_MAKER_H_
#define BIRTHMARK_TESTS_BENCH_ITEM_MAKER_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "lib/keys/local_key.h"

namespace birthmark::bench {

using Item = provisioning::v1::IssueBatchRequest::Item;

// MakeItems makes `count` items with distinct P-256 keys, on all processors.
// Their ids are "PREFIX-N" with N from 0, their serial numbers follow from
// that. The keys go to `keys` if that is given, else they are forgotten.
std::vector<Item> MakeItems(
    size_t count, absl::string_view prefix,
    std::vector<std::unique_ptr<keys::LocalKey>>* keys = nullptr);

// ItemNumber returns the N of an item's id, or SIZE_MAX.
size_t ItemNumber(absl::string_view item_id);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_ITEM_MAKER_H_
