#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/testing.h"
#include "lib/rpc/grpc_channel.h"
#include "lib/rpc/server.h"
#include "lib/rpc/test_pki.h"
#include "lib/telemetry/metrics.h"

namespace birthmark::rpc {
namespace {

using provisioning::v1::IssueBatchRequest;
using provisioning::v1::IssueBatchResponse;
using Client = ClientStream<IssueBatchRequest, IssueBatchResponse>;
using ::testing::HasSubstr;

constexpr char kIssueBatch[] =
    "birthmark.provisioning.v1.ProvisioningService.IssueBatch";

// What a test wants of the handler, and what the handler has seen.
struct Script {
  absl::Status open;         // what the factory says
  bool ask_for_more = true;  // RequestNext after each message
  int answers = 1;           // for each item
  size_t answer_size = 1;    // of the certificate in an answer
  std::atomic<int> messages{0};
  std::atomic<int> half_closes{0};
  std::atomic<int> cancels{0};
  std::atomic<int> drains{0};
  std::atomic<int> alive{0};
  std::mutex mutex;
  std::vector<BidiStream<IssueBatchResponse>> streams;  // under mutex
};

class EchoHandler : public BidiHandler<IssueBatchRequest> {
 public:
  EchoHandler(Script& script, BidiStream<IssueBatchResponse> stream)
      : script_(script), stream_(std::move(stream)) {
    ++script_.alive;
    std::lock_guard<std::mutex> lock(script_.mutex);
    script_.streams.push_back(stream_);
  }
  ~EchoHandler() override { --script_.alive; }

  void OnMessage(IssueBatchRequest request) override {
    ++script_.messages;
    for (const auto& item : request.items().items()) {
      for (int i = 0; i < script_.answers; ++i) {
        IssueBatchResponse response;
        auto* result = response.mutable_results()->add_results();
        result->set_item_id(item.item_id());
        result->set_certificate_der(std::string(script_.answer_size, 'c'));
        stream_.Write(std::move(response));
      }
    }
    if (script_.ask_for_more) {
      stream_.RequestNext();
    }
  }
  void OnHalfClose() override {
    ++script_.half_closes;
    stream_.Finish(absl::OkStatus());
  }
  void OnCancel() override { ++script_.cancels; }
  void OnDrain() override {
    ++script_.drains;
    stream_.Finish(MakeError(absl::StatusCode::kUnavailable,
                             reasons::kServerDraining, "resume elsewhere"));
  }

 private:
  Script& script_;
  BidiStream<IssueBatchResponse> stream_;
};

IssueBatchRequest Item(const std::string& id) {
  IssueBatchRequest request;
  request.mutable_items()->add_items()->set_item_id(id);
  return request;
}

class ServerStreamTest : public ::testing::Test {
 protected:
  ServerStreamTest()
      : directory_(MakeTestDirectory()),
        pki_(directory_),
        line_(pki_.Line("acme", "l1")) {}

  void Start(Router::Options options = {}) {
    router_ = std::make_unique<Router>(options, Clock::Real(), metrics_);
    router_->AddService(*IssueBatchRequest::descriptor()->file()->service(0));
    router_->Bidi<IssueBatchRequest, IssueBatchResponse>(
        kIssueBatch,
        [this](const CallContext& context,
               BidiStream<IssueBatchResponse> stream)
            -> absl::StatusOr<std::shared_ptr<BidiHandler<IssueBatchRequest>>> {
          EXPECT_EQ(context.caller().name, "l1");
          if (!script_.open.ok()) {
            return script_.open;
          }
          return std::make_shared<EchoHandler>(script_, std::move(stream));
        });
    ASSERT_OK_AND_ASSIGN(
        authenticator_,
        Authenticator::New(TestPki::kTrustDomain, pki_.trust(), Clock::Real()));
    ASSERT_OK_AND_ASSIGN(
        server_,
        Server::Start({.listen_addresses = {"unix:" + directory_ + "/s"},
                       .identity = pki_.Service("registration").files},
                      *router_, *authenticator_));
    channel_ = Connect(line_.files);
  }

  std::unique_ptr<GrpcChannel> Connect(const IdentityFiles& identity) {
    auto channel = GrpcChannel::New({.address = server_->addresses()[0],
                                     .server_name = "registration",
                                     .roots_file = pki_.trust().roots,
                                     .identity = identity});
    EXPECT_OK(channel);
    return channel.ok() ? *std::move(channel) : nullptr;
  }

