#include "services/status/ocsp_handler.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/testing.h"
#include "lib/http/testing.h"
#include "lib/x509/ocsp_response_parser.h"
#include "services/status/testing.h"

namespace birthmark::status {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using x509::OcspCertStatus;
using x509::OcspHash;
using x509::OcspResponseStatus;
using x509::TestSerial;

constexpr absl::Duration kLifetime = absl::Hours(1);

class OcspHandlerTest : public testing::Test {
 protected:
  OcspHandlerTest() {
    world_.Add(kGood);
    world_.Add(kBad);
    world_.Add(kForeign, "other");
    world_.Revoke(kBad, 1);
  }

  http::Response Post(const std::string& der) {
    http::Request request;
    request.method = http::Method::kPost;
    request.path = "/ocsp";
    request.content_type = "application/ocsp-request";
    request.body = der;
    return Send(request);
  }

  http::Response Get(const std::string& der,
                     const std::string& if_none_match = "") {
    const std::string path = absl::StrCat("/ocsp/", absl::Base64Escape(der));
    http::Request request;
    request.method = http::Method::kGet;
    request.path = path;
    request.if_none_match = if_none_match;
    return Send(request);
  }

  http::Response Send(const http::Request& request) {
    return Call(
        [this](const http::Request& r, http::Responder responder) {
          handler().Handle(r, std::move(responder));
        },
        request);
  }

  OcspHandler& handler() {
    if (handler_ == nullptr) {
      handler_ = std::make_unique<OcspHandler>(
          world_.statuses, world_.issuers, world_.feed, world_.responders,
          world_.cache, world_.clock, world_.metrics, options_);
    }
    return *handler_;
  }

  x509::OcspResponse Parse(const http::Response& response) {
    EXPECT_EQ(response.status, 200);
    EXPECT_THAT(http::HeadersOf(response),
                HasSubstr("Content-Type: application/ocsp-response\r\n"));
    auto parsed = x509::OcspResponse::Parse(http::BodyOf(response));
    EXPECT_OK(parsed);
    if ((*parsed)->status == OcspResponseStatus::kSuccessful) {
      EXPECT_OK(
          parsed->VerifyAuthorized(*world_.ca.issuer, world_.clock.Now()));
    }
    return *parsed;
  }

  // The one answer to a question about one certificate of `device`.
  x509::OcspAnswer AskOne(const std::string& serial,
                          OcspHash hash = OcspHash::kSha1) {
    last_ = std::make_unique<x509::OcspResponse>(
        Parse(Post(Ask(*world_.ca.issuer, {serial}, hash))));
    EXPECT_EQ((*last_)->status, OcspResponseStatus::kSuccessful);
    if ((*last_)->answers.size() != 1) {
      ADD_FAILURE() << "not one answer";
      return x509::OcspAnswer();
    }
    return (*last_)->answers[0];
  }

  void ExpectTryLater(const http::Response& response) {
    EXPECT_EQ(Parse(response)->status, OcspResponseStatus::kTryLater);
    EXPECT_THAT(http::HeadersOf(response),
                HasSubstr("Cache-Control: no-store\r\n"));
  }

