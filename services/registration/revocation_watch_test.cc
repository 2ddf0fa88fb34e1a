#include "services/registration/revocation_watch.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "birthmark/options/v1/access.pb.h"
#include "google/protobuf/message.h"
#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/telemetry/metrics.h"
#include "lib/telemetry/rpc_metrics.h"
#include "services/registration/revocation_testing.h"

namespace birthmark::registration {
namespace {

using absl::StatusCode;
using Request = WatchStream::Request;
using Response = WatchStream::Response;
using storage::RevocationState;

constexpr char kWatch[] =
    "birthmark.revocation.v1.RevocationService.WatchRevocations";

// The certificate of the caller.
constexpr int kOwn = 999999;

// FakeCore is a client: it reads what is written unless it is told not to.
class FakeCore : public rpc::StreamCore {
 public:
  bool Write(std::unique_ptr<google::protobuf::Message> message) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (finished_) {
      return false;
    }
    pending_ += reads_ ? 0 : 1;
    responses_.push_back(dynamic_cast<const Response&>(*message));
    return true;
  }
  void RequestNext() override {}
  void Finish(absl::Status status) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!finished_) {
      finished_ = true;
      status_ = std::move(status);
    }
  }
  void Cut() override {
    std::lock_guard<std::mutex> lock(mutex_);
    cut_ = true;
  }
  size_t PendingWrites() const override {
    std::lock_guard<std::mutex> lock(mutex_);
    return pending_;
  }
  bool IsOver() const override {
    std::lock_guard<std::mutex> lock(mutex_);
    return finished_;
  }

  void Read(bool reads) {
    std::lock_guard<std::mutex> lock(mutex_);
    reads_ = reads;
    pending_ = 0;
  }
  std::vector<Response> responses() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return responses_;
  }
  size_t changes() const {
    std::lock_guard<std::mutex> lock(mutex_);
    size_t count = 0;
    for (const Response& response : responses_) {
      count += static_cast<size_t>(response.changes_size());
    }
    return count;
  }
  absl::Status WaitForEnd() const {
    EXPECT_TRUE(Eventually([this] { return IsOver(); }));
    std::lock_guard<std::mutex> lock(mutex_);
    return status_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Response> responses_;
  size_t pending_ = 0;
  bool reads_ = true;
  bool cut_ = false;
  bool finished_ = false;
  absl::Status status_;
};

class RevocationWatchTest : public testing::Test {
 protected:
  RevocationWatchTest()
      : follower_(*RevocationFollower::New(log_, nullptr, Clock::Real(),
                                           metrics_, listener_.Listen())),
        watch_(std::make_unique<RevocationWatch>(log_, *follower_, tokens_,
                                                 Clock::Real(), metrics_)) {
    router_.AddService(
        *Request::descriptor()->file()->FindServiceByName("RevocationService"));
    watch_->Register(router_);
  }

  static rpc::Caller Point(const std::string& name) {
    rpc::Caller caller;
    caller.role = options::v1::ROLE_ENFORCEMENT_POINT;
    caller.actor = absl::StrCat("spiffe://x/enforcement-point/", name);
    caller.serial = HexEncode(MakeChange(kOwn).serial);
    return caller;
  }

  struct Client {
    std::shared_ptr<FakeCore> core;
    absl::StatusOr<std::shared_ptr<rpc::Router::RawBidiHandler>> handler;
  };

  Client Open(const std::string& name = "b1") {
    Client client;
    client.core = std::make_shared<FakeCore>();
    const rpc::CallContext context(
        std::make_shared<const rpc::Caller>(Point(name)), kWatch,
        absl::InfiniteFuture());
    client.handler = router_.Find(kWatch)->bidi(context, client.core);
    return client;
  }

  Client Watch(const std::string& token = "", const std::string& issuer = "",
               const std::string& name = "b1") {
    Client client = Open(name);
    EXPECT_OK(client.handler);
    Send(client, token, issuer);
    return client;
  }