  Client Open() {
    return channel_->Bidi<IssueBatchRequest, IssueBatchResponse>(kIssueBatch);
  }

  // Await waits until `counter` is `want`, and fails the test if that takes
  // too long.
  static void Await(const std::atomic<int>& counter, int want) {
    for (int i = 0; i < 10'000 && counter != want; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(counter, want);
  }

  const std::string directory_;
  TestPki pki_;
  const TestPki::Leaf line_;
  telemetry::Registry registry_;
  telemetry::RpcMetrics metrics_{registry_};
  Script script_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<GrpcChannel> channel_;
};

TEST_F(ServerStreamTest, EveryItemIsAnsweredInOrderAndHalfCloseEndsTheStream) {
  Start();
  Client client = Open();
  std::thread writer([&] {
    for (int i = 0; i < 2000; ++i) {
      EXPECT_TRUE(client.Write(Item(absl::StrCat(i))));
    }
    EXPECT_TRUE(client.WritesDone());
  });
  IssueBatchResponse response;
  int answers = 0;
  while (client.Read(response)) {
    EXPECT_EQ(response.results().results(0).item_id(), absl::StrCat(answers));
    ++answers;
  }
  writer.join();
  EXPECT_EQ(answers, 2000);
  EXPECT_OK(client.Finish());
  EXPECT_EQ(script_.half_closes, 1);
  EXPECT_EQ(script_.cancels, 0);
}

TEST_F(ServerStreamTest, NothingIsReadThatWasNotAskedFor) {
  script_.ask_for_more = false;
  Start();
  Client client = Open();
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(client.Write(Item(absl::StrCat(i))));
  }
  Await(script_.messages, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(script_.messages, 1);
  script_.streams[0].RequestNext();
  script_.streams[0].RequestNext();
  Await(script_.messages, 3);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(script_.messages, 3);
  client.Cancel();
}

TEST_F(ServerStreamTest, AFactoryThatFailsEndsTheStreamWithItsStatus) {
  script_.open = MakeError(absl::StatusCode::kFailedPrecondition,
                           reasons::kLineDisabled, "disabled");
  Start();
  Client client = Open();
  client.Write(Item("1"));
  IssueBatchResponse response;
  EXPECT_FALSE(client.Read(response));
  EXPECT_THAT(client.Finish(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                        reasons::kLineDisabled));
  EXPECT_EQ(script_.messages, 0);
}

TEST_F(ServerStreamTest, TheWrongRoleGetsNoStream) {
  Start();
  const auto operator_channel = Connect(pki_.Operator("alice").files);
  auto client = operator_channel->Bidi<IssueBatchRequest, IssueBatchResponse>(
      kIssueBatch);
  IssueBatchResponse response;
  EXPECT_FALSE(client.Read(response));
  EXPECT_THAT(client.Finish(), StatusIs(absl::StatusCode::kPermissionDenied,
                                        reasons::kCallerNotAllowed));
  EXPECT_EQ(script_.alive, 0);
}

TEST_F(ServerStreamTest, TheHandlerLearnsThatTheClientIsGone) {
  Start();
  {
    Client client = Open();
    EXPECT_TRUE(client.Write(Item("1")));
    IssueBatchResponse response;
    EXPECT_TRUE(client.Read(response));
    client.Cancel();
    EXPECT_FALSE(client.Read(response));
    EXPECT_THAT(client.Finish(), StatusIs(absl::StatusCode::kCancelled));
  }
  while (!script_.streams[0].IsOver()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(script_.streams[0].Write(IssueBatchResponse()));
  script_.streams.clear();
  Await(script_.alive, 0);
  // The stream is over a moment before the handler hears of it, so the counts
  // are right when the handler has gone. A client that is gone may look for a
  // moment like one that half-closed (bidi.h): then the handler may hear of
  // both, each once.
  EXPECT_GE(script_.cancels + script_.half_closes, 1);
  EXPECT_LE(script_.cancels, 1);
  EXPECT_LE(script_.half_closes, 1);
}

TEST_F(ServerStreamTest, AnUnfinishedClientStreamIsCancelledWhenItGoes) {
  Start();
  {
    Client client = Open();
    EXPECT_TRUE(client.Write(Item("1")));
    Await(script_.messages, 1);
  }
  while (!script_.streams[0].IsOver()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  script_.streams.clear();
  Await(script_.alive, 0);
}

TEST_F(ServerStreamTest, WhatWasWrittenBeforeFinishStillArrives) {
  script_.answers = 500;
  script_.answer_size = 1000;
  Start();
  Client client = Open();
  EXPECT_TRUE(client.Write(Item("1")));
  EXPECT_TRUE(client.WritesDone());
  Await(script_.half_closes, 1);
  IssueBatchResponse response;
  int answers = 0;
  while (client.Read(response)) {
    ++answers;
  }
  EXPECT_EQ(answers, 500);
  EXPECT_OK(client.Finish());
}

TEST_F(ServerStreamTest, AClientThatDoesNotReadLosesItsStream) {
  script_.answers = 100;
  script_.answer_size = 100'000;
  Start({.stream_write_bytes = 1'000'000});
  Client client = Open();
  EXPECT_TRUE(client.Write(Item("1")));
  Await(script_.cancels, 1);
  IssueBatchResponse response;
  while (client.Read(response)) {
  }
  const absl::Status status = client.Finish();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               reasons::kTooManyInFlight));
  EXPECT_GE(GetErrorInfo(status)->retry_after, absl::Seconds(1));
}

TEST_F(ServerStreamTest, AClientThatDoesNotEvenReadTheEndIsCutOff) {
  // More than gRPC keeps for a client that does not read.
  script_.answers = 2;
  script_.answer_size = 24'000'000;
  Start({.stream_write_bytes = 30'000'000});
  Client client = Open();
  EXPECT_TRUE(client.Write(Item("1")));
  Await(script_.cancels, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(script_.alive, 1);
  script_.streams[0].Cut();
  script_.streams.clear();
  Await(script_.alive, 0);
}

TEST_F(ServerStreamTest, WhoDoesNotReadIsNotListenedTo) {
  script_.answer_size = 4'000'000;
  Start({.stream_write_bytes = 100'000'000, .stream_unread_bytes = 300'000});
  Client client = Open();
  std::thread writer([&] {
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(client.Write(Item(absl::StrCat(i))));
    }
    client.WritesDone();
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(script_.messages, 10);
  IssueBatchResponse response;
  int answers = 0;
  while (client.Read(response)) {
    ++answers;
  }
  writer.join();
  EXPECT_EQ(answers, 20);
  EXPECT_OK(client.Finish());
}

TEST_F(ServerStreamTest, ShutdownLetsStreamsDrain) {
  Start();
  Client client = Open();
  EXPECT_TRUE(client.Write(Item("1")));
  IssueBatchResponse response;
  EXPECT_TRUE(client.Read(response));
  server_->Shutdown(absl::Seconds(20));
  EXPECT_FALSE(client.Read(response));
  EXPECT_THAT(client.Finish(), StatusIs(absl::StatusCode::kUnavailable,
                                        reasons::kServerDraining));
  EXPECT_EQ(script_.drains, 1);
  script_.streams.clear();
  EXPECT_EQ(script_.alive, 0);
}

TEST_F(ServerStreamTest, AServerThatVanishesBreaksTheStreamWithAWord) {
  Start();
  Client client = Open();
  EXPECT_TRUE(client.Write(Item("1")));
  Await(script_.messages, 1);
  script_.streams.clear();
  server_->Shutdown(absl::ZeroDuration());
  IssueBatchResponse response;
  while (client.Read(response)) {
  }
  EXPECT_THAT(client.Finish(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(ServerStreamTest, ManyStreamsWithWritersOfTheirOwn) {
  Start();
  std::vector<std::thread> clients;
  for (int c = 0; c < 16; ++c) {
    clients.emplace_back([&, c] {
      for (int round = 0; round < 10; ++round) {
        Client client = Open();
        for (int i = 0; i < 20; ++i) {
          client.Write(Item(absl::StrCat(c, "-", i)));
        }
        if (round % 3 == 2) {
          client.Cancel();
          continue;
        }
        client.WritesDone();
        IssueBatchResponse response;
        int answers = 0;
        while (client.Read(response)) {
          ++answers;
        }
        EXPECT_EQ(answers, 20);
        EXPECT_OK(client.Finish());
      }
    });
  }
  for (std::thread& client : clients) {
    client.join();
  }
  {
    std::lock_guard<std::mutex> lock(script_.mutex);
    script_.streams.clear();
  }
  Await(script_.alive, 0);
  server_->Shutdown(absl::Seconds(5));
  EXPECT_THAT(registry_.Text(), HasSubstr("birthmark_rpc_in_flight{method=\"" +
                                          std::string(kIssueBatch) + "\"} 0"));
}

}  // namespace
}  // namespace birthmark::rpc
