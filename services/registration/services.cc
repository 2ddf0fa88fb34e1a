#include "services/registration/services.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/status_macros.h"
#include "lib/base/thread_pool.h"
#include "lib/crypto/batch_verifier.h"
#include "services/registration/ca_client.h"
#include "services/registration/enforcement_service.h"
#include "services/registration/issue_stream.h"
#include "services/registration/item_issuer.h"
#include "services/registration/key_report_service.h"
#include "services/registration/metrics.h"
#include "services/registration/profiles.h"
#include "services/registration/provisioning_service.h"
#include "services/registration/registration_service.h"
#include "services/registration/revocation_follower.h"
#include "services/registration/revocation_job_runner.h"
#include "services/registration/revocation_job_service.h"
#include "services/registration/revocation_service.h"
#include "services/registration/revocation_watch.h"
#include "services/registration/stream_watch.h"
#include "services/registration/windows.h"
#include "services/registration/wipe_service.h"

namespace birthmark::registration {
namespace {

constexpr int kDefaultMaxInFlight = 2048;
constexpr int kLargestMaxInFlight = 100000;
constexpr int kDefaultTotalInFlight = 16384;
constexpr int kLargestTotalInFlight = 1000000;
// Tasks of streams that may wait for a batch thread; a stream has at most
// IssueStream::kMaxTasks.
constexpr size_t kBatchQueue = 4096;
constexpr size_t kCheckQueue = 1024;

using BatchRequest = provisioning::v1::IssueBatchRequest;
using BatchResponse = provisioning::v1::IssueBatchResponse;

int OrDefault(int value, int fallback) { return value > 0 ? value : fallback; }

int Cores() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// Most of a batch thread's life is waiting for the database or the CA. More at
// a time do not get more done; they have more transactions compete for the
// same cores.
int DefaultBatchThreads() { return Cores() + 1; }

}  // namespace

struct Services::Impl {
  Impl(const Dependencies& dependencies, Profiles known_profiles,
       const Options& options, std::unique_ptr<Metrics> all_metrics,
       std::unique_ptr<RevocationFollower> revocation_follower)
      : clock(dependencies.clock),
        profiles(std::move(known_profiles)),
        owned_metrics(std::move(all_metrics)),
        metrics(*owned_metrics),
        follower(std::move(revocation_follower)),
        windows(static_cast<size_t>(OrDefault(options.max_in_flight_total,
                                              kDefaultTotalInFlight)),
                static_cast<size_t>(OrDefault(options.max_in_flight_items,
                                              kDefaultMaxInFlight)),
                clock, metrics),
        ca(dependencies.ca),
        provisioning(dependencies, profiles, ca),
        registration(dependencies, profiles, ca),
        wipe(dependencies),
        revocation(dependencies, ca, *follower),
        key_reports(dependencies, *follower, metrics),
        revocation_jobs(
            dependencies,
            OrDefault(options.revocation_approval_threshold,
                      RevocationJobService::kDefaultApprovalThreshold),
            [this] { job_runner.Wake(); }),
        enforcement(dependencies, profiles, ca),
        verifier(options.arithmetic),
        check_pool(OrDefault(options.check_threads, Cores()), kCheckQueue),
        issuer(dependencies.batches, ca, dependencies.serials,
               dependencies.clock, check_pool, verifier, metrics,
               RetryPolicy()),
        batch_pool(OrDefault(options.batch_threads, DefaultBatchThreads()),
                   kBatchQueue),
        job_runner(dependencies.revocation_jobs, clock, metrics),
        revocation_watch(dependencies.revocation_log, *follower,
                         dependencies.page_tokens, clock, metrics),
        watch(windows, clock) {
    metrics.crypto_backend
        .With({std::string(crypto::ArithmeticName(verifier.arithmetic()))})
        .Set(1);
  }

  Clock& clock;
  const Profiles profiles;
  const std::unique_ptr<Metrics> owned_metrics;
  Metrics& metrics;
  const std::unique_ptr<RevocationFollower> follower;
  Windows windows;
  CaClient ca;
  ProvisioningServiceImpl provisioning;
  RegistrationServiceImpl registration;
  WipeService wipe;
  RevocationServiceImpl revocation;
  KeyReportService key_reports;
  RevocationJobService revocation_jobs;
  EnforcementService enforcement;
  const crypto::BatchVerifier verifier;
  ThreadPool check_pool;
  ItemIssuer issuer;
  // Its tasks use all of the above and end before it does.
  ThreadPool batch_pool;
  RevocationJobRunner job_runner;
  RevocationWatch revocation_watch;
  // Last: it holds streams, which use all of the above.
  StreamWatch watch;
};

absl::StatusOr<std::unique_ptr<Services>> Services::New(
    const Dependencies& dependencies, Options options) {
  if (options.max_in_flight_items < 0 ||
      options.max_in_flight_items > kLargestMaxInFlight) {
    return absl::InvalidArgumentError(
        "max_in_flight_items must be 0 to 100000");
  }
  if (options.max_in_flight_total < 0 ||
      options.max_in_flight_total > kLargestTotalInFlight) {
    return absl::InvalidArgumentError(
        "max_in_flight_total must be 0 to 1000000");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(Profiles profiles,
                             Profiles::New(std::move(options.profiles)));
  auto metrics = std::make_unique<Metrics>(dependencies.metrics);
  // Before anything is served: a database that has forgotten revocations would
  // let in whom it must not.
  BIRTHMARK_ASSIGN_OR_RETURN(
      auto follower, RevocationFollower::New(
                         dependencies.revocation_log, dependencies.journal,
                         dependencies.clock, *metrics, dependencies.listen));
  return std::unique_ptr<Services>(new Services(
      std::make_unique<Impl>(dependencies, std::move(profiles), options,
                             std::move(metrics), std::move(follower))));
}

Services::Services(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Services::~Services() = default;

void Services::Register(rpc::Router& router) {
  router.AddService(*BatchRequest::descriptor()->file()->FindServiceByName(
      "ProvisioningService"));
  router.AddService(
      *v1::RegisterDeviceRequest::descriptor()->file()->FindServiceByName(
          "RegistrationService"));
  router.AddService(
      *revocation::v1::Revocation::descriptor()->file()->FindServiceByName(
          "RevocationService"));
  impl_->provisioning.Register(router);
  impl_->registration.Register(router);
  impl_->wipe.Register(router);
  impl_->revocation.Register(router);
  impl_->key_reports.Register(router);
  impl_->revocation_jobs.Register(router);
  impl_->enforcement.Register(router);
  impl_->revocation_watch.Register(router);
  Impl* impl = impl_.get();
  router.Bidi<BatchRequest, BatchResponse>(
      "birthmark.provisioning.v1.ProvisioningService.IssueBatch",
      [impl](const rpc::CallContext& context,
             rpc::BidiStream<BatchResponse> stream)
          -> absl::StatusOr<std::shared_ptr<rpc::BidiHandler<BatchRequest>>> {
        auto issue_stream = std::make_shared<IssueStream>(
            std::move(stream),
            [impl, context](const BatchRequest::Open& open) {
              return impl->provisioning.OpenBatchFor(context, open);
            },
            [impl](const OpenBatch& batch,
                   const std::vector<BatchRequest::Item>& items,
                   const std::function<bool()>& stopped) {
              return impl->issuer.Issue(batch, items, stopped);
            },
            impl->windows, impl->batch_pool, impl->clock, impl->metrics);
        impl->watch.Add(issue_stream);
        return issue_stream;
      });
}

}  // namespace birthmark::registration