  static void Send(const Client& client, const std::string& token,
                   const std::string& issuer) {
    auto request = std::make_unique<Request>();
    request->set_resume_token(token);
    request->set_issuer(issuer);
    (*client.handler)->OnMessage(std::move(request));
    (*client.handler)->OnHalfClose();
  }

  // Watches until the first message has come, which says that it works.
  Client WatchUntilHeard(const std::string& token = "",
                         const std::string& issuer = "") {
    Client client = Watch(token, issuer);
    EXPECT_TRUE(Eventually([&] { return !client.core->responses().empty(); }));
    return client;
  }

  // Meanwhile the database is heard of, so that a machine on which something
  // takes seconds ends no stream.
  bool Eventually(const std::function<bool()>& condition) {
    return registration::Eventually([&] {
      listener_.Beat();
      return condition();
    });
  }

  int64_t Commit(storage::RevocationChange change) {
    const int64_t revision = log_.Commit(std::move(change));
    listener_.Notify();
    return revision;
  }

  telemetry::Registry registry_;
  Metrics metrics_{registry_};
  telemetry::RpcMetrics rpc_metrics_{registry_};
  TestLog log_;
  TestListener listener_;
  rpc::PageTokenCodec tokens_{"secret"};
  rpc::Router router_{{}, Clock::Real(), rpc_metrics_};
  std::unique_ptr<RevocationFollower> follower_;
  std::unique_ptr<RevocationWatch> watch_;
};

TEST_F(RevocationWatchTest, AStreamHearsFromThePresentOn) {
  Commit(MakeChange(1));
  ASSERT_TRUE(Eventually([&] { return follower_->view().revision == 1; }));
  const Client client = WatchUntilHeard();
  EXPECT_EQ(client.core->responses()[0].changes_size(), 0);
  EXPECT_EQ(client.core->responses()[0].revision(), 1);
  Commit(MakeChange(2, RevocationState::kHeld));
  ASSERT_TRUE(Eventually([&] { return client.core->changes() == 1; }));
  const Response response = client.core->responses()[1];
  EXPECT_EQ(response.revision(), 2);
  EXPECT_EQ(response.changes(0).certificate(),
            absl::StrCat("issuers/idevid/certificates/",
                         HexEncode(MakeChange(2).serial)));
  EXPECT_EQ(response.changes(0).state(), revocation::v1::REVOCATION_STATE_HELD);
  EXPECT_EQ(static_cast<int>(response.changes(0).reason()), 6);
  EXPECT_NE(response.resume_token(),
            client.core->responses()[0].resume_token());
}

TEST_F(RevocationWatchTest, ATokenLeadsOnWithoutGapOrRepeat) {
  std::string token = WatchUntilHeard().core->responses()[0].resume_token();
  const int count = static_cast<int>(RevocationFollower::kKept) + 2500;
  for (int i = 1; i <= count; ++i) {
    log_.Commit(MakeChange(i));
  }
  listener_.Notify();
  const Client client = Watch(token);
  ASSERT_TRUE(Eventually([&] {
    return client.core->changes() == static_cast<size_t>(count);
  })) << client.core->changes();
  int next = 0;
  for (const Response& response : client.core->responses()) {
    EXPECT_LE(response.changes_size(), 1000);
    for (const auto& change : response.changes()) {
      EXPECT_EQ(change.certificate(),
                absl::StrCat("issuers/idevid/certificates/",
                             HexEncode(MakeChange(++next).serial)));
    }
  }
  // Every token on the way leads to the rest.
  const Response middle = client.core->responses()[4];
  const Client again = Watch(middle.resume_token());
  EXPECT_TRUE(Eventually([&] {
    return again.core->changes() ==
           static_cast<size_t>(count - middle.revision());
  }));
}

