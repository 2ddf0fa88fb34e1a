// past_devices gives a database a past: devices that were provisioned before
// anything is measured.
#ifndef BIRTHMARK_TESTS_BENCH_PAST_DEVICES_H_
#define BIRTHMARK_TESTS_BENCH_PAST_DEVICES_H_

#include <cstdint>

#include "absl/time/time.h"
#include "tests/support/postgres_cluster.h"

namespace birthmark::bench {

// AddPastDevices adds what `count` devices leave behind when a line provisions
// them: device, key, batch item, event, certificate, and an audit entry for the
// device and one for the certificate. Sizes, ids, and the order of ids in time
// are as in production, evenly spread over the last year or since the first
// monthly partition; keys, signatures and hashes of CSRs are noise. The rows
// are written set by set past triggers and foreign keys, the tables vacuumed
// and analyzed, and everything is on disk in the end. `database` must hold the
// current schema. Returns how long it took; ends the program if it fails.
absl::Duration AddPastDevices(tests::PostgresCluster& postgres,
                              const std::string& database, int64_t count);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_PAST_DEVICES_H_
