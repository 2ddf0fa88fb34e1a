#include "services/status/services.h"

#include <cstddef>
#include <mutex>
#include <utility>

#include "absl/strings/match.h"
#include "lib/base/status_macros.h"
#include "lib/http/response.h"
#include "lib/http/server.h"
#include "lib/http/server_metrics.h"
#include "lib/telemetry/log.h"
#include "services/status/ca_client.h"
#include "services/status/ca_pages.h"
#include "services/status/crl_pages.h"
#include "services/status/crl_publisher.h"
#include "services/status/feed.h"
#include "services/status/invariant.h"
#include "services/status/metrics.h"
#include "services/status/ocsp_handler.h"
#include "services/status/responders.h"
#include "services/status/status_cache.h"

namespace birthmark::status {
namespace {

constexpr int kDefaultOcspCacheMib = 128;
constexpr int kDefaultCrlCacheMib = 64;
constexpr absl::Duration kDefaultLifetime = absl::Hours(1);
constexpr absl::Duration kDefaultMaxAge = absl::Minutes(1);
constexpr absl::Duration kDefaultCrlInterval = absl::Milliseconds(500);

// Several times the interval of the feed.
constexpr absl::Duration kPublisherFollows = absl::Seconds(3);

size_t Mib(int value, int fallback) {
  return static_cast<size_t>(value > 0 ? value : fallback) << 20;
}

absl::Duration OrDefault(absl::Duration value, absl::Duration fallback) {
  return value > absl::ZeroDuration() ? value : fallback;
}

void SetDefaults(Options& options) {
  options.ocsp_lifetime = OrDefault(options.ocsp_lifetime, kDefaultLifetime);
  options.http_max_age = OrDefault(options.http_max_age, kDefaultMaxAge);
  options.crl_interval = OrDefault(options.crl_interval, kDefaultCrlInterval);
}

http::ServerOptions HttpOptions(const Options& options,
                                http::ServerMetrics& metrics, Clock& clock) {
  http::ServerOptions http;
  http.listen_addresses = {options.http_address};
  http.threads = options.threads;
  if (options.connections > 0) {
    http.connections = options.connections;
  }
  http.metrics = &metrics;
  http.clock = &clock;
  return http;
}

}  // namespace

struct Services::Impl {
  Impl(const Dependencies& dependencies, Issuers known_issuers, Options given)
      : listen(dependencies.listen),
        clock(dependencies.clock),
        options(std::move(given)),
        issuers(std::move(known_issuers)),
        metrics(dependencies.metrics),
        http_metrics(dependencies.metrics, "status"),
        ca(dependencies.ca),
        cache(Mib(options.ocsp_cache_mib, kDefaultOcspCacheMib)),
        feed(dependencies.revocations, issuers, cache, clock, metrics),
        responders(issuers, ca, clock, metrics),
        ocsp(dependencies.statuses, issuers, feed, responders, cache, clock,
             metrics,
             {.lifetime = options.ocsp_lifetime,
              .max_age = options.http_max_age}),
        crl_pages(
            dependencies.statuses, issuers, clock, metrics,
            {.cache_bytes = Mib(options.crl_cache_mib, kDefaultCrlCacheMib),
             .max_age = options.http_max_age}),
        ca_pages(issuers, options.http_max_age, clock, metrics),
        publisher(dependencies.statuses, ca, [this] { return IsOwner(); },
                  clock, metrics, {.interval = options.crl_interval}),
        invariant(
            dependencies.statuses, [this] { return IsPublisher(); }, clock,
            metrics, Invariant::Options()) {}

  ~Impl() {
    // Who asks goes first, then who wakes the others, which are still there.
    server.reset();
    std::unique_ptr<storage::ChangeListener> last;
    const std::lock_guard<std::mutex> lock(listener_mutex);
    last.swap(listener);
  }

  // CRLs are not made of what a database has forgotten: the feed has looked at
  // it just now.
  bool IsPublisher() {
    const Moment now = Moment::Now(clock);
    return IsOwner() && feed.trusted() &&
           now.wall - feed.followed(now) < kPublisherFollows;
  }

  bool IsOwner() {
    const std::lock_guard<std::mutex> lock(listener_mutex);
    return listener != nullptr && listener->owner();
  }