TEST_F(RevocationWatchTest, AFilterLeavesOthersOutButMovesOn) {
  const Client client = WatchUntilHeard("", "issuers/ldevid");
  Commit(MakeChange(1));
  Commit(MakeChange(2, RevocationState::kRevoked, "ldevid"));
  Commit(MakeChange(3));
  ASSERT_TRUE(Eventually([&] { return client.core->changes() == 1; }));
  // The token of one filter is not another's.
  const std::string token = client.core->responses().back().resume_token();
  EXPECT_THAT(Watch(token).core->WaitForEnd(),
              StatusIs(StatusCode::kOutOfRange, reasons::kResumeTokenUnknown));
  const Client again = Watch(token, "issuers/ldevid");
  EXPECT_TRUE(Eventually([&] { return !again.core->responses().empty(); }));
  EXPECT_EQ(again.core->changes(), 0u);
}

TEST_F(RevocationWatchTest, AQuietStreamHasHeartbeats) {
  const Client client = WatchUntilHeard();
  const absl::Duration begin = Clock::Real().MonotonicNow();
  while (client.core->responses().size() < 2 &&
         Clock::Real().MonotonicNow() - begin < absl::Seconds(60)) {
    listener_.Beat();
    absl::SleepFor(absl::Milliseconds(100));
  }
  ASSERT_GE(client.core->responses().size(), 2u);
  EXPECT_LT(Clock::Real().MonotonicNow() - begin, absl::Seconds(20));
  EXPECT_EQ(client.core->responses()[1].changes_size(), 0);
  EXPECT_FALSE(client.core->responses()[1].resume_token().empty());
}

TEST_F(RevocationWatchTest, WhoDoesNotReadWaitsWithOneMessageAndThenGetsAll) {
  const Client client = WatchUntilHeard();
  client.core->Read(false);
  for (int i = 1; i <= 5000; ++i) {
    log_.Commit(MakeChange(i));
  }
  listener_.Notify();
  const Client other = WatchUntilHeard();
  ASSERT_TRUE(Eventually([&] { return client.core->changes() > 0; }));
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_LE(client.core->responses().size(), 2u);
  client.core->Read(true);
  EXPECT_TRUE(Eventually([&] { return client.core->changes() == 5000; }));
}

TEST_F(RevocationWatchTest, ForeignTokensAreUnknown) {
  const Client client = WatchUntilHeard();
  Commit(MakeChange(1));
  Commit(MakeChange(2));
  ASSERT_TRUE(Eventually([&] { return client.core->changes() == 2; }));
  const std::string token = client.core->responses().back().resume_token();
  log_.SetBack(1);
  for (const std::string& bad : {token, std::string("x"), token + "A"}) {
    EXPECT_THAT(
        Watch(bad).core->WaitForEnd(),
        StatusIs(StatusCode::kOutOfRange, reasons::kResumeTokenUnknown));
  }
  log_.Commit(MakeChange(77));  // revision 2 means something else now
  EXPECT_THAT(Watch(token).core->WaitForEnd(),
              StatusIs(StatusCode::kOutOfRange, reasons::kResumeTokenUnknown));
}

TEST_F(RevocationWatchTest, ABadIssuerIsRefused) {
  EXPECT_THAT(
      Watch("", "idevid").core->WaitForEnd(),
      StatusIs(StatusCode::kInvalidArgument, reasons::kBadResourceName));
}

TEST_F(RevocationWatchTest, AStreamWhoseOwnCertificateIsRevokedEnds) {
  const Client client = WatchUntilHeard("", "issuers/idevid");
  Commit(MakeChange(kOwn, RevocationState::kRevoked, "internal"));
  EXPECT_THAT(
      client.core->WaitForEnd(),
      StatusIs(StatusCode::kUnauthenticated, reasons::kCertificateRevoked));
}

