#include "lib/rpc/server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "grpcpp/ext/health_check_service_server_builder_option.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "lib/base/clock.h"
#include "lib/base/status_macros.h"
#include "lib/base/thread_pool.h"
#include "lib/rpc/generic_service.h"
#include "lib/rpc/grpc_setup.h"
#include "lib/telemetry/log.h"

namespace birthmark::rpc {
namespace {

// A handler waits for the database or another service most of the time, and
// those that wait for the same thing are served together.
constexpr int kCallsPerCore = 8;
constexpr int kStreamsPerCore = 2;
constexpr int kDefaultQueuedCalls = 1024;
constexpr int kDefaultMessageBytes = 4 << 20;
constexpr int kHandshakeTimeoutMs = 10'000;
constexpr size_t kMemoryQuota = size_t{512} << 20;
// What may come in on a stream before anybody reads it. gRPC would let it grow
// with the speed of the network to many megabytes for each stream.
constexpr int kUnreadBytes = 256 << 10;
// Connections on which nothing happens are closed, so that clients that never
// hang up do not use up the file descriptors. They reconnect with their next
// call.
constexpr int kMaxConnectionIdleMs = 5 * 60 * 1000;
// Older connections take no new calls; those that run may end. So certificates
// that were exchanged come into use, and load moves to new replicas.
constexpr int kMaxConnectionAgeMs = 60 * 60 * 1000;
// One entry for each open stream at most: see ServerStream.
constexpr size_t kStreamQueue = size_t{1} << 20;

// FreeSocketPath removes a socket that nobody listens on. kUnavailable if
// somebody does, or if the path is something else.
absl::Status FreeSocketPath(const std::string& path) {
  sockaddr_un address = {};
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("unix:", path, ": the path of a socket has 1 to ",
                     sizeof(address.sun_path) - 1, " characters"));
  }
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) {
    return absl::OkStatus();
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::UnavailableError(
        absl::StrCat("unix:", path, ": the path is taken by another file"));
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool alive =
      fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address),
                         sizeof(address)) == 0;
  if (fd >= 0) {
    close(fd);
  }
  if (alive) {
    return absl::UnavailableError(
        absl::StrCat("unix:", path, ": another server listens there"));
  }
  unlink(path.c_str());
  return absl::OkStatus();
}

