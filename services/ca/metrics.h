#ifndef BIRTHMARK_SERVICES_CA_METRICS_H_
#define BIRTHMARK_SERVICES_CA_METRICS_H_

#include "lib/telemetry/metrics.h"

namespace birthmark::ca {

// Metrics are what the role `ca` counts. Made once for each registry, which
// must outlive it.
struct Metrics {
  explicit Metrics(telemetry::Registry& registry);

  // {profile}
  telemetry::Family<telemetry::Counter>& issued;
  // {profile}: answered from the record, nothing signed.
  telemetry::Family<telemetry::Counter>& replayed;
  // {profile,reason}
  telemetry::Family<telemetry::Counter>& refused;
  // {profile}: a batch from its validation to its commit.
  telemetry::Family<telemetry::Histogram>& batch_seconds;
  // {issuer,made}: whole, incremental, delta.
  telemetry::Family<telemetry::Counter>& crls_signed;
  // {issuer}: CRLs made whole since the incremental way had failed.
  telemetry::Family<telemetry::Counter>& crl_fallbacks;
  // {issuer,made}: what it took to build, lint and sign, delta included.
  telemetry::Family<telemetry::Histogram>& crl_build_seconds;
  // {issuer}: entries of the complete CRL signed last.
  telemetry::Family<telemetry::Gauge>& crl_entries;
  // {}: records (certificates of decommission).
  telemetry::Family<telemetry::Counter>& records_signed;
};

}  // namespace birthmark::ca

#endif  // BIRTHMARK_SERVICES_CA_METRICS_H_
