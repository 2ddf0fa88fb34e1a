#include "services/ca/metrics.h"

namespace birthmark::ca {

Metrics::Metrics(telemetry::Registry& registry)
    : issued(registry.AddCounter("birthmark_ca_certificates_issued_total",
                                 "Certificates signed and committed.",
                                 {"profile"})),
      replayed(registry.AddCounter(
          "birthmark_ca_certificates_replayed_total",
          "Requests answered with a certificate recorded before.",
          {"profile"})),
      refused(registry.AddCounter("birthmark_ca_requests_refused_total",
                                  "Requests that got no certificate.",
                                  {"profile", "reason"})),
      batch_seconds(registry.AddHistogram(
          "birthmark_ca_batch_seconds",
          "A batch from its validation to its commit.", {"profile"})),
      crls_signed(registry.AddCounter("birthmark_ca_crls_signed_total",
                                      "CRLs signed and committed.",
                                      {"issuer", "made"})),
      crl_fallbacks(registry.AddCounter(
          "birthmark_ca_crl_fallbacks_total",
          "CRLs made whole because they could not be made from the one before.",
          {"issuer"})),
      crl_build_seconds(registry.AddHistogram(
          "birthmark_ca_crl_build_seconds",
          "Building, linting and signing a CRL.", {"issuer", "made"})),
      crl_entries(registry.AddGauge("birthmark_ca_crl_entries",
                                    "Entries of the CRL signed last.",
                                    {"issuer"})),
      records_signed(registry.AddCounter("birthmark_ca_records_signed_total",
                                         "Records signed.")) {}

}  // namespace birthmark::ca
