// Metrics are those of the role `registration`. README.md lists them.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_METRICS_H_
#define BIRTHMARK_SERVICES_REGISTRATION_METRICS_H_

#include "lib/telemetry/metrics.h"

namespace birthmark::registration {

// Metrics is thread-safe. The registry must outlive it.
struct Metrics {
  explicit Metrics(telemetry::Registry& registry);

  // Items answered with a new certificate, with one that was there already, or
  // with an error.
  telemetry::Counter& items_issued;
  telemetry::Counter& items_repeated;
  telemetry::Counter& items_refused;
  // Keys of CSRs that somebody has had certified before.
  telemetry::Counter& keys_reused;
  // Streams that are open, and items on them that wait for their answer.
  telemetry::Gauge& streams;
  telemetry::Gauge& items_in_flight;
  // Items that the open streams may have unanswered, all together, and streams
  // that were refused because there was nothing left to grant.
  telemetry::Gauge& items_granted;
  telemetry::Counter& opens_refused;
  // Items per micro-batch, and how long its steps take.
  telemetry::Histogram& micro_batch_items;
  telemetry::Histogram& check_seconds;
  telemetry::Histogram& admit_seconds;
  telemetry::Histogram& sign_seconds;
  // 1 for the arithmetic that verifies proofs of possession, by its name.
  telemetry::Family<telemetry::Gauge>& crypto_backend;
  // The newest revocation that this process has read, and that its journal has.
  telemetry::Gauge& revision;
  telemetry::Gauge& journal_revision;
  telemetry::Gauge& journal_bytes;
  // Revocations that were answered before the journal had them.
  telemetry::Counter& journal_errors;
  // What a restored database got back from the journal.
  telemetry::Counter& revocations_restored;
  // WatchRevocations streams that are open.
  telemetry::Gauge& watchers;
  // Mass revocations that this process has seen at work, what it has revoked
  // for them, and steps that failed.
  telemetry::Gauge& revocation_jobs;
  telemetry::Counter& job_revocations;
  telemetry::Counter& job_errors;
  // Keys that were reported with a proof of possession.
  telemetry::Counter& keys_reported;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_METRICS_H_
