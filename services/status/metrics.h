// Metrics are those of the role `status`. README.md lists them.

#ifndef BIRTHMARK_SERVICES_STATUS_METRICS_H_
#define BIRTHMARK_SERVICES_STATUS_METRICS_H_

#include "lib/telemetry/metrics.h"

namespace birthmark::status {

// Metrics is thread-safe. The registry must outlive it.
struct Metrics {
  explicit Metrics(telemetry::Registry& registry);

  // OCSP answers, by how they came about.
  telemetry::Counter& ocsp_cached;     // a response as it lay in the cache
  telemetry::Counter& ocsp_signed;     // signed, the status was in the cache
  telemetry::Counter& ocsp_looked_up;  // signed, the status was looked up
  telemetry::Counter& ocsp_malformed;
  telemetry::Counter& ocsp_unauthorized;  // an issuer that is not known here
  // tryLater, by reason.
  telemetry::Counter& try_later_queue;      // too many look-ups wait
  telemetry::Counter& try_later_database;   // a look-up failed
  telemetry::Counter& try_later_responder;  // no responder certificate
  telemetry::Counter& try_later_signer;     // a signature failed
  telemetry::Counter& try_later_history;    // the database has forgotten
  telemetry::Histogram& lookup_statuses;    // certificates per look-up
  telemetry::Histogram& lookup_seconds;

  telemetry::Gauge& cache_entries;
  telemetry::Gauge& cache_bytes;
  telemetry::Gauge& cache_evictions;

  telemetry::Gauge& feed_connected;
  telemetry::Gauge& feed_revision;
  telemetry::Gauge& feed_lag_seconds;
  telemetry::Counter& feed_changes;
  telemetry::Counter& feed_restarts;
  telemetry::Gauge& feed_trusted;

  telemetry::Family<telemetry::Gauge>& responder_not_after;  // by issuer
  telemetry::Family<telemetry::Counter>& responder_failures;

  // Requests for CRLs and certificates, by outcome.
  telemetry::Counter& pages_served;
  telemetry::Counter& pages_not_found;
  telemetry::Counter& pages_unavailable;
  telemetry::Gauge& crl_cache_bytes;

  telemetry::Gauge& crl_publisher;  // 1: this process has CRLs published
  telemetry::Counter& crls_published;
  telemetry::Counter& crl_failures;
  telemetry::Gauge& crl_shards;
  telemetry::Gauge& crl_pending;          // shards whose CRL lacks a change
  telemetry::Gauge& crl_pending_seconds;  // since when, the oldest
  telemetry::Gauge& crl_expired;          // shards without a CRL in force
  telemetry::Gauge& crl_next_update;      // the first of all, Unix time

  telemetry::Gauge& crl_missing_entries;
  telemetry::Gauge& crl_surplus_entries;
  telemetry::Counter& invariant_checks;
  telemetry::Counter& invariant_failures;
  telemetry::Gauge& invariant_last_pass;
};

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_METRICS_H_
