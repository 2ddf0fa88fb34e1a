#include "services/inventory/device_watch.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "birthmark/options/v1/access.pb.h"
#include "google/protobuf/message.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/fake_clock.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/rpc/caller.h"
#include "lib/telemetry/metrics.h"
#include "lib/telemetry/rpc_metrics.h"

namespace birthmark::inventory {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using Request = DeviceWatchStream::Request;
using Response = DeviceWatchStream::Response;
using storage::FeedEvent;
using storage::FeedPosition;

constexpr char kWatch[] = "birthmark.device.v1.DeviceService.WatchDevices";

// Within ten seconds, as busy as the machine may be.
template <typename Condition>
bool Eventually(const Condition& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) {
      return true;
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  return condition();
}

// MemoryFeed is a feed that tests add to.
class MemoryFeed : public storage::DeviceFeed {
 public:
  absl::StatusOr<FeedPosition> Head() override {
    std::lock_guard<std::mutex> lock(mutex_);
    return events_.empty() ? FeedPosition() : events_.back().position;
  }
  absl::Status Check(const FeedPosition& position) override {
    std::lock_guard<std::mutex> lock(mutex_);
    const bool known = std::any_of(
        events_.begin(), events_.end(),
        [&](const FeedEvent& event) { return event.position == position; });
    return known || position.event_id.empty()
               ? absl::OkStatus()
               : MakeError(StatusCode::kOutOfRange,
                           reasons::kResumeTokenUnknown, "unknown");
  }
  absl::StatusOr<std::vector<FeedEvent>> Read(const FeedPosition& after,
                                              int limit) override {
    std::lock_guard<std::mutex> lock(mutex_);
    ++reads_;
    if (!fail_.ok()) {
      return fail_;
    }
    std::vector<FeedEvent> events;
    for (const FeedEvent& event : events_) {
      if (after < event.position &&
          events.size() < static_cast<size_t>(limit)) {
        events.push_back(event);
      }
    }
    return events;
  }

  void Add(const std::string& kind, const std::string& fleet = "acme") {
    std::lock_guard<std::mutex> lock(mutex_);
    const int64_t n = static_cast<int64_t>(events_.size()) + 1;
    const std::string id =
        FormatUid(absl::FromUnixSeconds(1795000000 + n), "0123456789");
    events_.push_back({{n, id},
                       {.device_uid = id,
                        .fleet_id = fleet,
                        .event_id = id,
                        .kind = kind,
                        .create_time = absl::FromUnixSeconds(1795000000)}});
  }
  void Fail(absl::Status status) {
    std::lock_guard<std::mutex> lock(mutex_);
    fail_ = std::move(status);
  }
  void Forget() {
    std::lock_guard<std::mutex> lock(mutex_);
    events_.clear();
  }
  int reads() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return reads_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<FeedEvent> events_;
  absl::Status fail_;
  int reads_ = 0;
};

// FakeCore is a client: it reads what is written unless it is told not to.
class FakeCore : public rpc::StreamCore {
 public:
  bool Write(std::unique_ptr<google::protobuf::Message> message) override {
    std::lock_guard<std::mutex> lock(mutex_);
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
  void Cut() override {}
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
  size_t messages() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return responses_.size();
  }
  std::vector<std::string> kinds() const {
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<std::string> kinds;
    for (const Response& response : responses_) {
      for (const auto& event : response.events()) {
        kinds.push_back(event.kind());
      }
    }
    return kinds;
  }
  std::string token() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return responses_.empty() ? "" : responses_.back().resume_token();
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
  bool finished_ = false;
  absl::Status status_;
};

class DeviceWatchTest : public testing::Test {
 protected:
  struct Client {
    std::shared_ptr<FakeCore> core;
    absl::StatusOr<std::shared_ptr<rpc::Router::RawBidiHandler>> handler;
  };

  DeviceWatchTest() {
    router_.AddService(
        *Request::descriptor()->file()->FindServiceByName("DeviceService"));
    watch_.Register(router_);
  }

