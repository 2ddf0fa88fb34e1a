#include "services/inventory/metrics.h"

namespace birthmark::inventory {

Metrics::Metrics(telemetry::Registry& registry)
    : device_jobs(registry
                      .AddGauge("birthmark_inventory_device_jobs",
                                "Device jobs that this process has seen at "
                                "work.")
                      .With({})),
      job_devices(registry
                      .AddCounter("birthmark_inventory_job_devices_total",
                                  "Devices that this process has gone through "
                                  "for device jobs.")
                      .With({})),
      job_errors(registry
                     .AddCounter("birthmark_inventory_job_errors_total",
                                 "Steps of device jobs that failed.")
                     .With({})),
      counts_folded(registry
                        .AddCounter("birthmark_inventory_counts_folded_total",
                                    "Changes of the counts of devices that "
                                    "were added up.")
                        .With({})),
      decommissions_ended(
          registry
              .AddCounter("birthmark_inventory_decommissions_ended_total",
                          "Decommissions that ended after a wipe or its "
                          "deadline.")
              .With({})),
      decommissions_certified(
          registry
              .AddCounter("birthmark_inventory_decommissions_certified_total",
                          "Certificates of decommission that were stored.")
              .With({})),
      requests_pruned(
          registry
              .AddCounter("birthmark_inventory_requests_pruned_total",
                          "Recorded answers that were forgotten after 7 days.")
              .With({})),
      certificate_wait_seconds(
          registry
              .AddGauge("birthmark_inventory_certificate_wait_seconds",
                        "How long the oldest decommission without certificate "
                        "has waited for it.")
              .With({})),
      uncertified(registry
                      .AddGauge("birthmark_inventory_uncertified",
                                "Decommissions without certificate, up to one "
                                "batch.")
                      .With({})),
      upkeep_success_time(
          registry.AddGauge("birthmark_inventory_upkeep_success_time_seconds",
                            "When a task of upkeep last went well.", {"task"})),
      upkeep_errors(
          registry.AddCounter("birthmark_inventory_upkeep_errors_total",
                              "Failures of a task of upkeep.", {"task"})) {}

}  // namespace birthmark::inventory
