#include "services/status/crl_pages.h"

#include <memory>

#include "lib/base/testing.h"
#include "lib/http/testing.h"
#include "services/status/testing.h"

namespace birthmark::status {
namespace {

using ::testing::HasSubstr;

class CrlPagesTest : public testing::Test {
 protected:
  CrlPagesTest() { Publish("first"); }

  void Publish(const std::string& der, int shard = 0,
               const std::string& delta = "") {
    storage::FakeDatabase::Transaction transaction(world_.database);
    storage::CrlRow& row = transaction->crls[{"device", shard}];
    row.issuer_id = "device";
    row.crl_shard = shard;
    ++row.number;
    row.this_update = world_.clock.Now();
    row.next_update = row.this_update + absl::Hours(24);
    row.crl_der = der;
    if (!delta.empty()) {
      row.delta = storage::DeltaRow{.crl_der = delta};
    }
    transaction.Commit();
  }

  CrlPages& pages() {
    if (pages_ == nullptr) {
      pages_ =
          std::make_unique<CrlPages>(world_.statuses, world_.issuers,
                                     world_.clock, world_.metrics, options_);
      pages_->SetHearing(true);
    }
    return *pages_;
  }

  http::Response Get(const std::string& path = "/crl/device/0.crl",
                     http::Method method = http::Method::kGet) {
    http::Request request;
    request.method = method;
    request.path = path;
    request.if_none_match = if_none_match_;
    return Call(
        [this](const http::Request& r, http::Responder responder) {
          pages().Handle(r, std::move(responder));
        },
        request);
  }

  std::string Body(const std::string& path = "/crl/device/0.crl") {
    const http::Response response = Get(path);
    EXPECT_EQ(response.status, 200) << path;
    return http::BodyOf(response);
  }