  Client Open() {
    Client client;
    client.core = std::make_shared<FakeCore>();
    auto caller = std::make_shared<rpc::Caller>();
    caller->role = options::v1::ROLE_OPERATOR;
    caller->actor = "spiffe://x/operator/ada";
    client.handler = router_.Find(kWatch)->bidi(
        rpc::CallContext(caller, kWatch, absl::InfiniteFuture()), client.core);
    return client;
  }
  Client Watch(const std::string& parent, const std::string& token = "") {
    Client client = Open();
    EXPECT_OK(client.handler);
    auto request = std::make_unique<Request>();
    request->set_parent(parent);
    request->set_resume_token(token);
    (*client.handler)->OnMessage(std::move(request));
    return client;
  }
  static bool Sees(const Client& client,
                   const std::vector<std::string>& kinds) {
    return Eventually([&] { return client.core->kinds() == kinds; });
  }

  MemoryFeed feed_;
  FakeClock clock_;
  std::mutex mutex_;
  absl::Status gate_;  // under mutex_
  const rpc::PageTokenCodec tokens_{"secret"};
  telemetry::Registry registry_;
  telemetry::RpcMetrics rpc_metrics_{registry_};
  rpc::Router router_{{.status_gate =
                           [this](const rpc::Caller&, bool) {
                             std::lock_guard<std::mutex> lock(mutex_);
                             return gate_;
                           }},
                      clock_,
                      rpc_metrics_};
  DeviceWatch watch_{feed_,
                     tokens_,
                     clock_,
                     {.streams = 3,
                      .events = 4,
                      .rest = absl::Milliseconds(10),
                      .gate = absl::Seconds(10)}};
};

TEST_F(DeviceWatchTest, TellsWhatHappensFromNowOn) {
  feed_.Add("before");
  const Client all = Watch("fleets/-");
  const Client other = Watch("fleets/other");
  feed_.Add("one");
  feed_.Add("two", "other");
  EXPECT_TRUE(Sees(all, {"one", "two"}));
  EXPECT_TRUE(Sees(other, {"two"}));
}

TEST_F(DeviceWatchTest, GoesOnFromAToken) {
  for (const char* kind : {"a", "b", "c", "d", "e", "f"}) {
    feed_.Add(kind);
  }
  const Client first = Watch("fleets/acme");
  feed_.Add("g");
  ASSERT_TRUE(Sees(first, {"g"}));
  const std::string token = first.core->token();
  for (const char* kind : {"h", "i", "j", "k", "l", "m"}) {
    feed_.Add(kind);
  }
  const Client again = Watch("fleets/acme", token);
  EXPECT_TRUE(Sees(again, {"h", "i", "j", "k", "l", "m"}));
  // From the newest of those nothing comes twice.
  const Client last = Watch("fleets/acme", again.core->token());
  feed_.Add("n");
  EXPECT_TRUE(Sees(last, {"n"}));
}

TEST_F(DeviceWatchTest, RefusesATokenOfAnotherHistory) {
  feed_.Add("a");
  const Client first = Watch("fleets/acme");
  feed_.Add("b");
  ASSERT_TRUE(Sees(first, {"b"}));
  const std::string token = first.core->token();
  for (const auto& [parent, other] :
       std::vector<std::pair<std::string, std::string>>{
           {"fleets/acme", "x"},
           {"fleets/acme", std::string(5000, 'x')},
           {"fleets/-", token},
           {"fleets/other", token}}) {
    EXPECT_THAT(
        Watch(parent, other).core->WaitForEnd(),
        StatusIs(StatusCode::kOutOfRange, reasons::kResumeTokenUnknown));
  }
  feed_.Forget();  // restored to before
  EXPECT_THAT(Watch("fleets/acme", token).core->WaitForEnd(),
              StatusIs(StatusCode::kOutOfRange, reasons::kResumeTokenUnknown));
}

TEST_F(DeviceWatchTest, RefusesAParentThatIsNone) {
  for (const char* parent : {"", "fleets/", "fleets/A", "devices/-"}) {
    EXPECT_THAT(
        Watch(parent).core->WaitForEnd(),
        StatusIs(StatusCode::kInvalidArgument, reasons::kBadResourceName));
  }
}

TEST_F(DeviceWatchTest, SendsATokenWhenNothingHappens) {
  const Client client = Watch("fleets/acme");
  ASSERT_TRUE(Eventually([&] { return feed_.reads() > 3; }));
  EXPECT_EQ(client.core->messages(), 0);
  clock_.Advance(DeviceWatchStream::kHeartbeat);
  ASSERT_TRUE(Eventually([&] { return client.core->messages() == 1; }));
  EXPECT_FALSE(client.core->token().empty());
  feed_.Add("a", "other");
  feed_.Add("b");
  EXPECT_TRUE(Sees(Watch("fleets/acme", client.core->token()), {"b"}));
}

TEST_F(DeviceWatchTest, WhoDoesNotReadHasOneMessageWaitingAndLosesNothing) {
  const Client client = Watch("fleets/acme");
  ASSERT_TRUE(Eventually([&] { return feed_.reads() > 0; }));
  client.core->Read(false);
  std::vector<std::string> kinds;
  feed_.Add("first");
  kinds.push_back("first");
  ASSERT_TRUE(Sees(client, kinds));
  for (int i = 0; i < 20; ++i) {
    kinds.push_back(absl::StrCat("k", i));
    feed_.Add(kinds.back());
  }
  const Client other = Watch("fleets/-");  // somebody else is served
  feed_.Add("last");
  kinds.push_back("last");
  ASSERT_TRUE(Sees(other, {"last"}));
  EXPECT_EQ(client.core->messages(), 1);
  client.core->Read(true);
  EXPECT_TRUE(Sees(client, kinds));
}

TEST_F(DeviceWatchTest, ServesSoManyAtATime) {
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(Watch("fleets/-"));
  }
  EXPECT_THAT(Open().handler, StatusIs(StatusCode::kResourceExhausted,
                                       reasons::kTooManyInFlight));
  (*clients[0].handler)->OnCancel();
  EXPECT_OK(Open().handler);
}

