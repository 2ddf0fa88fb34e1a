#include "lib/http/server.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/http/acceptor.h"
#include "lib/http/loop.h"

namespace birthmark::http {
namespace {

// Larger ones would make 32-bit offsets and doubled buffers overflow.
constexpr size_t kMaxBytes = 64 << 20;

absl::Status Check(const ServerOptions& options, const Handler& handler) {
  const auto bad = [](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("HTTP server: ", what));
  };
  if (options.listen_addresses.empty()) {
    return bad("no address to listen on");
  }
  if (handler == nullptr) {
    return bad("no handler");
  }
  if (options.threads < 0 || options.connections < 1 ||
      options.pipelined_requests < 1) {
    return bad("threads, connections and pipelined requests are at least one");
  }
  if (options.header_bytes < 64 || options.header_bytes > kMaxBytes ||
      options.body_bytes > kMaxBytes) {
    return bad("limits of bytes are from 64 to 64 Mi");
  }
  if (std::min({options.request_timeout, options.idle_timeout,
                options.write_timeout}) < absl::Milliseconds(1)) {
    return bad("time-outs are at least a millisecond");
  }
  return absl::OkStatus();
}

int64_t Milliseconds(absl::Duration duration) {
  return absl::ToInt64Milliseconds(std::min(duration, absl::Hours(24)));
}

Loop::Settings SettingsOf(const ServerOptions& options, size_t connections) {
  Loop::Settings settings;
  settings.limits.request = {options.header_bytes, options.body_bytes};
  settings.limits.pipelined_requests =
      static_cast<size_t>(options.pipelined_requests);
  settings.timeouts = {Milliseconds(options.request_timeout),
                       Milliseconds(options.idle_timeout),
                       Milliseconds(options.write_timeout)};
  settings.connections = connections;
  settings.metrics = options.metrics;
  return settings;
}

}  // namespace

struct Server::Impl {
  explicit Impl(Handler given) : handler(std::move(given)) {}

  bool AllIdle() const {
    return std::all_of(loops.begin(), loops.end(),
                       [](const auto& loop) { return loop->load() == 0; });
  }

  const Handler handler;
  std::mutex mutex;
  std::condition_variable emptied;
  // The acceptors' sockets belong to the loops' contexts: they go first.
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<std::unique_ptr<Acceptor>> acceptors;
  std::vector<std::string> addresses;
  std::mutex shutdown_mutex;
  bool shut_down = false;  // under shutdown_mutex
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const ServerOptions& options, Handler handler) {
  BIRTHMARK_RETURN_IF_ERROR(Check(options, handler));
  auto impl = std::make_unique<Impl>(std::move(handler));
  Clock& clock = options.clock == nullptr ? Clock::Real() : *options.clock;
  const int cores = std::max(1u, std::thread::hardware_concurrency());
  // More threads than connections would leave some without a share.
  const int threads = std::min(options.threads == 0 ? cores : options.threads,
                               options.connections);
  for (int i = 0; i < threads; ++i) {
    const int share = options.connections / threads +
                      (i < options.connections % threads ? 1 : 0);
    impl->loops.push_back(std::make_unique<Loop>(
        SettingsOf(options, static_cast<size_t>(share)), impl->handler, clock,
        [impl = impl.get()] {
          const std::lock_guard<std::mutex> lock(impl->mutex);
          impl->emptied.notify_all();
        }));
  }
  for (const std::string& address : options.listen_addresses) {
    Loop& home = *impl->loops[impl->acceptors.size() % impl->loops.size()];
    BIRTHMARK_ASSIGN_OR_RETURN(
        auto acceptor,
        Acceptor::Listen(address, impl->loops, home, options.metrics));
    impl->addresses.push_back(acceptor->address());
    impl->acceptors.push_back(std::move(acceptor));
  }
  for (const auto& acceptor : impl->acceptors) {
    acceptor->Accept();
  }
  for (const auto& loop : impl->loops) {
    loop->Run();
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Shutdown(absl::ZeroDuration()); }

const std::vector<std::string>& Server::addresses() const {
  return impl_->addresses;
}

void Server::Shutdown(absl::Duration drain) {
  const std::lock_guard<std::mutex> once(impl_->shutdown_mutex);
  if (impl_->shut_down) {
    return;
  }
  impl_->shut_down = true;
  for (const auto& acceptor : impl_->acceptors) {
    acceptor->Close();
  }
  for (const auto& loop : impl_->loops) {
    loop->EndSoon();
  }
  {
    std::unique_lock<std::mutex> lock(impl_->mutex);
    impl_->emptied.wait_for(lock, absl::ToChronoNanoseconds(drain),
                            [this] { return impl_->AllIdle(); });
  }
  for (const auto& loop : impl_->loops) {
    loop->Stop();
  }
}

}  // namespace birthmark::http