  World world_;
  CrlPages::Options options_;
  std::unique_ptr<CrlPages> pages_;
  std::string if_none_match_;
};

TEST_F(CrlPagesTest, ServesACrlWithItsHeaders) {
  const http::Response response = Get();
  EXPECT_EQ(http::BodyOf(response), "first");
  const std::string headers = http::HeadersOf(response);
  EXPECT_THAT(headers, HasSubstr("Content-Type: application/pkix-crl\r\n"));
  EXPECT_THAT(headers,
              HasSubstr("Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n"));
  EXPECT_THAT(headers, HasSubstr("Expires: Fri, 02 Jan 2026 00:00:00 GMT\r\n"));
  EXPECT_THAT(headers, HasSubstr("max-age=60,"));
  const size_t at = headers.find("ETag: ") + 6;
  if_none_match_ = headers.substr(at, headers.find("\r\n", at) - at);
  EXPECT_EQ(Get().status, 304);
}

TEST_F(CrlPagesTest, ServesDeltasWhereThereAreAny) {
  EXPECT_EQ(Get("/crl/device/0-delta.crl").status, 404);
  Publish("complete", 1, "delta");
  EXPECT_EQ(Body("/crl/device/1.crl"), "complete");
  EXPECT_EQ(Body("/crl/device/1-delta.crl"), "delta");
}

TEST_F(CrlPagesTest, HasNothingElse) {
  for (const char* path :
       {"/crl/", "/crl/device", "/crl/device/", "/crl/device/0",
        "/crl/device/.crl", "/crl/device/00.crl", "/crl/device/+0.crl",
        "/crl/device/ 0.crl", "/crl/device/-1.crl", "/crl/device/0.crl/",
        "/crl/device/0.crl.crl", "/crl/device/99999999999.crl",
        "/crl/third/0.crl", "/crl/device/0-delta-delta.crl", "/x/device/0.crl",
        "/crl/device/7.crl", "/crl/device/7-delta.crl"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
  EXPECT_EQ(Get("/crl/device/0.crl", http::Method::kPost).status, 405);
  EXPECT_EQ(Get("/crl/device/0.crl", http::Method::kHead).status, 200);
}

TEST_F(CrlPagesTest, ReadsAgainWhenItHearsOfANewOne) {
  EXPECT_EQ(Body(), "first");
  Publish("second");
  EXPECT_EQ(Body(), "first");
  pages().Invalidate("device/1");
  pages().Invalidate("third/0");
  pages().Invalidate("nonsense");
  EXPECT_EQ(Body(), "first");
  pages().Invalidate("device/0");
  EXPECT_EQ(Body(), "second");
}

TEST_F(CrlPagesTest, ReadsAgainAfterItCouldNotHear) {
  EXPECT_EQ(Body(), "first");
  pages().SetHearing(false);
  Publish("second");
  EXPECT_EQ(Body(), "second");
  Publish("third");
  EXPECT_EQ(Body(), "second");
  world_.clock.Advance(options_.unheard);
  EXPECT_EQ(Body(), "third");
  Publish("fourth");
  pages().SetHearing(true);
  EXPECT_EQ(Body(), "fourth");
}

TEST_F(CrlPagesTest, WithoutTheDatabaseItServesWhatItHasUntilNextUpdate) {
  EXPECT_EQ(Body(), "first");
  pages().Invalidate("device/0");
  world_.database.FailNext(absl::UnavailableError("away"));
  EXPECT_EQ(Body(), "first");
  // For a moment nobody asks again.
  world_.database.FailNext(absl::UnavailableError("away"));
  EXPECT_EQ(Body(), "first");
  const http::Response unknown = Get("/crl/device/5.crl");
  EXPECT_EQ(unknown.status, 503);
  EXPECT_THAT(http::HeadersOf(unknown), HasSubstr("Retry-After: 5\r\n"));
  world_.clock.Advance(absl::Hours(24));
  EXPECT_EQ(Get().status, 503);
  world_.clock.Advance(absl::Minutes(1));
  Publish("second");
  EXPECT_EQ(Body(), "second");
}

TEST_F(CrlPagesTest, NeverServesAnExpiredOne) {
  EXPECT_EQ(Body(), "first");
  world_.clock.Advance(absl::Hours(24) - absl::Seconds(10));
  EXPECT_THAT(http::HeadersOf(Get()), HasSubstr("max-age=10,"));
  world_.clock.Advance(absl::Seconds(10));
  EXPECT_EQ(Get().status, 503);
}

TEST_F(CrlPagesTest, NeverGoesBackToAnOlderOne) {
  Publish("second");
  EXPECT_EQ(Body(), "second");
  {
    storage::FakeDatabase::Transaction transaction(world_.database);
    storage::CrlRow& row = transaction->crls[{"device", 0}];
    row.number = 1;
    row.crl_der = "first";
    transaction.Commit();
  }
  pages().Invalidate("device/0");
  EXPECT_EQ(Body(), "second");
  Publish("again two");
  pages().Invalidate("device/0");
  EXPECT_EQ(Body(), "again two");
}

TEST_F(CrlPagesTest, StaysWithinItsBytes) {
  options_.cache_bytes = 50000;
  for (int shard = 0; shard < 20; ++shard) {
    Publish(std::string(10000, static_cast<char>('a' + shard)), shard);
  }
  for (int round = 0; round < 2; ++round) {
    for (int shard = 0; shard < 20; ++shard) {
      EXPECT_EQ(Body("/crl/device/" + std::to_string(shard) + ".crl"),
                std::string(10000, static_cast<char>('a' + shard)));
      EXPECT_LE(world_.metrics.crl_cache_bytes.Value(), 50000);
    }
  }
  EXPECT_GT(world_.metrics.crl_cache_bytes.Value(), 40000);
}

TEST_F(CrlPagesTest, OneThatDoesNotFitIsServedAllTheSame) {
  options_.cache_bytes = 1000;
  Publish(std::string(5000, 'x'));
  EXPECT_EQ(Body(), std::string(5000, 'x'));
}

TEST_F(CrlPagesTest, BeyondItsQueueItAnswersLater) {
  options_.queued = 0;
  options_.threads = 1;
  // The one thread may take it, or not be up yet.
  const int status = Get().status;
  EXPECT_TRUE(status == 200 || status == 503) << status;
}

}  // namespace
}  // namespace birthmark::status