TEST_F(DeviceWatchTest, EndsAtDrainAndWithoutTheDatabase) {
  const Client drained = Watch("fleets/-");
  (*drained.handler)->OnDrain();
  EXPECT_THAT(drained.core->WaitForEnd(),
              StatusIs(StatusCode::kUnavailable, reasons::kServerDraining));
  const Client cut = Watch("fleets/-");
  feed_.Fail(absl::UnavailableError("away"));
  EXPECT_THAT(cut.core->WaitForEnd(),
              StatusIs(StatusCode::kUnavailable, reasons::kDatabaseOffline));
}

TEST_F(DeviceWatchTest, EndsWhenTheCallerMayNoLonger) {
  const Client client = Watch("fleets/-");
  {
    std::lock_guard<std::mutex> lock(mutex_);
    gate_ = MakeError(StatusCode::kUnauthenticated,
                      reasons::kCertificateRevoked, "revoked");
  }
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(
      client.core->WaitForEnd(),
      StatusIs(StatusCode::kUnauthenticated, reasons::kCertificateRevoked));
}

TEST_F(DeviceWatchTest, EndsACallWithoutARequest) {
  const Client client = Open();
  ASSERT_OK(client.handler);
  clock_.Advance(DeviceWatchStream::kPatience);
  EXPECT_THAT(client.core->WaitForEnd(),
              StatusIs(StatusCode::kInvalidArgument, reasons::kInvalidField));
}

TEST_F(DeviceWatchTest, StreamsAtTheHeadShareOneRead) {
  for (int i = 0; i < 3; ++i) {
    Watch("fleets/-");
  }
  feed_.Add("a");
  const int before = feed_.reads();
  ASSERT_TRUE(Eventually([&] { return feed_.reads() > before + 10; }));
  // One in 10 ms, not three.
  const int reads = feed_.reads();
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_LE(feed_.reads() - reads, 15);
}

}  // namespace
}  // namespace birthmark::inventory
