// inventory_tables fills the tables of devices and what they have. Each
// function ends the program if it fails.
#ifndef BIRTHMARK_TESTS_BENCH_INVENTORY_TABLES_H_
#define BIRTHMARK_TESTS_BENCH_INVENTORY_TABLES_H_

#include <string>

#include "tests/bench/inventory_past.h"

namespace birthmark::bench {

// `host` is the cluster's socket.

void WriteDevices(const std::string& host, const InventoryPast& past);
void WriteKeys(const std::string& host, const InventoryPast& past);
void WriteCertificates(const std::string& host, const InventoryPast& past);
// Revocations alone; revocation_changes follow from them.
void WriteRevocations(const std::string& host, const InventoryPast& past);
void WriteLabels(const std::string& host, const InventoryPast& past);
// device_counts, firmware_digests.
void WriteCounts(const std::string& host, const InventoryPast& past);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_INVENTORY_TABLES_H_