  storage::ChangeListener::Callbacks Callbacks();
  void Route(const http::Request& request, http::Responder responder);

  const std::function<std::unique_ptr<storage::ChangeListener>(
      storage::ChangeListener::Callbacks)>
      listen;
  Clock& clock;
  const Options options;
  const Issuers issuers;
  Metrics metrics;
  http::ServerMetrics http_metrics;
  CaClient ca;
  StatusCache cache;
  Feed feed;
  Responders responders;
  OcspHandler ocsp;
  CrlPages crl_pages;
  CaPages ca_pages;
  std::mutex listener_mutex;
  std::unique_ptr<storage::ChangeListener> listener;  // under listener_mutex
  CrlPublisher publisher;
  Invariant invariant;
  std::unique_ptr<http::Server> server;
};

storage::ChangeListener::Callbacks Services::Impl::Callbacks() {
  storage::ChangeListener::Callbacks callbacks;
  callbacks.on_connected = [this] {
    crl_pages.SetHearing(true);
    feed.Wake();
    publisher.Wake();
    return absl::OkStatus();
  };
  callbacks.on_notification = [this](absl::string_view channel,
                                     absl::string_view payload) {
    if (channel == storage::kRevocationsChannel) {
      feed.Wake();
      publisher.Wake();
    } else if (channel == storage::kCrlsChannel) {
      crl_pages.Invalidate(payload);
    }
  };
  callbacks.on_alive = [] {};
  callbacks.on_lost = [this](const absl::Status& status) {
    crl_pages.SetHearing(false);
    telemetry::Log(
        telemetry::Level::kWarning, "notifications_lost",
        {{"error",
          status.ToString(absl::StatusToStringMode::kWithNoExtraData)}});
  };
  return callbacks;
}

void Services::Impl::Route(const http::Request& request,
                           http::Responder responder) {
  if (absl::StartsWith(request.path, "/ocsp/") ||
      (request.path == "/ocsp" && request.method == http::Method::kPost)) {
    ocsp.Handle(request, std::move(responder));
  } else if (absl::StartsWith(request.path, "/crl/")) {
    crl_pages.Handle(request, std::move(responder));
  } else if (absl::StartsWith(request.path, "/ca/")) {
    ca_pages.Handle(request, std::move(responder));
  } else if (request.path == "/ocsp") {
    responder.Send(http::MethodNotAllowed("POST"));
  } else {
    responder.Send(http::NotFound());
  }
}

absl::StatusOr<std::unique_ptr<Services>> Services::New(
    const Dependencies& dependencies, Options options) {
  BIRTHMARK_ASSIGN_OR_RETURN(Issuers issuers, Issuers::New(options.issuers));
  SetDefaults(options);
  return std::unique_ptr<Services>(new Services(std::make_unique<Impl>(
      dependencies, std::move(issuers), std::move(options))));
}

Services::Services(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Services::~Services() = default;

absl::Status Services::Start() {
  Impl* impl = impl_.get();
  BIRTHMARK_ASSIGN_OR_RETURN(
      impl->server,
      http::Server::Start(
          HttpOptions(impl->options, impl->http_metrics, impl->clock),
          [impl](const http::Request& request, http::Responder responder) {
            impl->Route(request, std::move(responder));
          }));
  {
    const std::lock_guard<std::mutex> lock(impl->listener_mutex);
    impl->listener = impl->listen(impl->Callbacks());
  }
  impl->feed.Start();
  impl->responders.Start();
  impl->publisher.Start();
  impl->invariant.Start();
  return absl::OkStatus();
}

const std::string& Services::http_address() const {
  return impl_->server->address();
}

absl::Status Services::Ready() const {
  if (impl_->feed.followed(Moment::Now(impl_->clock)) == absl::InfinitePast()) {
    return absl::UnavailableError("the database was not reached yet");
  }
  if (!impl_->responders.tried()) {
    return absl::UnavailableError("no responder was certified yet");
  }
  return absl::OkStatus();
}

void Services::Shutdown(absl::Duration drain) {
  if (impl_->server != nullptr) {
    impl_->server->Shutdown(drain);
  }
}

}  // namespace birthmark::status
