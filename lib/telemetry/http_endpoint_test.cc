#include "lib/telemetry/http_endpoint.h"

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "lib/base/testing.h"

namespace birthmark::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Send returns all that the endpoint answers to `request`.
std::string Send(const std::string& address, const std::string& request) {
  namespace asio = boost::asio;
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  const size_t colon = address.rfind(':');
  boost::system::error_code error;
  socket.connect({asio::ip::make_address(address.substr(0, colon)),
                  static_cast<uint16_t>(std::stoi(address.substr(colon + 1)))},
                 error);
  asio::write(socket, asio::buffer(request), error);
  std::string answer;
  asio::read(socket, asio::dynamic_buffer(answer), error);
  return answer;
}

std::string Get(const std::string& address, const std::string& path) {
  return Send(address, "GET " + path +
                           " HTTP/1.1\r\nHost: x\r\n"
                           "Connection: close\r\n\r\n");
}

class HttpEndpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    registry_.AddCounter("things_total", "Things.").With({}).Increment();
    ASSERT_OK_AND_ASSIGN(
        endpoint_, HttpEndpoint::Start("127.0.0.1:0", registry_, [this] {
          return ready_ ? absl::OkStatus()
                        : absl::UnavailableError("the database is away");
        }));
  }

  Registry registry_;
  std::atomic<bool> ready_{true};
  std::unique_ptr<HttpEndpoint> endpoint_;
};

TEST_F(HttpEndpointTest, MetricsAreInPrometheusText) {
  const std::string answer = Get(endpoint_->address(), "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(answer, HasSubstr("things_total 1"));
}

TEST_F(HttpEndpointTest, ReadinessFollowsTheCallbackAndHealthDoesNot) {
  EXPECT_THAT(Get(endpoint_->address(), "/readyz"), StartsWith("HTTP/1.1 200"));
  ready_ = false;
  const std::string answer = Get(endpoint_->address(), "/readyz");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(answer, HasSubstr("the database is away"));
  EXPECT_THAT(Get(endpoint_->address(), "/healthz"),
              StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpEndpointTest, OtherPathsAndMethodsAreRefused) {
  EXPECT_THAT(Get(endpoint_->address(), "/etc/passwd"),
              StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Send(endpoint_->address(),
                   "DELETE /metrics HTTP/1.1\r\nHost: x\r\n"
                   "Connection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 405"));
}

TEST_F(HttpEndpointTest, ABodyOrAnOverlongHeaderEndsTheConnection) {
  EXPECT_EQ(Send(endpoint_->address(),
                 "GET /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"),
            "");
  EXPECT_EQ(
      Send(endpoint_->address(),
           "GET / HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n"),
      "");
}

TEST(HttpEndpointStartTest, AddressesThatCannotBeUsedAreNamed) {
  Registry registry;
  for (const char* address : {"", "9441", "127.0.0.1:", "127.0.0.1:70000",
                              "127.0.0.1:http", "no such host:1"}) {
    EXPECT_THAT(HttpEndpoint::Start(address, registry, nullptr),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << address;
  }
}

TEST(HttpEndpointStartTest, ATakenPortIsUnavailable) {
  Registry registry;
  ASSERT_OK_AND_ASSIGN(auto first,
                       HttpEndpoint::Start("127.0.0.1:0", registry, nullptr));
  EXPECT_THAT(HttpEndpoint::Start(first->address(), registry, nullptr),
              StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace birthmark::telemetry
