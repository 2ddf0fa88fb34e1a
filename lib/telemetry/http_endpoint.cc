#include "lib/telemetry/http_endpoint.h"

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace birthmark::telemetry {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = boost::asio::ip::tcp;

constexpr int kMaxConnections = 32;
constexpr auto kRequestTimeout = std::chrono::seconds(5);
constexpr unsigned kMaxHeaderBytes = 8192;

struct Shared {
  const Registry& registry;
  HttpEndpoint::ReadyCheck ready;
  std::atomic<int> connections{0};
};

http::response<http::string_body> Answer(
    const http::request<http::empty_body>& request, Shared& shared) {
  http::response<http::string_body> response;
  response.version(request.version());
  response.keep_alive(request.keep_alive());
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.set(http::field::cache_control, "no-store");
  const beast::string_view target = request.target();
  if (request.method() != http::verb::get &&
      request.method() != http::verb::head) {
    response.result(http::status::method_not_allowed);
    response.set(http::field::allow, "GET, HEAD");
    response.body() = "only GET and HEAD\n";
  } else if (target == "/metrics") {
    response.set(http::field::content_type, "text/plain; version=0.0.4");
    response.body() = shared.registry.Text();
  } else if (target == "/healthz") {
    response.body() = "ok\n";
  } else if (target == "/readyz") {
    const absl::Status status =
        shared.ready == nullptr ? absl::OkStatus() : shared.ready();
    if (status.ok()) {
      response.body() = "ok\n";
    } else {
      response.result(http::status::service_unavailable);
      response.body() = absl::StrCat(
          absl::string_view(status.message().data(), status.message().size()),
          "\n");
    }
  } else {
    response.result(http::status::not_found);
    response.body() = "there are /metrics, /healthz and /readyz\n";
  }
  response.prepare_payload();
  if (request.method() == http::verb::head) {
    response.body().clear();
  }
  return response;
}

// Session is one connection; it keeps itself alive through its handlers.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Shared& shared)
      : stream_(std::move(socket)), shared_(shared) {
    ++shared_.connections;
  }
  ~Session() { --shared_.connections; }

  void Read() {
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(0);
    stream_.expires_after(kRequestTimeout);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, size_t) {
                       if (error) {
                         return;
                       }
                       self->Write();
                     });
  }

 private:
  void Write() {
    response_ = Answer(parser_->get(), shared_);
    stream_.expires_after(kRequestTimeout);
    http::async_write(stream_, response_,
                      [self = shared_from_this()](error_code error, size_t) {
                        if (error) {
                          return;
                        }
                        if (!self->response_.keep_alive()) {
                          self->stream_.socket().shutdown(
                              tcp::socket::shutdown_send, error);
                          return;
                        }
                        self->Read();
                      });
  }

  beast::tcp_stream stream_;
  Shared& shared_;
  beast::flat_buffer buffer_{kMaxHeaderBytes};
  std::optional<http::request_parser<http::empty_body>> parser_;
  http::response<http::string_body> response_;
};

void Accept(tcp::acceptor& acceptor, Shared& shared) {
  acceptor.async_accept([&](error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) {
      return;
    }
    if (error) {
      // Out of descriptors, most likely: do not spin until some are back.
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    // Beyond the limit the connection is closed as it goes out of scope.
    if (!error && shared.connections < kMaxConnections) {
      std::make_shared<Session>(std::move(socket), shared)->Read();
    }
    Accept(acceptor, shared);
  });
}

absl::Status BadAddress(absl::string_view address, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("telemetry address \"", address, "\": ", why,
                   "; expected host:port, e.g. 127.0.0.1:9441"));
}

}  // namespace

struct HttpEndpoint::Impl {
  Impl(const Registry& registry, ReadyCheck ready)
      : shared{registry, std::move(ready)}, acceptor(context) {}

  Shared shared;
  asio::io_context context{1};
  tcp::acceptor acceptor;
  std::string address;
  std::thread thread;
};

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(
    const std::string& address, const Registry& registry, ReadyCheck ready) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) {
    return BadAddress(address, "it has no port");
  }
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
  auto impl = std::make_unique<Impl>(registry, std::move(ready));
  tcp::resolver resolver(impl->context);
  const auto found = resolver.resolve(host, std::to_string(port), error);
  if (error || found.empty()) {
    return BadAddress(address, "the host is not known");
  }
  const tcp::endpoint endpoint = *found.begin();
  tcp::acceptor& acceptor = impl->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) {
    acceptor.set_option(asio::socket_base::reuse_address(true), error);
  }
  if (!error) {
    acceptor.bind(endpoint, error);
  }
  if (!error) {
    acceptor.listen(asio::socket_base::max_listen_connections, error);
  }
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": ", error.message()));
  }
  const uint16_t real_port = acceptor.local_endpoint(error).port();
  impl->address = absl::StrCat(address.substr(0, colon), ":", real_port);
  Accept(acceptor, impl->shared);
  impl->thread = std::thread([context = &impl->context] { context->run(); });
  return std::unique_ptr<HttpEndpoint>(new HttpEndpoint(std::move(impl)));
}

HttpEndpoint::HttpEndpoint(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

HttpEndpoint::~HttpEndpoint() {
  impl_->context.stop();
  impl_->thread.join();
}

const std::string& HttpEndpoint::address() const { return impl_->address; }

}  // namespace birthmark::telemetry
