#include "services/registration/metrics.h"

#include <string>
#include <vector>

namespace birthmark::registration {
namespace {

telemetry::Counter& Items(telemetry::Registry& registry,
                          const std::string& outcome) {
  return registry
      .AddCounter("birthmark_registration_items_total",
                  "Batch items answered, by outcome.", {"outcome"})
      .With({outcome});
}

telemetry::Histogram& Step(telemetry::Registry& registry,
                           const std::string& step) {
  return registry
      .AddHistogram("birthmark_registration_step_seconds",
                    "Time that a micro-batch spends in a step.", {"step"})
      .With({step});
}

}  // namespace

Metrics::Metrics(telemetry::Registry& registry)
    : items_issued(Items(registry, "issued")),
      items_repeated(Items(registry, "repeated")),
      items_refused(Items(registry, "refused")),
      keys_reused(registry
                      .AddCounter("birthmark_registration_keys_reused_total",
                                  "CSRs refused because their key is known.")
                      .With({})),
      streams(registry
                  .AddGauge("birthmark_registration_streams",
                            "IssueBatch streams that are open.")
                  .With({})),
      items_in_flight(registry
                          .AddGauge("birthmark_registration_items_in_flight",
                                    "Batch items that wait for their answer.")
                          .With({})),
      items_granted(registry
                        .AddGauge("birthmark_registration_items_granted",
                                  "Batch items that the open streams may have "
                                  "unanswered, all together.")
                        .With({})),
      opens_refused(
          registry
              .AddCounter("birthmark_registration_opens_refused_total",
                          "Streams refused because all that may be in flight "
                          "is shared out.")
              .With({})),
      micro_batch_items(
          registry
              .AddHistogram("birthmark_registration_micro_batch_items",
                            "Items per micro-batch.", {},
                            {1, 2, 4, 8, 16, 32, 64, 128, 256})
              .With({})),
      check_seconds(Step(registry, "check")),
      admit_seconds(Step(registry, "admit")),
      sign_seconds(Step(registry, "sign")),
      crypto_backend(registry.AddGauge(
          "birthmark_crypto_backend",
          "1 for what verifies proofs of possession.", {"backend"})),
      revision(registry
                   .AddGauge("birthmark_registration_revision",
                             "Newest change of a revocation that this process "
                             "has read.")
                   .With({})),
      journal_revision(registry
                           .AddGauge("birthmark_registration_journal_revision",
                                     "Newest change in the revocation journal.")
                           .With({})),
      journal_bytes(registry
                        .AddGauge("birthmark_registration_journal_bytes",
                                  "Size of the revocation journal.")
                        .With({})),
      journal_errors(
          registry
              .AddCounter("birthmark_registration_journal_errors_total",
                          "Revocations answered before the revocation journal "
                          "had them.")
              .With({})),
      revocations_restored(
          registry
              .AddCounter("birthmark_registration_revocations_restored_total",
                          "Revocations that a restored database got back from "
                          "the journal.")
              .With({})),
      watchers(registry
                   .AddGauge("birthmark_registration_watchers",
                             "WatchRevocations streams that are open.")
                   .With({})),
      revocation_jobs(
          registry
              .AddGauge("birthmark_registration_revocation_jobs",
                        "Mass revocations that this process has seen at work.")
              .With({})),
      job_revocations(
          registry
              .AddCounter("birthmark_registration_job_revocations_total",
                          "Certificates that this process has revoked for mass "
                          "revocations.")
              .With({})),
      job_errors(registry
                     .AddCounter("birthmark_registration_job_errors_total",
                                 "Steps of mass revocations that failed.")
                     .With({})),
      keys_reported(
          registry
              .AddCounter("birthmark_registration_keys_reported_total",
                          "Keys reported as compromised by who holds them.")
              .With({})) {}

}  // namespace birthmark::registration