TEST_F(RevocationWatchTest, OneCallerHasSoManyStreams) {
  std::vector<Client> clients;
  for (int i = 0; i < RevocationWatch::kStreamsOfOne; ++i) {
    clients.push_back(Watch());
  }
  EXPECT_THAT(Open().handler, StatusIs(StatusCode::kResourceExhausted,
                                       reasons::kTooManyInFlight));
  EXPECT_OK(Open("b2").handler);
  (*clients[0].handler)->OnCancel();
  EXPECT_OK(Open().handler);
}

TEST_F(RevocationWatchTest, AShutdownSendsStreamsElsewhere) {
  const Client client = WatchUntilHeard();
  (*client.handler)->OnDrain();
  EXPECT_THAT(client.core->WaitForEnd(),
              StatusIs(StatusCode::kUnavailable, reasons::kServerDraining));
}

TEST_F(RevocationWatchTest, ManyStreamsHearAtOnce) {
  std::vector<Client> clients;
  for (int i = 0; i < 2000; ++i) {
    clients.push_back(Watch("", "", absl::StrCat("b", i)));
  }
  for (const Client& client : clients) {
    ASSERT_TRUE(Eventually([&] { return !client.core->responses().empty(); }));
  }
  const absl::Duration begin = Clock::Real().MonotonicNow();
  Commit(MakeChange(1));
  for (const Client& client : clients) {
    ASSERT_TRUE(Eventually([&] { return client.core->changes() == 1; }));
  }
  // The promise is a second; a machine that is busy with other tests gets more.
  EXPECT_LT(Clock::Real().MonotonicNow() - begin, absl::Seconds(10));
}

TEST_F(RevocationWatchTest, AnUnreadableLogEndsThoseWhoNeedIt) {
  std::string token = WatchUntilHeard().core->responses()[0].resume_token();
  log_.Fail(absl::UnavailableError("gone"));
  // The beginning of history needs no look at the database to be believed.
  EXPECT_OK(Watch(token).handler);
  log_.Fail(absl::OkStatus());
  Commit(MakeChange(1));
  const Client client = WatchUntilHeard();
  token = client.core->responses()[0].resume_token();
  log_.Fail(absl::UnavailableError("gone"));
  const absl::Status end = Watch(token).core->WaitForEnd();
  EXPECT_TRUE(end.code() == StatusCode::kUnavailable || end.ok());
  log_.Fail(absl::OkStatus());
}

TEST(RevocationWatchSilenceTest, WithoutTheDatabaseNothingIsClaimed) {
  telemetry::Registry registry;
  Metrics metrics(registry);
  telemetry::RpcMetrics rpc_metrics(registry);
  rpc::Router router({}, Clock::Real(), rpc_metrics);
  router.AddService(
      *Request::descriptor()->file()->FindServiceByName("RevocationService"));
  TestLog log;
  TestListener listener;
  rpc::PageTokenCodec tokens("secret");
  const auto follower = *RevocationFollower::New(log, nullptr, Clock::Real(),
                                                 metrics, listener.Listen());
  RevocationWatch watch(log, *follower, tokens, Clock::Real(), metrics);
  watch.Register(router);
  auto core = std::make_shared<FakeCore>();
  const auto handler = router.Find(kWatch)->bidi(
      rpc::CallContext(std::make_shared<const rpc::Caller>(), kWatch,
                       absl::InfiniteFuture()),
      core);
  (*handler)->OnMessage(std::make_unique<Request>());
  // No heartbeat of the database ever comes.
  EXPECT_THAT(core->WaitForEnd(),
              StatusIs(StatusCode::kUnavailable, reasons::kDatabaseOffline));
  auto late = std::make_shared<FakeCore>();
  const auto next = router.Find(kWatch)->bidi(
      rpc::CallContext(std::make_shared<const rpc::Caller>(), kWatch,
                       absl::InfiniteFuture()),
      late);
  (*next)->OnMessage(std::make_unique<Request>());
  EXPECT_THAT(late->WaitForEnd(),
              StatusIs(StatusCode::kUnavailable, reasons::kDatabaseOffline));
}

}  // namespace
}  // namespace birthmark::registration
