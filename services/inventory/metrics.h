// Metrics are those of the role `inventory`. README.md lists them.

#ifndef BIRTHMARK_SERVICES_INVENTORY_METRICS_H_
#define BIRTHMARK_SERVICES_INVENTORY_METRICS_H_

#include "lib/telemetry/metrics.h"

namespace birthmark::inventory {

// Metrics is thread-safe. The registry must outlive it.
struct Metrics {
  explicit Metrics(telemetry::Registry& registry);

  // Jobs over many devices that this process has seen at work, devices that it
  // has gone through for them, and steps that failed.
  telemetry::Gauge& device_jobs;
  telemetry::Counter& job_devices;
  telemetry::Counter& job_errors;
  // What upkeep did: changes added up, decommissions ended and certified,
  // answers of old requests forgotten.
  telemetry::Counter& counts_folded;
  telemetry::Counter& decommissions_ended;
  telemetry::Counter& decommissions_certified;
  telemetry::Counter& requests_pruned;
  // How long the oldest decommission without certificate has waited for it, and
  // how many wait, up to a batch.
  telemetry::Gauge& certificate_wait_seconds;
  telemetry::Gauge& uncertified;
  // By task of upkeep: when it last went well (seconds since 1970), and how
  // often it failed.
  telemetry::Family<telemetry::Gauge>& upkeep_success_time;
  telemetry::Family<telemetry::Counter>& upkeep_errors;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_METRICS_H_
