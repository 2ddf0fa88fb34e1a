#include "services/status/metrics.h"

#include <string>

namespace birthmark::status {
namespace {

telemetry::Counter& Ocsp(telemetry::Registry& registry,
                         const std::string& result) {
  return registry
      .AddCounter("birthmark_status_ocsp_responses_total",
                  "OCSP responses, by how they came about.", {"result"})
      .With({result});
}

telemetry::Counter& TryLater(telemetry::Registry& registry,
                             const std::string& reason) {
  return registry
      .AddCounter("birthmark_status_ocsp_try_later_total",
                  "OCSP requests answered tryLater, by reason.", {"reason"})
      .With({reason});
}

telemetry::Counter& Pages(telemetry::Registry& registry,
                          const std::string& result) {
  return registry
      .AddCounter("birthmark_status_pages_total",
                  "Requests for CRLs and CA certificates, by result.",
                  {"result"})
      .With({result});
}

telemetry::Gauge& Gauge(telemetry::Registry& registry, const std::string& name,
                        const std::string& help) {
  return registry.AddGauge("birthmark_status_" + name, help).With({});
}

telemetry::Counter& Counter(telemetry::Registry& registry,
                            const std::string& name, const std::string& help) {
  return registry.AddCounter("birthmark_status_" + name, help).With({});
}

}  // namespace

Metrics::Metrics(telemetry::Registry& registry)
    : ocsp_cached(Ocsp(registry, "cached")),
      ocsp_signed(Ocsp(registry, "signed")),
      ocsp_looked_up(Ocsp(registry, "looked_up")),
      ocsp_malformed(Ocsp(registry, "malformed")),
      ocsp_unauthorized(Ocsp(registry, "unauthorized")),
      try_later_queue(TryLater(registry, "queue")),
      try_later_database(TryLater(registry, "database")),
      try_later_responder(TryLater(registry, "responder")),
      try_later_signer(TryLater(registry, "signer")),
      try_later_history(TryLater(registry, "history")),
      lookup_statuses(
          registry
              .AddHistogram("birthmark_status_lookup_certificates",
                            "Certificates looked up by one query.", {},
                            {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024})
              .With({})),
      lookup_seconds(registry
                         .AddHistogram("birthmark_status_lookup_seconds",
                                       "Time that a look-up takes.")
                         .With({})),
      cache_entries(Gauge(registry, "cache_entries",
                          "Certificates whose status is in the cache.")),
      cache_bytes(
          Gauge(registry, "cache_bytes", "Memory that the OCSP cache takes.")),
      cache_evictions(Gauge(registry, "cache_evictions",
                            "Entries that left the OCSP cache for others.")),
      feed_connected(Gauge(registry, "feed_connected",
                           "1 while the changes of revocations are read.")),
      feed_revision(Gauge(registry, "feed_revision",
                          "The newest revision that was read.")),
      feed_lag_seconds(Gauge(registry, "feed_lag_seconds",
                             "Age of what is known of revocations.")),
      feed_changes(Counter(registry, "feed_changes_total",
                           "Changes of revocations that were read.")),
      feed_restarts(Counter(registry, "feed_restarts_total",
                            "Times that the database's history was another "
                            "one, so that the cache was emptied.")),
      feed_trusted(Gauge(registry, "feed_trusted",
                         "0 while the database has forgotten changes that "
                         "were seen here.")),
      responder_not_after(registry.AddGauge(
          "birthmark_status_responder_not_after_seconds",
          "End of the OCSP responder's certificate, Unix time. 0: there is "
          "none.",
          {"issuer"})),
      responder_failures(registry.AddCounter(
          "birthmark_status_responder_failures_total",
          "Attempts to get a responder certificate that failed.", {"issuer"})),
      pages_served(Pages(registry, "served")),
      pages_not_found(Pages(registry, "not_found")),
      pages_unavailable(Pages(registry, "unavailable")),
      crl_cache_bytes(Gauge(registry, "crl_cache_bytes",
                            "Memory that the CRL cache takes.")),
      crl_publisher(Gauge(registry, "crl_publisher",
                          "1 if this process has CRLs published.")),
      crls_published(Counter(registry, "crls_published_total",
                             "CRLs that this process had made.")),
      crl_failures(Counter(registry, "crl_failures_total",
                           "Attempts to have a CRL made that failed.")),
      crl_shards(Gauge(registry, "crl_shards", "CRL shards in force.")),
      crl_pending(Gauge(registry, "crl_pending_shards",
                        "Shards whose CRL lacks a revocation.")),
      crl_pending_seconds(Gauge(registry, "crl_pending_seconds",
                                "For how long the oldest of them does.")),
      crl_expired(Gauge(registry, "crl_expired_shards",
                        "Shards whose CRL has run out.")),
      crl_next_update(Gauge(registry, "crl_next_update_seconds",
                            "When the first CRL runs out, Unix time.")),
      crl_missing_entries(
          Gauge(registry, "crl_missing_entries",
                "Revoked certificates that are not on their CRL.")),
      crl_surplus_entries(
          Gauge(registry, "crl_surplus_entries",
                "Certificates on a CRL that ought not to be there.")),
      invariant_checks(Counter(registry, "invariant_checks_total",
                               "CRLs compared with the database.")),
      invariant_failures(Counter(registry, "invariant_failures_total",
                                 "Comparisons that could not be made.")),
      invariant_last_pass(
          Gauge(registry, "invariant_last_pass_seconds",
                "When every CRL had last been compared, Unix time.")) {}

}  // namespace birthmark::status
