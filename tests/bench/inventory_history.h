// inventory_history fills the tables of what happened to devices. Each function
// ends the program if it fails.
#ifndef BIRTHMARK_TESTS_BENCH_INVENTORY_HISTORY_H_
#define BIRTHMARK_TESTS_BENCH_INVENTORY_HISTORY_H_

#include <string>

#include "tests/bench/inventory_past.h"

namespace birthmark::bench {

// `host` is the cluster's socket.

// device_events.
void WriteEvents(const std::string& host, const InventoryPast& past);
// firmware_reports, device_firmware.
void WriteFirmware(const std::string& host, const InventoryPast& past);
// quarantines, decommissions, findings.
void WriteActs(const std::string& host, const InventoryPast& past);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_INVENTORY_HISTORY_H_
