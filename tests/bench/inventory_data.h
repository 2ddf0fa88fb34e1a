// inventory_data gives a database the inventory of InventoryPast.
#ifndef BIRTHMARK_TESTS_BENCH_INVENTORY_DATA_H_
#define BIRTHMARK_TESTS_BENCH_INVENTORY_DATA_H_

#include <string>

#include "absl/time/time.h"
#include "tests/bench/inventory_past.h"

namespace birthmark::bench {

// InventoryLoad is what it took.
struct InventoryLoad {
  bool loaded = false;  // false: it was there
  absl::Duration time;
  int64_t database_bytes = 0;
};

// LoadInventory has a cluster in `folder` hold the current schema and
// `devices` devices: with keys, certificates, revocations, events, firmware,
// labels, findings and counts, as the services would have written them; but
// for the certificates themselves, which are noise of a certificate's length,
// and the audit log. What an earlier call left is used if it is of the same
// number and schema, and ends the program if not. The rows are written by COPY
// past triggers and indexes, which are made afterwards; the schema is as the
// migrations have it, everything is analyzed and on disk, and the server is
// stopped. Ends the program if anything fails.
InventoryLoad LoadInventory(const std::string& folder, int64_t devices);

// ReadInventoryPast says what LoadInventory has left in `folder`.
InventoryPast ReadInventoryPast(const std::string& folder);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_INVENTORY_DATA_H_