  const std::string kGood = TestSerial(1001);
  const std::string kBad = TestSerial(1002);
  const std::string kForeign = TestSerial(1003);
  const std::string kNever = TestSerial(1004);
  World world_;
  OcspHandler::Options options_{.lifetime = kLifetime};
  std::unique_ptr<OcspHandler> handler_;
  std::unique_ptr<x509::OcspResponse> last_;
};

TEST_F(OcspHandlerTest, TellsGoodRevokedAndUnknown) {
  world_.Certified();
  for (const OcspHash hash : {OcspHash::kSha1, OcspHash::kSha256}) {
    // The second time it comes from the cache.
    for (int i = 0; i < 2; ++i) {
      const x509::OcspAnswer good = AskOne(kGood, hash);
      EXPECT_EQ(good.status, OcspCertStatus::kGood);
      EXPECT_EQ(good.this_update, world_.clock.Now());
      EXPECT_EQ(good.next_update, world_.clock.Now() + kLifetime);
      EXPECT_FALSE(good.archive_cutoff.has_value());
      const x509::OcspAnswer bad = AskOne(kBad, hash);
      EXPECT_EQ(bad.status, OcspCertStatus::kRevoked);
      EXPECT_EQ(bad.reason, x509::RevocationReason::kKeyCompromise);
      EXPECT_EQ(bad.revocation_time, world_.clock.Now());
      EXPECT_EQ(AskOne(kNever, hash).status, OcspCertStatus::kUnknown);
    }
  }
  EXPECT_EQ(world_.metrics.ocsp_cached.Value(), 4);
}

TEST_F(OcspHandlerTest, AValidSerialUnderAWrongIssuerIsUnknown) {
  world_.Certified();
  EXPECT_EQ(AskOne(kForeign).status, OcspCertStatus::kUnknown);
  EXPECT_EQ(AskOne(kForeign).status, OcspCertStatus::kUnknown);
}

TEST_F(OcspHandlerTest, ASerialThatNobodyHereGivesIsUnknownWithoutALookUp) {
  world_.Certified();
  world_.database.FailNext(absl::UnavailableError("asked"));
  for (const std::string& serial :
       {std::string("\x01"), std::string(20, '\x01')}) {
    EXPECT_EQ(AskOne(serial).status, OcspCertStatus::kUnknown);
  }
}

TEST_F(OcspHandlerTest, ManyCertificatesInOneRequest) {
  world_.Certified();
  const auto response = Parse(
      Post(Ask(*world_.ca.issuer, {kGood, kBad, kNever, kForeign, kGood})));
  std::vector<OcspCertStatus> statuses;
  for (const auto& answer : response->answers) {
    statuses.push_back(answer.status);
  }
  EXPECT_THAT(statuses, testing::ElementsAre(
                            OcspCertStatus::kGood, OcspCertStatus::kRevoked,
                            OcspCertStatus::kUnknown, OcspCertStatus::kUnknown,
                            OcspCertStatus::kGood));
}

TEST_F(OcspHandlerTest, TheFirstKnownIssuersResponderAnswersForItselfAlone) {
  world_.Certified();
  const auto own = x509::OcspIssuerHashes::Of(*world_.ca.issuer);
  const auto other = x509::OcspIssuerHashes::Of(*world_.other_ca.issuer);
  ASSERT_OK_AND_ASSIGN(
      const std::string der,
      x509::BuildOcspRequest({own.CertIdDer(OcspHash::kSha1, kGood),
                              other.CertIdDer(OcspHash::kSha1, kForeign)},
                             std::nullopt));
  const auto response = Parse(Post(der));
  ASSERT_EQ(response->answers.size(), 2);
  EXPECT_EQ(response->answers[0].status, OcspCertStatus::kGood);
  EXPECT_EQ(response->answers[1].status, OcspCertStatus::kUnknown);
}

TEST_F(OcspHandlerTest, AnIssuerThatIsNotKnownIsUnauthorized) {
  world_.Certified();
  const x509::TestCa stranger("Stranger");
  const http::Response response = Post(Ask(*stranger.issuer, {kGood}));
  EXPECT_EQ(Parse(response)->status, OcspResponseStatus::kUnauthorized);
  EXPECT_THAT(http::HeadersOf(response), HasSubstr("no-store"));
}

TEST_F(OcspHandlerTest, TheNonceComesBackAndTheAnswerIsForNobodyElse) {
  world_.Certified();
  for (const std::string& nonce : {std::string("x"), std::string(128, 'n')}) {
    const http::Response response =
        Post(Ask(*world_.ca.issuer, {kGood}, OcspHash::kSha1, nonce));
    EXPECT_EQ(Parse(response)->nonce, nonce);
    EXPECT_THAT(http::HeadersOf(response),
                HasSubstr("Cache-Control: no-cache\r\n"));
    EXPECT_THAT(http::HeadersOf(response), Not(HasSubstr("ETag")));
  }
  EXPECT_FALSE(Parse(Post(Ask(*world_.ca.issuer, {kGood})))->nonce.has_value());
}

TEST_F(OcspHandlerTest, WhatIsNoRequestIsMalformed) {
  world_.Certified();
  const std::string good = Ask(*world_.ca.issuer, {kGood});
  std::string long_nonce =
      Ask(*world_.ca.issuer, {kGood}, OcspHash::kSha1, std::string(100, 'n'));
  for (const std::string& der :
       {std::string(), std::string("hello"), good.substr(0, good.size() - 1),
        good + "x", std::string(17000, '\x30')}) {
    EXPECT_EQ(Parse(Post(der))->status, OcspResponseStatus::kMalformedRequest);
    EXPECT_EQ(Parse(Get(der))->status, OcspResponseStatus::kMalformedRequest);
  }
  http::Request request;
  request.method = http::Method::kGet;
  request.path = "/ocsp/%zz";
  EXPECT_EQ(Parse(Send(request))->status,
            OcspResponseStatus::kMalformedRequest);
}

TEST_F(OcspHandlerTest, RefusesOtherMethodsAndContentTypes) {
  const std::string der = Ask(*world_.ca.issuer, {kGood});
  http::Request request;
  request.method = http::Method::kPost;
  request.path = "/ocsp";
  request.content_type = "text/plain";
  request.body = der;
  EXPECT_EQ(Send(request).status, 415);
  request.content_type = "";
  EXPECT_EQ(Send(request).status, 415);
  world_.Certified();
  request.content_type = "Application/OCSP-Request; x=y";
  EXPECT_EQ(Send(request).status, 200);
  request.method = http::Method::kOther;
  EXPECT_EQ(Send(request).status, 405);
}

TEST_F(OcspHandlerTest, AGetMayBeCached) {
  world_.Certified();
  const std::string der = Ask(*world_.ca.issuer, {kGood});
  const http::Response response = Get(der);
  EXPECT_EQ(Parse(response)->answers[0].status, OcspCertStatus::kGood);
  const std::string headers = http::HeadersOf(response);
  EXPECT_THAT(headers,
              HasSubstr("Cache-Control: max-age=60, public, no-transform, "
                        "must-revalidate\r\n"));
  EXPECT_THAT(headers,
              HasSubstr("Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n"));
  EXPECT_THAT(headers, HasSubstr("Expires: Thu, 01 Jan 2026 01:00:00 GMT\r\n"));
  const size_t at = headers.find("ETag: ") + 6;
  const std::string etag = headers.substr(at, headers.find("\r\n", at) - at);
  EXPECT_EQ(Get(der, etag).status, 304);
  EXPECT_EQ(Get(der, "\"other\"").status, 200);
  // The very same bytes.
  EXPECT_EQ(Get(der).body, response.body);
}

TEST_F(OcspHandlerTest, ARevocationIsToldAsSoonAsItIsFollowed) {
  world_.Certified();
  EXPECT_EQ(AskOne(kGood).status, OcspCertStatus::kGood);
  world_.clock.Advance(absl::Seconds(1));
  world_.Revoke(kGood, 4);
  ASSERT_OK(world_.feed.Poll());
  const x509::OcspAnswer answer = AskOne(kGood);
  EXPECT_EQ(answer.status, OcspCertStatus::kRevoked);
  EXPECT_EQ(answer.reason, x509::RevocationReason::kSuperseded);
  EXPECT_GE(answer.this_update, answer.revocation_time);
  world_.Hold(kForeign);
  ASSERT_OK(world_.feed.Poll());
  EXPECT_EQ(AskOne(kForeign).status, OcspCertStatus::kUnknown);
}

TEST_F(OcspHandlerTest, AHoldIsToldAndItsRelease) {
  world_.Certified();
  world_.Hold(kGood);
  const x509::OcspAnswer held = AskOne(kGood);
  EXPECT_EQ(held.status, OcspCertStatus::kRevoked);
  EXPECT_EQ(held.reason, x509::RevocationReason::kCertificateHold);
  ASSERT_OK(world_.feed.Poll());
  world_.Release(kGood);
  ASSERT_OK(world_.feed.Poll());
  EXPECT_EQ(AskOne(kGood).status, OcspCertStatus::kGood);
}

TEST_F(OcspHandlerTest, SignsAnewAtHalfOfTheLifetimeWithoutTheDatabase) {
  world_.Certified();
  AskOne(kGood);
  world_.clock.Advance(kLifetime / 2 - absl::Seconds(1));
  ASSERT_OK(world_.feed.Poll());
  EXPECT_EQ(AskOne(kGood).this_update, x509::TestTime());
  world_.clock.Advance(absl::Seconds(1));
  ASSERT_OK(world_.feed.Poll());
  world_.database.FailNext(absl::UnavailableError("asked"));
  EXPECT_EQ(AskOne(kGood).this_update, world_.clock.Now());
}

TEST_F(OcspHandlerTest, WithoutTheDatabaseItSaysWhatItKnowsUntilNextUpdate) {
  world_.Certified();
  AskOne(kGood);
  world_.clock.Advance(absl::Minutes(59));
  const x509::OcspAnswer old = AskOne(kGood);
  EXPECT_EQ(old.status, OcspCertStatus::kGood);
  EXPECT_EQ(old.this_update, x509::TestTime());
  // Also signed just now.
  const auto nonced =
      Parse(Post(Ask(*world_.ca.issuer, {kGood}, OcspHash::kSha1, "nonce")));
  EXPECT_EQ(nonced->answers[0].this_update, x509::TestTime());
  EXPECT_EQ(nonced->answers[0].next_update, x509::TestTime() + kLifetime);
  EXPECT_EQ(nonced->produced_at, world_.clock.Now());
  // What is not known is not said.
  world_.database.FailNext(absl::UnavailableError("away"));
  ExpectTryLater(Post(Ask(*world_.ca.issuer, {kBad})));
  world_.clock.Advance(absl::Minutes(1));
  world_.database.FailNext(absl::UnavailableError("away"));
  ExpectTryLater(Post(Ask(*world_.ca.issuer, {kGood})));
  world_.database.FailNext(absl::UnavailableError("away"));
  world_.clock.Advance(absl::Minutes(1));
  ExpectTryLater(
      Post(Ask(*world_.ca.issuer, {kGood}, OcspHash::kSha1, "nonce")));
  // And it comes back by itself.
  world_.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(AskOne(kGood).status, OcspCertStatus::kGood);
}

TEST_F(OcspHandlerTest, ALookUpThatFailedIsNotRepeatedAtOnce) {
  world_.Certified();
  world_.database.FailNext(absl::UnavailableError("away"));
  ExpectTryLater(Post(Ask(*world_.ca.issuer, {kGood})));
  ExpectTryLater(Post(Ask(*world_.ca.issuer, {kGood})));
  world_.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(AskOne(kGood).status, OcspCertStatus::kGood);
  EXPECT_EQ(world_.metrics.try_later_database.Value(), 2);
}

TEST_F(OcspHandlerTest, WithoutAResponderItSaysTryLater) {
  ASSERT_OK(world_.feed.Poll());
  ExpectTryLater(Post(Ask(*world_.ca.issuer, {kGood})));
  EXPECT_EQ(world_.metrics.try_later_responder.Value(), 1);
  world_.responders.Renew();
  EXPECT_EQ(AskOne(kGood).status, OcspCertStatus::kGood);
  // `other` has none still.
  ExpectTryLater(Post(Ask(*world_.other_ca.issuer, {kForeign})));
}

TEST_F(OcspHandlerTest, NothingIsSaidBeyondTheRespondersCertificate) {
  world_.fake_ca.responder_life = absl::Minutes(30);
  world_.Certified();
  const absl::Time end = world_.clock.Now() + absl::Minutes(30);
  EXPECT_EQ(AskOne(kGood).next_update, end);
  const auto nonced =
      Parse(Post(Ask(*world_.ca.issuer, {kGood}, OcspHash::kSha1, "nonce")));
  EXPECT_EQ(nonced->answers[0].next_update, end);
  world_.clock.Advance(absl::Minutes(30));
  ASSERT_OK(world_.feed.Poll());
  ExpectTryLater(Post(Ask(*world_.ca.issuer, {kGood})));
}

TEST_F(OcspHandlerTest, BeforeTheFeedBeginsNothingIsKept) {
  world_.responders.Renew();
  // It was looked up just now: that may be said.
  EXPECT_EQ(AskOne(kGood).status, OcspCertStatus::kGood);
  EXPECT_EQ(world_.cache.size().entries, 0);
}

TEST_F(OcspHandlerTest, AnExpiredCertificateHasAnArchiveCutoff) {
  world_.Certified();
  world_.clock.Advance(absl::Hours(24 * 91));
  world_.responders.Renew();
  ASSERT_OK(world_.feed.Poll());
  EXPECT_EQ(AskOne(kBad).archive_cutoff, (*world_.ca.issuer)->not_before);
}

TEST_F(OcspHandlerTest, AStepOfTheClockBackMakesNothingOfTheFuture) {
  world_.Certified();
  AskOne(kGood);
  world_.clock.Set(world_.clock.Now() - absl::Seconds(200));
  EXPECT_EQ(AskOne(kGood).this_update, world_.clock.Now());
  EXPECT_EQ((*last_)->produced_at, world_.clock.Now());
}

TEST_F(OcspHandlerTest, AStepOfTheClockForwardLeavesNothingStale) {
  world_.Certified();
  AskOne(kGood);
  world_.clock.Set(world_.clock.Now() + absl::Hours(2));
  // What was known is too old by this clock, so it is looked up.
  EXPECT_EQ(AskOne(kGood).this_update, world_.clock.Now());
}

TEST_F(OcspHandlerTest, BeyondTheQueueItSaysTryLater) {
  world_.Certified();
  options_.queued_lookups = 0;
  ExpectTryLater(Post(Ask(*world_.ca.issuer, {kGood})));
  EXPECT_EQ(world_.metrics.try_later_queue.Value(), 1);
}

TEST_F(OcspHandlerTest, MaxAgeEndsWithTheResponse) {
  world_.Certified();
  const std::string der = Ask(*world_.ca.issuer, {kGood});
  Get(der);
  world_.clock.Advance(kLifetime - absl::Seconds(10));
  const http::Response response = Get(der);
  EXPECT_THAT(http::HeadersOf(response), HasSubstr("max-age=10,"));
}

TEST_F(OcspHandlerTest, OfADatabaseThatForgotNothingIsSaid) {
  world_.Certified();
  EXPECT_EQ(AskOne(kBad).status, OcspCertStatus::kRevoked);
  {
    storage::FakeDatabase::Transaction transaction(world_.database);
    transaction->revocations.clear();
    transaction->changes.clear();
    transaction.Commit();
  }
  ASSERT_OK(world_.feed.Poll());
  ExpectTryLater(Post(Ask(*world_.ca.issuer, {kBad})));
  ExpectTryLater(
      Post(Ask(*world_.ca.issuer, {kGood}, OcspHash::kSha1, "nonce")));
  EXPECT_EQ(world_.metrics.try_later_history.Value(), 2);
}

TEST_F(OcspHandlerTest, ADatabaseThatForgotIsNotBelievedBeforeTheFeedNotices) {
  world_.Certified();
  {
    storage::FakeDatabase::Transaction transaction(world_.database);
    transaction->revocations.clear();
    transaction->changes.clear();
    transaction.Commit();
  }
  ExpectTryLater(Post(Ask(*world_.ca.issuer, {kBad})));
  EXPECT_EQ(world_.cache.size().entries, 0);
}

// A store whose answer is read before, and comes after, what `meanwhile` does.
class SlowStore : public storage::StatusStore {
 public:
  explicit SlowStore(storage::StatusStore& store) : store_(store) {}
  absl::StatusOr<Statuses> Find(
      absl::Span<const std::string> serials) override {
    auto statuses = store_.Find(serials);
    if (meanwhile) {
      meanwhile();
    }
    return statuses;
  }
  absl::StatusOr<std::vector<storage::ShardStatus>> ListShards(
      absl::Time now) override {
    return store_.ListShards(now);
  }
  absl::StatusOr<storage::CrlRow> ReadCrl(absl::string_view issuer_id,
                                          int shard) override {
    return store_.ReadCrl(issuer_id, shard);
  }
  absl::StatusOr<ShardTruth> ReadTruth(absl::string_view issuer_id,
                                       int shard) override {
    return store_.ReadTruth(issuer_id, shard);
  }
  std::function<void()> meanwhile;

