#include "lib/http/server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/clock.h"
#include "lib/base/testing.h"
#include "lib/http/response.h"
#include "lib/http/test_client.h"
#include "lib/telemetry/metrics.h"

namespace birthmark::http {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kGet[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr char kLater[] = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";

class ServerTest : public ::testing::Test {
 protected:
  void Start(ServerOptions options = {}) {
    options.listen_addresses = {"127.0.0.1:0"};
    options.metrics = &metrics_;
    ASSERT_OK_AND_ASSIGN(server_,
                         Server::Start(options, [this](const Request& request,
                                                       Responder responder) {
                           Handle(request, std::move(responder));
                         }));
  }

  // /later is kept, /thread answered by another thread, /large is 8 MiB.
  void Handle(const Request& request, Responder responder) {
    if (request.path == "/later") {
      const std::lock_guard<std::mutex> lock(mutex_);
      kept_.push_back(std::move(responder));
    } else if (request.path == "/thread") {
      const std::lock_guard<std::mutex> lock(mutex_);
      threads_.emplace_back([responder = std::move(responder),
                             text = std::string(request.query)]() mutable {
        responder.Send(TextResponse(200, text));
      });
    } else if (request.path == "/large") {
      Response response;
      response.body = large_;
      responder.Send(response);
    } else if (request.path != "/drop") {
      responder.Send(TextResponse(
          200, absl::StrCat("at ", request.path, " ", request.body)));
    }
  }

  size_t Kept() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return kept_.size();
  }

  // Eventually waits for `condition`, up to 20 seconds.
  template <typename Condition>
  bool Eventually(Condition condition) {
    for (int i = 0; i < 4000; ++i) {
      if (condition()) {
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }

  void TearDown() override {
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  telemetry::Registry registry_;
  ServerMetrics metrics_{registry_, "test"};
  const std::shared_ptr<const std::string> large_ =
      Shared(std::string(8 << 20, 'l'));
  std::mutex mutex_;
  std::vector<Responder> kept_;       // under mutex_
  std::vector<std::thread> threads_;  // under mutex_
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AConnectionServesManyRequests) {
  Start();
  TestClient client(server_->address());
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(client.Send(kGet));
    EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200 OK\r\nDate: "));
  }
  ASSERT_TRUE(
      client.Send("POST /p HTTP/1.1\r\nHost: x\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n"
                  "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("at /p abc"));
  EXPECT_EQ(metrics_.accepted.Value(), 1);
}

TEST_F(ServerTest, PipelinedAnswersKeepTheirOrderAcrossThreads) {
  Start();
  TestClient client(server_->address());
  std::string requests;
  for (int i = 0; i < 200; ++i) {
    absl::StrAppend(&requests, "GET /", i % 3 == 0 ? "inline" : "thread", "?",
                    i, " HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  std::thread sender([&] { client.Send(requests); });
  for (int i = 0; i < 200; ++i) {
    EXPECT_THAT(client.ReadAnswer(),
                HasSubstr(i % 3 == 0 ? "at /inline"
                                     : absl::StrCat("\r\n\r\n", i, "\n")));
  }
  sender.join();
}

TEST_F(ServerTest, HeadAndHttp10AreUnderstood) {
  Start();
  TestClient client(server_->address());
  client.Send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n");
  client.Send(kGet);
  EXPECT_THAT(client.ReadAnswer(/*head_only=*/true),
              HasSubstr("Content-Length: 7\r\n"));
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("at /a"));
  EXPECT_THAT(Fetch(server_->address(), "GET /a HTTP/1.0\r\n\r\n"),
              HasSubstr("Connection: close\r\n"));
}

TEST_F(ServerTest, BadRequestsAreAnsweredAndCounted) {
  Start();
  const std::string address = server_->address();
  EXPECT_THAT(Fetch(address, "nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(
      Fetch(address, absl::StrCat("GET / HTTP/1.1\r\nX: ",
                                  std::string(100000, 'x'), "\r\n\r\n")),
      StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Fetch(address, absl::StrCat("POST / HTTP/1.1\r\nHost: x\r\n"
                                          "Content-Length: 100000\r\n\r\n",
                                          std::string(100000, 'x'))),
              StartsWith("HTTP/1.1 413 "));
  // Whoever has the answer finds it counted.
  EXPECT_EQ(metrics_.malformed.Value(), 1);
  EXPECT_EQ(metrics_.oversized_header.Value(), 1);
  EXPECT_EQ(metrics_.oversized_body.Value(), 1);
}

TEST_F(ServerTest, AClientMayEndItsDirectionBeforeItsAnswer) {
  Start();
  TestClient client(server_->address());
  client.Send(kLater);
  client.EndSending();
  ASSERT_TRUE(Eventually([&] { return Kept() == 1; }));
  kept_[0].Send(TextResponse(200, "patience"));
  EXPECT_THAT(client.ReadAll(), HasSubstr("patience"));
}

TEST_F(ServerTest, AnswersToWhoHasGoneAreDropped) {
  Start();
  {
    TestClient client(server_->address());
    client.Send(kLater);
    ASSERT_TRUE(Eventually([&] { return Kept() == 1; }));
  }
  kept_[0].Send(TextResponse(200, "nobody"));
  EXPECT_THAT(Fetch(server_->address(), "GET /drop HTTP/1.0\r\n\r\n"),
              StartsWith("HTTP/1.1 500 "));
  TestClient client(server_->address());
  client.Send(kLater);
  ASSERT_TRUE(Eventually([&] { return Kept() == 2; }));
  server_.reset();
  kept_[1].Send(TextResponse(200, "nobody"));
}

TEST_F(ServerTest, SlowRequestsAreCut) {
  ServerOptions options;
  options.request_timeout = absl::Milliseconds(200);
  Start(options);
  TestClient header(server_->address());
  TestClient body(server_->address());
  header.Send("GET / HT");
  body.Send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
  EXPECT_THAT(header.ReadAll(), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(body.ReadAll(), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(metrics_.request_timeouts.Value(), 2);
}

TEST_F(ServerTest, IdleConnectionsAreClosed) {
  ServerOptions options;
  options.idle_timeout = absl::Seconds(2);
  Start(options);
  TestClient fresh(server_->address());
  TestClient used(server_->address());
  used.Send(kGet);
  EXPECT_THAT(used.ReadAnswer(), HasSubstr("at /a"));
  EXPECT_EQ(fresh.ReadAll(), "");
  EXPECT_EQ(used.ReadAll(), "");
  EXPECT_EQ(metrics_.idle_timeouts.Value(), 2);
}

TEST_F(ServerTest, AClientThatDoesNotReadIsCut) {
  ServerOptions options;
  options.write_timeout = absl::Milliseconds(300);
  Start(options);
  TestClient client(server_->address(), /*receive_buffer=*/4096);
  client.Send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(Eventually([&] { return metrics_.write_timeouts.Value() == 1; }));
  EXPECT_TRUE(Eventually([&] { return metrics_.connections.Value() == 0; }));
}

TEST_F(ServerTest, AClientThatReadsSlowlyGetsEverything) {
  ServerOptions options;
  options.write_timeout = absl::Seconds(5);
  Start(options);
  TestClient client(server_->address(), /*receive_buffer=*/65536);
  client.Send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  client.Send(kGet);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_GT(client.ReadAnswer().size(), large_->size());
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("at /a"));
}

TEST_F(ServerTest, BeyondTheLimitTheOldestIdleConnectionMakesRoom) {
  ServerOptions options;
  options.threads = 1;
  options.connections = 3;
  Start(options);
  std::vector<TestClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(server_->address());
    clients.back().Send(kGet);
    EXPECT_THAT(clients.back().ReadAnswer(), HasSubstr("at /a"));
  }
  clients[0].Send(kGet);  // Now the second is the oldest.
  EXPECT_THAT(clients[0].ReadAnswer(), HasSubstr("at /a"));
  EXPECT_THAT(Fetch(server_->address(), "GET /a HTTP/1.0\r\n\r\n"),
              HasSubstr("at /a"));
  EXPECT_EQ(clients[1].ReadAll(), "");
  EXPECT_EQ(metrics_.displaced.Value(), 1);
  clients[0].Send(kGet);
  EXPECT_THAT(clients[0].ReadAnswer(), HasSubstr("at /a"));
}

TEST_F(ServerTest, BeyondTheLimitOfBusyConnectionsNewOnesAreClosed) {
  ServerOptions options;
  options.threads = 1;
  options.connections = 2;
  Start(options);
  TestClient first(server_->address());
  TestClient second(server_->address());
  first.Send(kLater);
  second.Send(kLater);
  ASSERT_TRUE(Eventually([&] { return Kept() == 2; }));
  EXPECT_EQ(Fetch(server_->address(), kGet), "");
  EXPECT_EQ(metrics_.refused_limit.Value(), 1);
  kept_[0].Send(TextResponse(200, "still here"));
  kept_[1].Send(TextResponse(200, "still here"));
  EXPECT_THAT(first.ReadAnswer(), HasSubstr("still here"));
  EXPECT_THAT(second.ReadAnswer(), HasSubstr("still here"));
}

TEST_F(ServerTest, ManyIdleConnectionsHoldNobodyUp) {
  Start();
  std::vector<TestClient> idle;
  for (int i = 0; i < 400; ++i) {
    idle.emplace_back(server_->address());
    ASSERT_TRUE(idle.back().connected());
  }
  EXPECT_THAT(Fetch(server_->address(), "GET /a HTTP/1.0\r\n\r\n"),
              HasSubstr("at /a"));
  for (TestClient& client : idle) {
    client.Send(kGet);
  }
  for (TestClient& client : idle) {
    EXPECT_THAT(client.ReadAnswer(), HasSubstr("at /a"));
  }
  EXPECT_EQ(metrics_.connections.Value(), 400);
}

// Trickle sends a byte now and then on 32 connections, until told to stop.
void Trickle(const std::string& address, const std::atomic<bool>& stop) {
  std::vector<TestClient> clients;
  for (int i = 0; i < 32; ++i) {
    clients.emplace_back(address);
  }
  const std::string request = absl::StrCat(
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
      std::string(1000, 'x'));
  for (size_t i = 0; !stop && i < request.size(); ++i) {
    for (TestClient& client : clients) {
      client.Send(request.substr(i, 1));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

absl::Duration TimeOf(TestClient& client, int requests) {
  const absl::Duration start = Clock::Real().MonotonicNow();
  for (int i = 0; i < requests; ++i) {
    client.Send(kGet);
    EXPECT_THAT(client.ReadAnswer(), HasSubstr("at /a"));
  }
  return Clock::Real().MonotonicNow() - start;
}

TEST_F(ServerTest, ClientsOfAByteASecondHoldNobodyUp) {
  ServerOptions options;
  options.threads = 1;
  options.request_timeout = absl::Seconds(2);
  Start(options);
  TestClient client(server_->address());
  const absl::Duration alone = TimeOf(client, 200);
  std::atomic<bool> stop{false};
  std::thread trickle([&] { Trickle(server_->address(), stop); });
  ASSERT_TRUE(Eventually([&] { return metrics_.connections.Value() == 33; }));
  const absl::Duration together = TimeOf(client, 200);
  EXPECT_TRUE(
      Eventually([&] { return metrics_.request_timeouts.Value() == 32; }));
  stop = true;
  trickle.join();
  // One that waited for another would take two seconds.
  EXPECT_LT(together, 20 * alone + absl::Milliseconds(1500));
}

TEST_F(ServerTest, ShutdownLetsWhatWasAskedBeAnswered) {
  Start();
  TestClient idle(server_->address());
  TestClient busy(server_->address());
  busy.Send(kLater);
  ASSERT_TRUE(Eventually([&] { return Kept() == 1; }));
  std::thread shutdown([&] { server_->Shutdown(absl::Seconds(30)); });
  EXPECT_EQ(idle.ReadAll(), "");
  EXPECT_FALSE(TestClient(server_->address()).connected());
  kept_[0].Send(TextResponse(200, "the last"));
  const std::string answer = busy.ReadAll();
  EXPECT_THAT(answer, HasSubstr("the last"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  shutdown.join();
  server_->Shutdown(absl::Seconds(30));
}

TEST_F(ServerTest, ShutdownWaitsNoLongerThanItMay) {
  Start();
  TestClient busy(server_->address());
  busy.Send(kLater);
  ASSERT_TRUE(Eventually([&] { return Kept() == 1; }));
  server_->Shutdown(absl::Milliseconds(50));
  EXPECT_EQ(busy.ReadAll(), "");
  EXPECT_EQ(metrics_.connections.Value(), 0);
}

TEST_F(ServerTest, WithoutDescriptorsItWaitsForSome) {
  ServerOptions options;
  options.threads = 1;
  Start(options);
  TestClient first(server_->address());
  first.Send(kLater);
  ASSERT_TRUE(Eventually([&] { return Kept() == 1; }));
  TestClient waiting(server_->address());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(Eventually([&] { return metrics_.accepted.Value() == 2; }));
  std::vector<int> taken;
  rlimit low = before;
  low.rlim_cur = std::min<rlim_t>(before.rlim_cur, 256);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  while (true) {
    const int descriptor = dup(0);
    if (descriptor < 0) {
      break;
    }
    taken.push_back(descriptor);
  }
  ASSERT_FALSE(taken.empty());
  close(taken.back());
  taken.pop_back();
  TestClient late(server_->address());
  EXPECT_TRUE(late.connected());
  EXPECT_TRUE(
      Eventually([&] { return metrics_.refused_descriptors.Value() >= 1; }));
  for (const int descriptor : taken) {
    close(descriptor);
  }
  setrlimit(RLIMIT_NOFILE, &before);
  late.Send(kGet);
  EXPECT_THAT(late.ReadAnswer(), HasSubstr("at /a"));
}

TEST(ServerStartTest, RefusesWhatCannotBeServed) {
  const Handler handler = [](const Request&, Responder) {};
  ServerOptions good;
  good.listen_addresses = {"127.0.0.1:0"};
  const auto refused = [&](auto change) {
    ServerOptions options = good;
    change(options);
    return Server::Start(options, handler).status().code() ==
           absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused([](auto& o) { o.listen_addresses = {}; }));
  EXPECT_TRUE(refused([](auto& o) { o.listen_addresses = {"nowhere"}; }));
  EXPECT_TRUE(refused([](auto& o) { o.threads = -1; }));
  EXPECT_TRUE(refused([](auto& o) { o.connections = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.pipelined_requests = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.header_bytes = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.idle_timeout = absl::ZeroDuration(); }));
  EXPECT_THAT(Server::Start(good, nullptr),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ServerStartTest, ListensOnSeveralAddresses) {
  ServerOptions options;
  options.listen_addresses = {"127.0.0.1:0", "127.0.0.1:0"};
  ASSERT_OK_AND_ASSIGN(
      auto server,
      Server::Start(options, [](const Request&, Responder responder) {
        responder.Send(TextResponse(200, "here"));
      }));
  ASSERT_EQ(server->addresses().size(), 2u);
  for (const std::string& address : server->addresses()) {
    EXPECT_THAT(Fetch(address, "GET / HTTP/1.0\r\n\r\n"), HasSubstr("here"));
  }
}

}  // namespace
}  // namespace birthmark::http
