#include "lib/http/acceptor.h"

#include <errno.h>
#include <sys/socket.h>

#include <boost/asio/dispatch.hpp>
#include <charconv>
#include <chrono>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"

namespace birthmark::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

// Taken in one go: the thread has other things to do.
constexpr int kBurst = 64;
// How long to wait when the process has no descriptors left.
constexpr auto kPause = std::chrono::milliseconds(50);

absl::Status BadAddress(absl::string_view address, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("address \"", address, "\": ", why,
                   "; expected host:port, e.g. 127.0.0.1:8080"));
}

bool IsOutOfResources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS ||
         error == ENOMEM;
}

absl::StatusOr<tcp::endpoint> Resolve(const std::string& address,
                                      size_t colon) {
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  uint16_t port = 0;
  const char* end = address.data() + address.size();
  const auto parsed = std::from_chars(address.data() + colon + 1, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return BadAddress(address, "the port is no number from 0 to 65535");
  }
  error_code error;
  asio::io_context context;
  tcp::resolver resolver(context);
  const auto found = resolver.resolve(host, std::to_string(port), error);
  if (error || found.empty()) {
    return BadAddress(address, "the host is not known");
  }
  return found.begin()->endpoint();
}

}  // namespace

Acceptor::Acceptor(const std::vector<std::unique_ptr<Loop>>& loops, Loop& home,
                   ServerMetrics* metrics)
    : loops_(loops),
      home_(home),
      metrics_(metrics),
      acceptor_(home.context()),
      timer_(home.context()) {}

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Listen(
    const std::string& address, const std::vector<std::unique_ptr<Loop>>& loops,
    Loop& home, ServerMetrics* metrics) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) {
    return BadAddress(address, "it has no port");
  }
  const absl::StatusOr<tcp::endpoint> endpoint = Resolve(address, colon);
  if (!endpoint.ok()) {
    return endpoint.status();
  }
  std::unique_ptr<Acceptor> made(new Acceptor(loops, home, metrics));
  tcp::acceptor& acceptor = made->acceptor_;
  error_code error;
  acceptor.open(endpoint->protocol(), error);
  if (!error) {
    acceptor.set_option(asio::socket_base::reuse_address(true), error);
  }
  if (!error) {
    // Accepted sockets inherit it: no call for each.
    acceptor.set_option(tcp::no_delay(true), error);
  }
  if (!error) {
    acceptor.bind(*endpoint, error);
  }
  if (!error) {
    acceptor.listen(asio::socket_base::max_listen_connections, error);
  }
  if (!error) {
    acceptor.native_non_blocking(true, error);
  }
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": ", error.message()));
  }
  made->protocol_ = endpoint->protocol();
  made->address_ = absl::StrCat(address.substr(0, colon), ":",
                                acceptor.local_endpoint(error).port());
  return made;
}

void Acceptor::Accept() {
  acceptor_.async_wait(tcp::acceptor::wait_read,
                       [this](const error_code& error) {
                         if (error != asio::error::operation_aborted) {
                           OnReady();
                         }
                       });
}

void Acceptor::OnReady() {
  for (int i = 0; i < kBurst && acceptor_.is_open(); ++i) {
    const int descriptor = ::accept4(acceptor_.native_handle(), nullptr,
                                     nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      TakeOne(descriptor);
    } else if (IsOutOfResources(errno)) {
      Pause();
      return;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    }
  }
  if (acceptor_.is_open()) {
    Accept();
  }
}

void Acceptor::TakeOne(int descriptor) {
  Loop* least = nullptr;
  // From another one each time, so that equals take turns.
  ++next_loop_;
  for (size_t i = 0; i < loops_.size(); ++i) {
    Loop& loop = *loops_[(next_loop_ + i) % loops_.size()];
    if (least == nullptr || loop.load() < least->load()) {
      least = &loop;
    }
  }
  least->Adopt(descriptor, protocol_);
}

// Pause neither spins nor gives up: idle connections make room, and whoever
// waits to be accepted waits a little longer.
void Acceptor::Pause() {
  if (metrics_ != nullptr) {
    metrics_->refused_descriptors.Increment();
  }
  for (const std::unique_ptr<Loop>& loop : loops_) {
    loop->ShedIdle();
  }
  timer_.expires_after(kPause);
  timer_.async_wait([this](const error_code& error) {
    if (!error) {
      OnReady();
    }
  });
}

void Acceptor::Close() {
  std::promise<void> done;
  asio::dispatch(home_.context(), [&] {
    error_code error;
    acceptor_.close(error);
    timer_.cancel();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace birthmark::http
