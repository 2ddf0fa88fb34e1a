#include "services/status/services.h"

#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/testing.h"
#include "lib/http/test_client.h"
#include "services/status/testing.h"

namespace birthmark::status {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using x509::OcspCertStatus;
using x509::OcspResponseStatus;
using x509::TestSerial;

class ServicesTest : public testing::Test {
 protected:
  ServicesTest() {
    world_.Add(TestSerial(1));
    world_.Add(TestSerial(2));
    options_.http_address = "127.0.0.1:0";
    options_.issuers = {{"device", world_.issuers[0].chain},
                        {"other", world_.issuers[1].chain}};
  }

  ~ServicesTest() override { services_.reset(); }

  void Start() {
    auto services = Services::New(
        {.statuses = world_.statuses,
         .revocations = world_.log,
         .listen =
             [this](storage::ChangeListener::Callbacks callbacks) {
               return listener_.Listen(std::move(callbacks));
             },
         .ca = world_.fake_ca,
         .clock = world_.clock,
         .metrics = registry_},
        options_);
    ASSERT_OK(services);
    services_ = *std::move(services);
    ASSERT_OK(services_->Start());
    listener_.Connect();
  }

  bool Ready() {
    return Eventually([this] { return services_->Ready().ok(); });
  }

  std::string Get(const std::string& path) {
    return http::Fetch(services_->http_address(),
                       absl::StrCat("GET ", path,
                                    " HTTP/1.1\r\nHost: x\r\n"
                                    "Connection: close\r\n\r\n"));
  }

  std::string Post(const std::string& path, const std::string& body) {
    return http::Fetch(
        services_->http_address(),
        absl::StrCat("POST ", path,
                     " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                     "Content-Type: application/ocsp-request\r\n"
                     "Content-Length: ",
                     body.size(), "\r\n\r\n", body));
  }

  x509::OcspResponse Ocsp(int number, const std::string& path = "/ocsp") {
    const std::string answer =
        Post(path, Ask(*world_.ca.issuer, {TestSerial(number)}));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
    auto response =
        x509::OcspResponse::Parse(answer.substr(answer.find("\r\n\r\n") + 4));
    EXPECT_OK(response);
    return *response;
  }

  World world_;
  telemetry::Registry registry_;
  TestListener listener_;
  Options options_;
  std::unique_ptr<Services> services_;
};

TEST_F(ServicesTest, ServesAllItsRoutes) {
  Start();
  ASSERT_TRUE(Ready());
  EXPECT_EQ(Ocsp(1)->answers[0].status, OcspCertStatus::kGood);
  EXPECT_EQ(Ocsp(1, "/ocsp/")->answers[0].status, OcspCertStatus::kGood);
  EXPECT_THAT(
      Get(absl::StrCat("/ocsp/", absl::Base64Escape(
                                     Ask(*world_.ca.issuer, {TestSerial(1)})))),
      HasSubstr("Cache-Control: max-age=60, public"));
  EXPECT_TRUE(Eventually([this] {
    return absl::StartsWith(Get("/crl/device/0.crl"), "HTTP/1.1 200 ");
  }));
  EXPECT_THAT(Get("/ca/device.cer"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get("/ca/bundle.pem"), HasSubstr("BEGIN CERTIFICATE"));
}

TEST_F(ServicesTest, HasNoOtherRoutes) {
  Start();
  for (const char* path :
       {"/", "/metrics", "/ocspx", "/crl", "/ca", "//ocsp"}) {
    EXPECT_THAT(Get(path), StartsWith("HTTP/1.1 404 ")) << path;
  }
  EXPECT_THAT(Get("/ocsp"), StartsWith("HTTP/1.1 405 "));
}

TEST_F(ServicesTest, ARevocationReachesOcspAndTheCrl) {
  Start();
  ASSERT_TRUE(Ready());
  ASSERT_TRUE(Eventually([this] {
    return absl::StartsWith(Get("/crl/device/0.crl"), "HTTP/1.1 200 ");
  }));
  const std::string before = Get("/crl/device/0.crl");
  EXPECT_EQ(Ocsp(1)->answers[0].status, OcspCertStatus::kGood);
  world_.clock.Advance(absl::Seconds(10));
  world_.Revoke(TestSerial(1));
  listener_.Notify(storage::kRevocationsChannel, "");
  EXPECT_TRUE(Eventually([this] {
    return Ocsp(1)->answers[0].status == OcspCertStatus::kRevoked;
  }));
  EXPECT_EQ(Ocsp(2)->answers[0].status, OcspCertStatus::kGood);
  EXPECT_TRUE(Eventually([&] {
    listener_.Notify(storage::kCrlsChannel, "device/0");
    return Get("/crl/device/0.crl").size() > before.size();
  }));
}

TEST_F(ServicesTest, StartsWithoutDatabaseAndCaAndRecoversByItself) {
  world_.fake_ca.Fail(absl::UnavailableError("away"));
  world_.database.FailNext(absl::UnavailableError("away"));
  Start();
  listener_.Lose();
  EXPECT_EQ(Ocsp(1)->status, OcspResponseStatus::kTryLater);
  EXPECT_THAT(Get("/ca/device.cer"), StartsWith("HTTP/1.1 200 "));
  world_.fake_ca.Fail(absl::OkStatus());
  listener_.Connect();
  world_.clock.Advance(absl::Seconds(4));
  EXPECT_TRUE(Eventually(
      [this] { return Ocsp(1)->status == OcspResponseStatus::kSuccessful; }));
  EXPECT_TRUE(Ready());
}

TEST_F(ServicesTest, IsReadyOnlyAfterTheFirstContact) {
  auto services =
      Services::New({.statuses = world_.statuses,
                     .revocations = world_.log,
                     .listen =
                         [this](storage::ChangeListener::Callbacks callbacks) {
                           return listener_.Listen(std::move(callbacks));
                         },
                     .ca = world_.fake_ca,
                     .clock = world_.clock,
                     .metrics = registry_},
                    options_);
  ASSERT_OK(services);
  EXPECT_THAT((*services)->Ready(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(ServicesTest, AfterShutdownNobodyIsServed) {
  Start();
  const std::string address = services_->http_address();
  services_->Shutdown(absl::Seconds(1));
  EXPECT_FALSE(http::TestClient(address).connected());
}

TEST_F(ServicesTest, RefusesOptionsThatCannotBeUsed) {
  const Dependencies dependencies{
      .statuses = world_.statuses,
      .revocations = world_.log,
      .listen =
          [this](storage::ChangeListener::Callbacks callbacks) {
            return listener_.Listen(std::move(callbacks));
          },
      .ca = world_.fake_ca,
      .clock = world_.clock,
      .metrics = registry_};
  Options no_issuers = options_;
  no_issuers.issuers.clear();
  EXPECT_THAT(Services::New(dependencies, no_issuers),
              StatusIs(absl::StatusCode::kInvalidArgument));
  Options no_address = options_;
  no_address.http_address = "nowhere";
  auto services = Services::New(dependencies, no_address);
  ASSERT_OK(services);
  EXPECT_THAT((*services)->Start(),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace birthmark::status