std::shared_ptr<grpc::ServerCredentials> Credentials(
    const IdentityFiles& identity) {
  auto provider =
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          identity.private_key, identity.certificate, kReloadSeconds);
  grpc::experimental::TlsServerCredentialsOptions options(provider);
  options.watch_identity_key_cert_pairs();
  // TLS proves that the client holds the key of the certificate it shows;
  // everything else about it is the Authenticator's, whose errors a client can
  // read. A failed handshake would tell it nothing.
  options.set_cert_request_type(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace

struct Server::Impl {
  Impl(const ServerOptions& options, Router& router,
       Authenticator& authenticator)
      : authenticator(authenticator),
        calls(Threads(options, kCallsPerCore), options.queued_calls > 0
                                                   ? options.queued_calls
                                                   : kDefaultQueuedCalls),
        streams(Threads(options, kStreamsPerCore), kStreamQueue),
        service(router, authenticator, calls, streams) {}

  static int Threads(const ServerOptions& options, int per_core) {
    return options.worker_threads > 0
               ? options.worker_threads
               : per_core * static_cast<int>(std::max(
                                1u, std::thread::hardware_concurrency()));
  }

  void WatchTrust();

  Authenticator& authenticator;
  ThreadPool calls;
  ThreadPool streams;
  GenericService service;
  std::unique_ptr<grpc::Server> server;
  std::vector<std::string> addresses;

  std::mutex mutex;
  std::condition_variable wake;
  bool stopped = false;  // under mutex
  std::mutex shutdown_mutex;
  std::thread watcher;
};

// WatchTrust reads the trust files again when they have changed.
void Server::Impl::WatchTrust() {
  std::string last_error;
  std::unique_lock<std::mutex> lock(mutex);
  while (!stopped) {
    wake.wait_for(lock, std::chrono::seconds(kReloadSeconds));
    if (stopped) {
      return;
    }
    lock.unlock();
    const absl::StatusOr<bool> changed = authenticator.ReloadIfChanged();
    std::string error =
        changed.ok() ? "" : std::string(changed.status().message());
    if (!error.empty() && error != last_error) {
      telemetry::Log(telemetry::Level::kError, "trust_reload_failed",
                     {{"error", error}});
    }
    if (changed.ok() && *changed) {
      telemetry::Log(telemetry::Level::kInfo, "trust_reloaded");
    }
    last_error = std::move(error);
    lock.lock();
  }
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const ServerOptions& options, Router& router,
    Authenticator& authenticator) {
  RouteGrpcLogs();
  BIRTHMARK_RETURN_IF_ERROR(CheckIdentity(options.identity));
  if (options.listen_addresses.empty()) {
    return absl::InvalidArgumentError("no address to listen on");
  }
  auto impl = std::make_unique<Impl>(options, router, authenticator);

  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.RegisterCallbackGenericService(&impl->service);
  builder.SetMaxReceiveMessageSize(
      options.message_bytes > 0 ? options.message_bytes : kDefaultMessageBytes);
  builder.SetResourceQuota(
      grpc::ResourceQuota("birthmark").Resize(kMemoryQuota));
  // Two servers on one port would share its calls: never what is wanted.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             options.streams_per_connection);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
                             kUnreadBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                             kMaxConnectionIdleMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                             kMaxConnectionAgeMs);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             kHandshakeTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      kMinPingIntervalMs);

  const auto credentials = Credentials(options.identity);
  std::vector<int> ports(options.listen_addresses.size(), 0);
  for (size_t i = 0; i < ports.size(); ++i) {
    absl::string_view path = options.listen_addresses[i];
    if (absl::ConsumePrefix(&path, "unix:")) {
      BIRTHMARK_RETURN_IF_ERROR(FreeSocketPath(std::string(path)));
    }
    builder.AddListeningPort(options.listen_addresses[i], credentials,
                             &ports[i]);
  }
  impl->server = builder.BuildAndStart();
  if (impl->server == nullptr) {
    for (size_t i = 0; i < ports.size(); ++i) {
      if (ports[i] == 0) {
        return absl::UnavailableError(
            absl::StrCat("cannot listen on ", options.listen_addresses[i],
                         ": it is taken, or not an address of this machine"));
      }
    }
    return absl::UnavailableError("the gRPC server does not start");
  }
  for (size_t i = 0; i < ports.size(); ++i) {
    std::string address = options.listen_addresses[i];
    if (!absl::StartsWith(address, "unix:")) {
      address =
          absl::StrCat(address.substr(0, address.rfind(':')), ":", ports[i]);
    }
    impl->addresses.push_back(std::move(address));
  }
  impl->watcher = std::thread([raw = impl.get()] { raw->WatchTrust(); });
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Shutdown(absl::ZeroDuration()); }

const std::vector<std::string>& Server::addresses() const {
  return impl_->addresses;
}

void Server::SetServing(bool serving) {
  impl_->server->GetHealthCheckService()->SetServingStatus(serving);
}

void Server::Shutdown(absl::Duration drain) {
  std::lock_guard<std::mutex> once(impl_->shutdown_mutex);
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    if (impl_->stopped) {
      return;
    }
    impl_->stopped = true;
  }
  impl_->wake.notify_all();
  impl_->watcher.join();
  SetServing(false);
  impl_->service.Drain();
  impl_->server->Shutdown(absl::ToChronoTime(Clock::Real().Now() + drain));
  impl_->server->Wait();
  impl_->calls.Drain();
  impl_->streams.Drain();
}

}  // namespace birthmark::rpc
