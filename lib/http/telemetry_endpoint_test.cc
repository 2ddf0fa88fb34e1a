#include "lib/http/telemetry_endpoint.h"

#include <atomic>

#include "lib/base/testing.h"
#include "lib/http/test_client.h"

namespace birthmark::http {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Get(const std::string& address, const std::string& path) {
  return Fetch(address, "GET " + path +
                            " HTTP/1.1\r\nHost: x\r\n"
                            "Connection: close\r\n\r\n");
}

class TelemetryEndpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    registry_.AddCounter("things_total", "Things.").With({}).Increment();
    ASSERT_OK_AND_ASSIGN(
        endpoint_, TelemetryEndpoint::Start("127.0.0.1:0", registry_, [this] {
          return ready_ ? absl::OkStatus()
                        : absl::UnavailableError("the database is away");
        }));
  }

  telemetry::Registry registry_;
  std::atomic<bool> ready_{true};
  std::unique_ptr<TelemetryEndpoint> endpoint_;
};

TEST_F(TelemetryEndpointTest, MetricsAreInPrometheusText) {
  const std::string answer = Get(endpoint_->address(), "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(answer, HasSubstr("things_total 1"));
}

TEST_F(TelemetryEndpointTest, ReadinessFollowsTheCallbackAndHealthDoesNot) {
  EXPECT_THAT(Get(endpoint_->address(), "/readyz"), StartsWith("HTTP/1.1 200"));
  ready_ = false;
  const std::string answer = Get(endpoint_->address(), "/readyz");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(answer, HasSubstr("the database is away"));
  EXPECT_THAT(Get(endpoint_->address(), "/healthz"),
              StartsWith("HTTP/1.1 200"));
}

TEST_F(TelemetryEndpointTest, OtherPathsAndMethodsAreRefused) {
  EXPECT_THAT(Get(endpoint_->address(), "/etc/passwd"),
              StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Fetch(endpoint_->address(),
                    "DELETE /metrics HTTP/1.1\r\nHost: x\r\n"
                    "Connection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 405"));
}

TEST_F(TelemetryEndpointTest, ABodyOrAnOverlongHeaderEndsTheConnection) {
  EXPECT_THAT(Fetch(endpoint_->address(),
                    "GET /metrics HTTP/1.1\r\nHost: x\r\n"
                    "Content-Length: 5\r\n\r\nhello"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(
      Fetch(endpoint_->address(),
            "GET / HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n"),
      StartsWith("HTTP/1.1 431"));
}

TEST(TelemetryEndpointStartTest, AddressesThatCannotBeUsedAreNamed) {
  telemetry::Registry registry;
  for (const char* address : {"", "9441", "127.0.0.1:", "127.0.0.1:70000",
                              "127.0.0.1:http", "no such host:1"}) {
    EXPECT_THAT(TelemetryEndpoint::Start(address, registry, nullptr),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << address;
  }
}

TEST(TelemetryEndpointStartTest, ATakenPortIsUnavailable) {
  telemetry::Registry registry;
  ASSERT_OK_AND_ASSIGN(
      auto first, TelemetryEndpoint::Start("127.0.0.1:0", registry, nullptr));
  EXPECT_THAT(TelemetryEndpoint::Start(first->address(), registry, nullptr),
              StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace birthmark::http