 private:
  storage::StatusStore& store_;
};

TEST_F(OcspHandlerTest, ARevocationBetweenLookUpAndInsertionIsNotForgotten) {
  world_.Certified();
  SlowStore slow(world_.statuses);
  handler_ = std::make_unique<OcspHandler>(
      slow, world_.issuers, world_.feed, world_.responders, world_.cache,
      world_.clock, world_.metrics, options_);
  slow.meanwhile = [this] {
    world_.clock.Advance(absl::Seconds(5));
    world_.Revoke(kGood);
    ASSERT_OK(world_.feed.Poll());
  };
  // What was read was true when it was read, and says so.
  const absl::Time before = world_.clock.Now();
  const x509::OcspAnswer answer = AskOne(kGood);
  EXPECT_EQ(answer.status, OcspCertStatus::kGood);
  EXPECT_EQ(answer.this_update, before);
  slow.meanwhile = nullptr;
  EXPECT_EQ(AskOne(kGood).status, OcspCertStatus::kRevoked);
}

TEST_F(OcspHandlerTest, ARestartBetweenLookUpAndInsertionDropsWhatWasRead) {
  world_.Certified();
  SlowStore slow(world_.statuses);
  handler_ = std::make_unique<OcspHandler>(
      slow, world_.issuers, world_.feed, world_.responders, world_.cache,
      world_.clock, world_.metrics, options_);
  slow.meanwhile = [this] { world_.cache.Restart(0); };
  AskOne(kGood);
  EXPECT_EQ(world_.cache.size().entries, 0);
}

}  // namespace
}  // namespace birthmark::status
